"""The table of diagnostics: what can be wrong with a stream, how to detect it, what viewers notice, and which OBS setting fixes it.

Menu names are those of OBS Studio 30 and later. `diagnostics.py` applies the table; `measurements.py` defines the names used in it.
"""

from __future__ import annotations

from providers.health import RecordingState, RefusalKind
from service.domain.health.thresholds import (
    APART,
    BASIC_PROFILES,
    BEHIND,
    EFFICIENT_AUDIO,
    ERROR,
    FAR_ABOVE,
    FAR_BELOW,
    HIGHEST_FPS,
    HIGHEST_LEVEL,
    INFO,
    IRREGULAR,
    LONGEST_INTERVAL,
    LOWEST_AUDIO_KBPS,
    LOWEST_FPS,
    MISSING_AFTER,
    MISSING_FRAMES,
    NO_KEYFRAME_FOR,
    OVERSHOOT,
    SETTLED_AFTER,
    SHORTEST_INTERVAL,
    SILENT_AFTER,
    STALLS,
    UNPLAYABLE_PROFILES,
    USUAL_SAMPLE_RATES,
    WARNING,
    HealthRule,
)

_OUTPUT = "OBS: Settings → Output"
_ADVANCED = f"{_OUTPUT} → Output Mode: Advanced → Streaming"
_BITRATE = f"{_OUTPUT} → Video Bitrate (Output Mode Simple), or Streaming → Bitrate (Advanced)"
_FPS = "OBS: Settings → Video → Common FPS Values"
_SIZE = "OBS: Settings → Video → Output (Scaled) Resolution"
_STATS = "OBS: Docks → Stats"
_INTERVAL = f"{_ADVANCED} → Keyframe Interval: 2 s"
_KEYFRAMES = f"{_INTERVAL}. (Output Mode Simple has no such field.)"
_FRAMES = (
    f"{_STATS}: if Dropped Frames (Network) grow, lower the bitrate; if Skipped frames due to encoding lag grow, choose a "
    "faster encoder preset"
)

_ASK_THE_OPERATOR = "Ask the operator of the server to free disk space."
_REFUSED = "An encoder was refused: {v.refusal.sentence}"
_START_AGAIN = (
    "Then start the stream again. For up to a minute after a refusal the server answers with the same sentence."
)

RULES = (
    HealthRule(
        "codec_refused",
        ERROR,
        lambda v: v.refused_for(RefusalKind.CODEC),
        _REFUSED,
        f"{_OUTPUT} → Video Encoder: an H.264 one (x264, NVENC H.264), Audio Encoder: AAC. {_START_AGAIN}",
    ),
    HealthRule(
        "bitrate_refused",
        ERROR,
        lambda v: v.refused_for(RefusalKind.BITRATE),
        _REFUSED,
        f"{_BITRATE}. {_START_AGAIN}",
    ),
    HealthRule(
        "recording_stopped",
        ERROR,
        lambda v: v.recording is RecordingState.STOPPED_DISK_FULL,
        "The stream is no longer recorded: the disk of the server is nearly full. Viewers can still watch it live.",
        f"{_ASK_THE_OPERATOR} The next stream is recorded again.",
    ),
    HealthRule(
        "disk_full",
        ERROR,
        lambda v: v.recording is RecordingState.REFUSED_DISK_FULL,
        "A stream cannot start: the disk of the server is nearly full.",
        _ASK_THE_OPERATOR,
    ),
    HealthRule(
        "video_missing",
        WARNING,
        lambda v: not v.has_video and v.delivery.seconds >= MISSING_AFTER,
        "Audio arrives, but no video.",
        "Add a video track in the encoder. OBS always sends one; other encoders may leave it out.",
    ),
    HealthRule(
        "video_stopped",
        ERROR,
        lambda v: v.video_absent_for >= MISSING_AFTER,
        "The video stopped {v.video_absent_for:.0f} s ago; only audio still arrives.",
        f"Stop and start the stream. {_STATS} shows whether frames are skipped; choose a faster encoder preset if they are.",
    ),
    HealthRule(
        "keyframes_missing",
        ERROR,
        lambda v: v.since_keyframe > NO_KEYFRAME_FOR,
        "No keyframe for {v.since_keyframe:.0f} s; until the next one, no viewer can join.",
        _KEYFRAMES,
        of_passthrough=True,
    ),
    HealthRule(
        "profile_unplayable",
        ERROR,
        lambda v: v.profile in UNPLAYABLE_PROFILES,
        "The video is encoded as H.264 {v.profile}, which most browsers cannot play.",
        "OBS: Settings → Advanced → Video → Color Format: NV12 (8-bit, 4:2:0, 2 planes); and Output → Streaming → Profile: high.",
        of_passthrough=True,
    ),
    HealthRule(
        "upload_slow",
        ERROR,
        lambda v: v.delivery.behind >= BEHIND,
        "The stream fell {v.delivery.behind:.1f} s behind within a minute: your upload (or the encoder) is too slow for it.",
        f"Lower the bitrate. {_BITRATE}. A network cable instead of Wi-Fi may help, too.",
    ),
    HealthRule(
        "keyframes_rare",
        WARNING,
        lambda v: v.keyframe_interval > LONGEST_INTERVAL and not v.since_keyframe > NO_KEYFRAME_FOR,
        "Keyframes come every {v.keyframe_interval:.1f} s; viewers wait that long to join.",
        _KEYFRAMES,
        of_passthrough=True,
    ),
    HealthRule(
        "tracks_apart",
        WARNING,
        lambda v: abs(v.delivery.apart) >= APART,
        "The timestamps of audio and video are {v.apart:.1f} s apart; both are played as they arrive and may be out of sync.",
        "Restart the encoder. With ffmpeg, remove -itsoffset; if it happens again, update the encoder.",
    ),
    HealthRule(
        "audio_late",
        WARNING,
        lambda v: v.delivery.audio_late > 0,
        "Audio arrives {v.delivery.audio_late:.1f} s after its video, too late to be played; viewers hear silence.",
        "OBS: Advanced Audio Properties → Sync Offset: 0 ms; then stop and start the stream.",
    ),
    HealthRule(
        "timestamps_backwards",
        WARNING,
        lambda v: v.delivery.backwards > 0,
        "Timestamps that went backwards in the last minute: {v.delivery.backwards}; players stutter there.",
        "Restart the encoder; if it happens again, update it. With ffmpeg, do not copy timestamps of a broken source.",
    ),
    HealthRule(
        "gaps",
        WARNING,
        lambda v: v.delivery.gaps > 0,
        "Gaps in the last minute: {v.delivery.gaps}, the longest {v.delivery.longest_gap:.1f} s; players freeze or skip there.",
        f"{_FRAMES}.",
    ),
    HealthRule(
        "arrival_uneven",
        WARNING,
        lambda v: v.delivery.stalls >= STALLS,
        "Nothing arrived for a second or more, {v.delivery.stalls} times in the last minute: the connection is uneven.",
        f"Use a network cable instead of Wi-Fi, and leave a reserve in the upload. {_BITRATE}.",
    ),
    HealthRule(
        "audio_missing",
        WARNING,
        lambda v: not v.has_audio and v.delivery.seconds >= MISSING_AFTER,
        "No audio arrives.",
        f"{_ADVANCED} → Audio Track: 1, and Settings → Audio → Global Audio Devices. If this is intended, there is nothing to do.",
    ),
    HealthRule(
        "audio_stopped",
        WARNING,
        lambda v: v.audio_absent_for >= MISSING_AFTER,
        "The audio stopped {v.audio_absent_for:.0f} s ago.",
        "Check the microphone and OBS: Settings → Audio → Global Audio Devices, then stop and start the stream.",
    ),
    HealthRule(
        "audio_silent",
        WARNING,
        lambda v: v.silent_for >= SILENT_AFTER and not v.audio_absent_for >= MISSING_AFTER,
        "Only silence arrives, for {v.silent_for:.0f} s: is the microphone muted?",
        "OBS: Audio Mixer: unmute the source and check that its level moves; else choose the device in Settings → Audio → "
        "Global Audio Devices. If silence is intended, there is nothing to do.",
    ),
    HealthRule(
        "frames_missing",
        WARNING,
        lambda v: v.fps < v.declared_fps * MISSING_FRAMES and v.delivery.seconds >= SETTLED_AFTER,
        "The encoder declares {v.declared_fps:.4g} frames a second and sends {v.fps:.3g}.",
        f"{_FRAMES} or a smaller resolution.",
    ),
    HealthRule(
        "fps_low",
        WARNING,
        lambda v: v.fps < LOWEST_FPS,
        "Only {v.fps:.3g} frames a second: motion looks jerky.",
        f"{_FPS}: 30.",
    ),
    HealthRule(
        "bitrate_high",
        WARNING,
        lambda v: v.kbps > v.usual_high * FAR_ABOVE and v.delivery.seconds >= SETTLED_AFTER,
        "{v.kbps:.0f} kbit/s is far more than {v.width:.0f}x{v.height:.0f} needs (usually up to {v.usual_high:.0f}); "
        "viewers with slow connections may not be able to follow.",
        f"{_BITRATE}: up to {{v.usual_high:.0f}} Kbps.",
    ),
    HealthRule(
        "level_high",
        WARNING,
        lambda v: v.level_number > HIGHEST_LEVEL + 0.01,
        "The video is encoded at H.264 level {v.level}; phones and older computers decode up to 5.1.",
        f"{_SIZE}: 1920x1080, and Common FPS Values: 30 or 60.",
        of_passthrough=True,
    ),
    HealthRule(
        "size_odd",
        WARNING,
        lambda v: v.width % 2 == 1 or v.height % 2 == 1,
        "The video is {v.width:.0f}x{v.height:.0f}; some players show odd sizes with a green edge or not at all.",
        f"{_SIZE}: even numbers, e.g. 1280x720.",
        of_passthrough=True,
    ),
    HealthRule(
        "channels_many",
        WARNING,
        lambda v: v.channels > 2,
        "The audio has {v.channels:.0f} channels; some browsers play only two.",
        "OBS: Settings → Audio → Channels: Stereo.",
        of_passthrough=True,
    ),
    HealthRule(
        "keyframes_frequent",
        INFO,
        lambda v: v.keyframe_interval < SHORTEST_INTERVAL,
        "Keyframes come every {v.keyframe_interval:.2f} s, which costs quality.",
        _KEYFRAMES,
        of_passthrough=True,
    ),
    HealthRule(
        "keyframes_irregular",
        INFO,
        lambda v: v.longest_interval - v.shortest_interval > v.keyframe_interval * IRREGULAR,
        "Keyframes come unevenly, {v.shortest_interval:.1f} to {v.longest_interval:.1f} s apart, and so do segments.",
        f"{_INTERVAL}, and x264 Options: scenecut=0.",
        of_passthrough=True,
    ),
    HealthRule(
        "profile_basic",
        INFO,
        lambda v: v.profile in BASIC_PROFILES and not v.fastest_preset,
        "The video is encoded as H.264 {v.profile}, which looks worse than High at the same bitrate.",
        f"{_ADVANCED} → Profile: high.",
    ),
    HealthRule(
        "preset_fastest",
        INFO,
        lambda v: v.profile in BASIC_PROFILES and v.fastest_preset,
        "The video is encoded with x264's preset ultrafast, which looks worse than any other preset at the same bitrate.",
        f"{_ADVANCED} → CPU Usage Preset: superfast or veryfast, if the computer is fast enough.",
    ),
    HealthRule(
        "fps_high",
        INFO,
        lambda v: v.fps > HIGHEST_FPS,
        "{v.fps:.0f} frames a second: many screens show 60, and the bitrate is spent on the rest.",
        f"{_FPS}: 60 or 30.",
    ),
    HealthRule(
        "bitrate_low",
        INFO,
        lambda v: v.set_kbps < v.usual_low * FAR_BELOW and v.delivery.seconds >= SETTLED_AFTER,
        "{v.set_kbps:.0f} kbit/s is little for {v.width:.0f}x{v.height:.0f} (usually from {v.usual_low:.0f}); "
        "motion may look blocky.",
        f"{_BITRATE}: {{v.usual_low:.0f}} Kbps or more, or a smaller resolution (Settings → Video → Output (Scaled) Resolution).",
    ),
    HealthRule(
        "bitrate_overshoots",
        INFO,
        lambda v: v.kbps > v.declared_kbps * OVERSHOOT and v.delivery.seconds >= SETTLED_AFTER,
        "The encoder declares {v.declared_kbps:.0f} kbit/s of video and sends {v.kbps:.0f}.",
        f"{_ADVANCED} → Rate Control: CBR.",
    ),
    HealthRule(
        "size_differs",
        INFO,
        lambda v: abs(v.width - v.declared_width) > 1 or abs(v.height - v.declared_height) > 1,
        "The encoder declares {v.declared_width:.0f}x{v.declared_height:.0f} and sends {v.width:.0f}x{v.height:.0f}.",
        f"Stop and start the stream after a change of size. {_SIZE}.",
    ),
    HealthRule(
        "b_frames",
        INFO,
        lambda v: v.b_frames and v.low_latency,
        "B-frames are on: frames wait for later ones, which adds to the latency.",
        f"{_ADVANCED} → Tune: zerolatency (x264), or B-Frames: 0 (NVENC).",
    ),
    HealthRule(
        "sample_rate_unusual",
        INFO,
        lambda v: v.sample_rate > 0 and v.sample_rate not in USUAL_SAMPLE_RATES,
        "The audio has {v.sample_rate:.0f} Hz; 48000 is what players expect.",
        "OBS: Settings → Audio → Sample Rate: 48 kHz.",
    ),
    HealthRule(
        "mono",
        INFO,
        lambda v: v.channels == 1,
        "The audio is mono.",
        "OBS: Settings → Audio → Channels: Stereo. If this is intended, there is nothing to do.",
    ),
    HealthRule(
        "audio_bitrate_low",
        INFO,
        lambda v: (
            v.set_audio_kbps < LOWEST_AUDIO_KBPS
            and v.channels > 1
            and v.audio_profile not in EFFICIENT_AUDIO
            and not v.silent_for >= SILENT_AFTER
            and v.delivery.seconds >= SETTLED_AFTER
        ),
        "{v.set_audio_kbps:.0f} kbit/s is little for {v.channels:.0f} channels of audio; music sounds dull.",
        f"{_OUTPUT} → Audio Bitrate (Output Mode Simple), or Audio → Track 1 → Audio Bitrate (Advanced): 128 or more.",
    ),
)
