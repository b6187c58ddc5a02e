"""The audio that onMetaData announces (FLV specification 10.1, E.5)."""

from __future__ import annotations

from providers.local.codecs.aac import RATES, AacConfig, parse_aac_config
from providers.local.codecs.bits import pack_bits
from providers.local.flv.metadata import read_metadata

_AAC = (10, "mp4a")
"""audiocodecid as a number (E.4.2.1), or as the fourcc that some encoders write."""

_DEFAULT_RATE = 48_000
_LC, _MONO, _STEREO = 2, 1, 2


def announced_audio(script: bytes) -> AacConfig | None:
    """Return the AAC that a script tag announces: AAC-LC with its rate and channels. None if it announces none.

    Only the sequence header is exact. Until it arrives, silence in this format can fill the audio track.
    """
    properties = read_metadata(script)
    if properties is None or properties.get("audiocodecid") not in _AAC:
        return None
    rate = properties.get("audiosamplerate")
    index = RATES.index(int(rate)) if isinstance(rate, float) and rate in RATES else RATES.index(_DEFAULT_RATE)
    mono = properties.get("audiochannels") == 1 or properties.get("stereo") is False
    return parse_aac_config(pack_bits((_LC, 5), (index, 4), (_MONO if mono else _STEREO, 4), (0, 3)))
