"""What onMetaData says about the tracks to come (FLV specification 10.1, E.5)."""

from __future__ import annotations

from providers.local.codecs.aac import RATES, AacConfig, parse_aac_config
from providers.local.codecs.bits import pack_bits
from providers.local.rtmp import amf0
from providers.local.rtmp.errors import RtmpError

_AAC = (10, "mp4a")
"""audiocodecid as a number (E.4.2.1) or as the fourcc that some encoders write."""

_DEFAULT_RATE = 48_000
_LC, _MONO, _STEREO = 2, 1, 2


def announced_audio(script: bytes) -> AacConfig | None:
    """The AAC that a script tag announces: AAC-LC of the rate and channels named. None if it announces none.

    The sequence header says exactly what comes; until it is there, silence of this kind may stand in for it.
    """
    if b"onMetaData" not in script:
        return None
    try:
        values = amf0.decode(script)
    except RtmpError:
        return None
    said = next((each for each in values if isinstance(each, dict)), {})
    if said.get("audiocodecid") not in _AAC:
        return None
    rate = said.get("audiosamplerate")
    index = RATES.index(int(rate)) if isinstance(rate, float) and rate in RATES else RATES.index(_DEFAULT_RATE)
    mono = said.get("audiochannels") == 1 or said.get("stereo") is False
    return parse_aac_config(pack_bits((_LC, 5), (index, 4), (_MONO if mono else _STEREO, 4), (0, 3)))
