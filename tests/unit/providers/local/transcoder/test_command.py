"""The command lines: position of options, one pipe per rendition, one decoder, an optional end."""

from __future__ import annotations

from providers.local.transcoder import command
from providers.local.transcoder.renditions import RENDITIONS

LADDER = [RENDITIONS["720p"], RENDITIONS["480p"]]


def test_input_options_stand_before_the_input_and_output_options_after_it() -> None:
    arguments = command.ladder_arguments(LADDER, [7, 9], audio=False)
    source = arguments.index("pipe:0")
    assert (
        max(arguments.index("-fpsprobesize"), arguments.index("-copyts"))
        < source
        < arguments.index("-force_key_frames")
    )


def test_each_rendition_has_its_own_pipe() -> None:
    arguments = command.ladder_arguments(LADDER, [7, 9], audio=False)
    assert [word for word in arguments if word.startswith("pipe:")] == ["pipe:0", "pipe:7", "pipe:9"]


def test_the_source_is_decoded_once() -> None:
    arguments = command.ladder_arguments(LADDER, [7, 9], audio=False)
    assert arguments.count("-i") == 1
    assert arguments[arguments.index("-filter_complex") + 1].startswith("[0:v:0]split=2")


def test_audio_is_encoded_for_the_first_rendition_only() -> None:
    arguments = command.ladder_arguments(LADDER, [7, 9], audio=True)
    assert arguments.count("0:a:0") == 1
    assert arguments.index("0:a:0") < arguments.index("pipe:7")


def test_packets_read_while_probing_are_never_discarded() -> None:
    assert "nobuffer" not in command.ladder_arguments(LADDER, [7, 9], audio=True)


def test_the_test_pattern_ends_after_its_duration() -> None:
    arguments = command.test_pattern_arguments("rtmp://host/live/key", duration=5)
    assert [arguments[index + 1] for index, word in enumerate(arguments) if word == "-t"] == ["5", "5"]
    assert arguments[-1] == "rtmp://host/live/key"
