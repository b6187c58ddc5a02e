"""Init segments and parts as bytes."""

from __future__ import annotations

from providers.local.codecs.aac import parse_aac_config
from providers.local.codecs.avc import parse_avc_config
from providers.local.mp4.boxes import OTHER_SAMPLE, SYNC_SAMPLE
from providers.local.mp4.fragments import audio_fragment, video_fragment
from providers.local.mp4.writer import audio_init, video_init
from tests.unit.providers.local.packager.tags import LC_48K_STEREO, Sample, avc_record, boxes, samples

KINDS = b"ftyp moov mvhd trak tkhd mdia mdhd hdlr minf %s dinf dref stbl stsd stts stsc stsz stco mvex trex"


def test_a_video_init_segment_has_every_box_cmaf_asks_for() -> None:
    data = video_init(parse_avc_config(avc_record()), 90_000)
    found = {each.kind: each.content for each in boxes(data)}

    assert [each.kind for each in boxes(data)] == (KINDS % b"vmhd").split()
    assert found[b"tkhd"][-8:] == (640 << 16).to_bytes(4, "big") + (360 << 16).to_bytes(4, "big")
    assert found[b"mdhd"][12:16] == (90_000).to_bytes(4, "big")
    assert found[b"stsd"].endswith(b"avcC" + avc_record())
    assert found[b"stsd"][12:16] == b"avc1"


def test_an_audio_init_segment_has_every_box_cmaf_asks_for() -> None:
    data = audio_init(parse_aac_config(LC_48K_STEREO))
    found = {each.kind: each.content for each in boxes(data)}

    assert [each.kind for each in boxes(data)] == (KINDS % b"smhd").split()
    assert found[b"mdhd"][12:16] == (48_000).to_bytes(4, "big")
    assert found[b"stsd"][12:16] == b"mp4a"
    assert LC_48K_STEREO in found[b"stsd"]


def test_a_video_part_says_where_and_when_each_frame_is() -> None:
    fields = [3000, 3, SYNC_SAMPLE, 6000, 2970, 2, OTHER_SAMPLE, -3000 & 0xFFFFFFFF]

    part = video_fragment(7, 2**40, fields, [memoryview(b"key"), memoryview(b"no")])

    assert samples(part) == [
        Sample(2**40, 3000, 6000, True, b"key"),
        Sample(2**40 + 3000, 2970, -3000, False, b"no"),
    ]


def test_an_audio_part_says_where_and_when_each_frame_is() -> None:
    part = audio_fragment(7, 96_000, 1024, [3, 2], [memoryview(b"one"), b"to"])

    assert samples(part) == [Sample(96_000, 1024, 0, True, b"one"), Sample(97_024, 1024, 0, True, b"to")]


def test_rates_that_do_not_fit_the_sample_entry_are_left_to_the_codec_header() -> None:
    config = parse_aac_config(bytes.fromhex("1010"))
    stsd = next(each.content for each in boxes(audio_init(config)) if each.kind == b"stsd")

    assert config.sample_rate == 96_000
    assert stsd[40:44] == bytes(4)
