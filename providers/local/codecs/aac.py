"""AAC headers: parses AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) and encodes a silent frame (4.4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.local.codecs.bits import BitReader, pack_bits
from providers.local.codecs.errors import MalformedMedia, UnsupportedCodec

RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_RATE_IN_FULL = 15
MIN_RATE, MAX_RATE = 7_350, 96_000
"""Accepted sample rates in Hz."""

_LC, _SBR, _PS = 2, 5, 29
_PROFILE_NAMES = {_LC: "LC", _SBR: "HE-AAC", _PS: "HE-AAC v2"}
# syncExtensionType: SBR, or parametric stereo, is signalled behind the configuration (1.6.2.1).
_SYNC_SBR, _SYNC_PS = 0x2B7, 0x548
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)

_SCE, _CPE, _LFE, _END = 0, 1, 3, 7
_ELEMENTS = (
    (), (_SCE,), (_CPE,), (_SCE, _CPE), (_SCE, _CPE, _SCE), (_SCE, _CPE, _CPE),
    (_SCE, _CPE, _CPE, _LFE), (_SCE, _CPE, _CPE, _CPE, _LFE),
)  # fmt: skip
"""Syntactic elements of a frame by channelConfiguration (1.6.3.5)."""


@dataclass(frozen=True, slots=True)
class AacConfig:
    """The sequence header of an audio track.

    `sample_rate` (Hz), `channels` and `frame_samples` describe the decoded audio: SBR doubles the core's rate, parametric stereo
    has 2 channels. `silence` is one encoded silent frame.
    """

    config: bytes = field(repr=False)
    codec: str
    sample_rate: int
    channels: int
    frame_samples: int
    silence: bytes = field(repr=False)

    @property
    def profile_name(self) -> str:
        """The audio object type: LC, HE-AAC or HE-AAC v2."""
        return _PROFILE_NAMES[int(self.codec.rpartition(".")[2])]

    def decodes_like(self, other: AacConfig) -> bool:
        """Return whether decoders produce the same format for both."""
        mine = (self.codec, self.sample_rate, self.channels, self.frame_samples)
        return mine == (other.codec, other.sample_rate, other.channels, other.frame_samples)


def parse_aac_config(config: bytes) -> AacConfig:
    """Parse an AudioSpecificConfig, which goes into `esds` unchanged. Raise UnsupportedCodec or MalformedMedia.

    HE-AAC is detected by explicit signalling, hierarchical or backward compatible (1.6.5). With implicit signalling the core's
    rate and frame length are used: the durations are the same.
    """
    bits = BitReader(config)
    object_type = _read_object_type(bits)
    rate = extension_rate = _read_rate(bits)
    layout = bits.read(4)
    sbr, ps = object_type in (_SBR, _PS), object_type == _PS
    if sbr:
        extension_rate = _read_rate(bits)
        object_type = _read_object_type(bits)
    if object_type != _LC:
        raise UnsupportedCodec(f"AAC object type {object_type} is not supported here: set the encoder to AAC-LC.")
    if not 0 < layout < len(_CHANNELS):
        raise UnsupportedCodec("This AAC channel layout is not supported here: set the encoder to stereo.")
    core_samples = 960 if bits.flag() else 1024  # frameLengthFlag (4.4.1)
    if bits.flag():  # dependsOnCoreCoder
        bits.read(14)
    bits.read(1)  # extensionFlag
    if not sbr:
        sbr, ps, extension_rate = _read_sync_extension(bits, rate)
    # SBR doubles the rate unless it is downsampled: decoders then output the core's rate.
    samples = core_samples * 2 if sbr and extension_rate == rate * 2 else core_samples
    return AacConfig(
        config,
        f"mp4a.40.{_PS if ps else _SBR if sbr else _LC}",
        extension_rate if sbr else rate,
        2 if ps else _CHANNELS[layout],
        samples,
        _silent_frame(layout),
    )


def _read_object_type(bits: BitReader) -> int:
    object_type = bits.read(5)
    # 31 escapes to six further bits (GetAudioObjectType, 1.6.2.1).
    return object_type if object_type != 31 else 32 + bits.read(6)


def _read_rate(bits: BitReader) -> int:
    index = bits.read(4)
    if index != _RATE_IN_FULL and index >= len(RATES):
        raise MalformedMedia(f"the AAC sequence header has sample rate index {index}")
    rate = bits.read(24) if index == _RATE_IN_FULL else RATES[index]
    if not MIN_RATE <= rate <= MAX_RATE:
        raise MalformedMedia(f"the AAC sequence header has a sample rate of {rate} Hz")
    return rate


def _read_sync_extension(bits: BitReader, rate: int) -> tuple[bool, bool, int]:
    """Read SBR and PS signalled after an LC configuration (1.6.6.1): whether SBR, whether PS, the rate with them.

    An invalid extension counts as absent, because old decoders do not read it either.
    """
    try:
        if bits.left < 16 or bits.read(11) != _SYNC_SBR or bits.read(5) != _SBR or not bits.flag():
            return False, False, rate
        extension_rate = _read_rate(bits)
        ps = bits.left >= 12 and bits.read(11) == _SYNC_PS and bits.flag()
    except MalformedMedia:
        return False, False, rate
    return True, ps, extension_rate


def _silent_frame(layout: int) -> bytes:
    """Encode a raw_data_block (4.4.2.1) with max_sfb 0 in each channel: no spectrum, so a decoder outputs zeros."""
    fields: list[tuple[int, int]] = []
    for number, element in enumerate(_ELEMENTS[layout]):
        fields += [(element, 3), (number, 4)]
        if element == _CPE:
            fields += [(1, 1), (0, 11), (0, 2)]  # common_window, ics_info, ms_mask_present
            fields += [(0, 11)] * 2  # global_gain, pulse, tns and gain control flags, twice
        else:
            fields += [(0, 8), (0, 11), (0, 3)]  # global_gain, ics_info, the three flags
    return pack_bits(*fields, (_END, 3))
