"""Parses H.264 headers: AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) and its SPS (H.264 7.3.2.1.1, E.1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from providers.local.codecs.bits import BitReader
from providers.local.codecs.errors import MalformedMedia

MAX_DIMENSION = 16_384
"""The largest accepted width or height in luma samples; level 6.2 allows less."""

MAX_FRAME_RATE = 1_000.0
"""A higher frame rate in the VUI is ignored, in frames per second."""

_SPS_OFFSET = 6
_EXTENDED_SAR = 255
_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MAX_POC_CYCLE = 255
_PROFILE_NAMES = {
    66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2", 244: "High 4:4:4 Predictive",
}  # fmt: skip
"""profile_idc (A.2)."""

_CONSTRAINED, _LEVEL_1B = 0x40, 0x10
"""constraint_set1_flag and constraint_set3_flag (7.4.2.1.1)."""


@dataclass(frozen=True, slots=True)
class AvcConfig:
    """The sequence header of a video track. `width` and `height` after cropping; `frame_rate` is 0.0 if unknown.

    `profile`, `constraints` and `level` are bytes 1 to 3 of the SPS (7.3.2.1.1).
    """

    record: bytes = field(repr=False)
    codec: str
    profile: int
    constraints: int
    level: int
    width: int
    height: int
    frame_rate: float

    @property
    def profile_name(self) -> str:
        """The profile's name, such as Constrained Baseline or High."""
        name = _PROFILE_NAMES.get(self.profile, f"profile {self.profile}")
        return f"Constrained {name}" if name == "Baseline" and self.constraints & _CONSTRAINED else name

    @property
    def level_name(self) -> str:
        """The level, such as 3.1: level_idc divided by ten, except for level 1b (A.3.1)."""
        if self.level == 9 or (self.level == 11 and self.profile in (66, 77, 88) and self.constraints & _LEVEL_1B):
            return "1b"
        return f"{self.level // 10}.{self.level % 10}"


def parse_avc_config(record: bytes) -> AvcConfig:
    """Parse the record, which goes into `avcC` unchanged. Raise MalformedMedia."""
    if len(record) < _SPS_OFFSET + 2 or record[0] != 1 or not record[5] & 0x1F:
        raise MalformedMedia("the H.264 sequence header is not an AVCDecoderConfigurationRecord with an SPS")
    start = _SPS_OFFSET + 2
    end = start + int.from_bytes(record[_SPS_OFFSET:start], "big")
    sps = record[start:end]
    if len(sps) < 4 or end > len(record):
        raise MalformedMedia("the H.264 sequence header ends inside its SPS")
    width, height, frame_rate = _parse_sps(sps)
    return AvcConfig(record, f"avc1.{sps[1:4].hex()}", sps[1], sps[2], sps[3], width, height, frame_rate)


def parameter_sets(record: bytes) -> bytes:
    """Return SPS and PPS of the record as in samples, each after its size; nothing if the record is incomplete."""
    # lengthSizeMinusOne: the bytes of each NAL unit's size in samples (14496-15 5.3.3.1.2).
    size_bytes = (record[4] & 0x03) + 1
    found: list[bytes] = []
    position = _SPS_OFFSET - 1
    for mask in (0x1F, 0xFF):  # numOfSequenceParameterSets has 5 bits, numOfPictureParameterSets 8
        if position >= len(record):
            return b""
        count, position = record[position] & mask, position + 1
        for _ in range(count):
            size = int.from_bytes(record[position : position + 2], "big")
            nal = record[position + 2 : position + 2 + size]
            position += 2 + size
            if len(nal) < size or size >> 8 * size_bytes:
                return b""
            found.append(size.to_bytes(size_bytes, "big") + nal)
    return b"".join(found)


def _parse_sps(nal: bytes) -> tuple[int, int, float]:
    # Remove emulation prevention bytes before parsing (7.3.1).
    bits = BitReader(nal[1:].replace(b"\0\0\3", b"\0\0"))
    profile = bits.read(8)
    bits.read(16)  # constraint flags, level_idc
    bits.unsigned()  # seq_parameter_set_id
    # Absent in the other profiles: 4:2:0 (7.4.2.1.1).
    chroma_format = _read_chroma(bits) if profile in _PROFILES_WITH_CHROMA else 1
    _skip_pic_order_cnt(bits)
    width_in_mbs = bits.unsigned() + 1
    height_in_units = bits.unsigned() + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.read(1)  # mb_adaptive_frame_field_flag
    bits.read(1)  # direct_8x8_inference_flag
    crop_x, crop_y = _read_cropping(bits, chroma_format, frames_only)
    width = width_in_mbs * 16 - crop_x
    # A map unit of a stream with fields is two macroblocks high (7.4.2.1.1, FrameHeightInMbs).
    height = height_in_units * 16 * (1 if frames_only else 2) - crop_y
    if not (0 < width <= MAX_DIMENSION and 0 < height <= MAX_DIMENSION):
        raise MalformedMedia(f"the H.264 sequence header has a frame size of {width} x {height}")
    return width, height, _read_frame_rate(bits)


def _read_chroma(bits: BitReader) -> int:
    """Return chroma_format_idc, or 0 if the planes are separate (ChromaArrayType, 7.4.2.1.1)."""
    chroma_format = bits.unsigned()
    separate = chroma_format == 3 and bits.flag()
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.read(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():  # seq_scaling_matrix_present_flag
        for index in range(12 if chroma_format == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return 0 if separate else chroma_format


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """Skip a scaling list (7.3.2.1.1.1)."""
    last = next_scale = 8
    for _ in range(size):
        if next_scale:
            next_scale = (last + bits.signed()) % 256
        last = next_scale or last


def _skip_pic_order_cnt(bits: BitReader) -> None:
    bits.unsigned()  # log2_max_frame_num_minus4
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        cycle = bits.unsigned()
        if cycle > _MAX_POC_CYCLE:
            raise MalformedMedia("the H.264 sequence header has too many reference frames in a cycle")
        for _ in range(cycle):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)  # gaps_in_frame_num_value_allowed_flag


def _read_cropping(bits: BitReader, chroma_format: int, frames_only: bool) -> tuple[int, int]:
    """Return the luma samples cropped in each direction (7.4.2.1.1, equations 7-19 to 7-22)."""
    if not bits.flag():
        return 0, 0
    left, right, top, bottom = (bits.unsigned() for _ in range(4))
    unit_x = 2 if chroma_format in (1, 2) else 1
    unit_y = (2 if chroma_format == 1 else 1) * (1 if frames_only else 2)
    return (left + right) * unit_x, (top + bottom) * unit_y


def _read_frame_rate(bits: BitReader) -> float:
    """Return the frame rate in the VUI (E.2.1); 0.0 if it is absent, invalid or too high. Encoders may leave it out."""
    try:
        if not bits.flag():
            return 0.0
        if bits.flag() and bits.read(8) == _EXTENDED_SAR:
            bits.read(32)
        if bits.flag():  # overscan_info_present_flag
            bits.read(1)
        if bits.flag():  # video_signal_type_present_flag
            bits.read(4)
            if bits.flag():
                bits.read(24)
        if bits.flag():  # chroma_loc_info_present_flag
            bits.unsigned()
            bits.unsigned()
        if not bits.flag():  # timing_info_present_flag
            return 0.0
        units, scale = bits.read(32), bits.read(32)
    except MalformedMedia:
        return 0.0
    # A tick is a field, so a frame lasts two (E.2.1, num_units_in_tick).
    rate = scale / (2 * units) if units else 0.0
    return rate if rate <= MAX_FRAME_RATE else 0.0
