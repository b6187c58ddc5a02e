"""The documentation of the custom elements in service/web/README.md, against their source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
WEB = ROOT / "service/web"

ELEMENTS = {"live-stream": ("Player", "player"), "stream-picker": ("Picker", "picker")}

INHERITED = {"name", "required", "disabled", "hidden"}
"""Attributes of every form control, which the browser reads."""

READ_OF_OTHERS = {"stream-picker": {"src"}, "live-stream": set()}
"""Attributes of inner elements."""

UNNAMED = {"said"}
"""A part for screen readers only."""


def section(element: str) -> str:
    """Return the element's section without its examples."""
    text = (WEB / "README.md").read_text(encoding="utf-8")
    found = text.split(f"## {ELEMENTS[element][0]}\n", 1)[1].split("\n## ", 1)[0]
    return re.sub(r"^```.*?^```", "", found, flags=re.MULTILINE | re.DOTALL)


def source(element: str) -> str:
    """Return the source of the element."""
    name = ELEMENTS[element][1]
    return "\n".join(
        path.read_text(encoding="utf-8") for path in [WEB / f"{name}.js", *sorted((WEB / name).glob("*.js"))]
    )


def named(text: str) -> set[str]:
    """Return the code spans."""
    return set(re.findall(r"`([^`]+)`", text))


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_attributes_are_those_the_element_reads(element: str) -> None:
    rows = re.findall(r"^\| (`.+?) \|", section(element), re.MULTILINE)
    documented = set().union(*(named(row) for row in rows))
    script = source(element)
    read = set(re.findall(r'(?:get|has)Attribute\("([a-z-]+)"\)', script))
    for listed in re.findall(
        r"observedAttributes = \[(.*?)\]|\[((?:\"[a-z]+\", )*\"[a-z]+\")\]\.map\(\(name\)", script
    ):
        read |= set(re.findall(r'"([a-z-]+)"', "".join(listed)))
    assert documented - INHERITED == read - INHERITED - READ_OF_OTHERS[element]


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_parts_are_those_the_element_has(element: str) -> None:
    documented = named(section(element).split("Parts for `::part()`:", 1)[1].split(".", 1)[0])
    script = source(element)
    made = set(re.findall(r'\b(?:make|part)\(\s*"[a-z]+",\s*"([a-z]+)"', script)) | set(
        re.findall(r'\bbutton\("([a-z]+)"', script)
    )
    assert documented == made - UNNAMED


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_events_are_those_the_element_sends(element: str) -> None:
    documented = named(section(element))
    sent = set(re.findall(r'(?:#dispatch\(|new (?:Custom)?Event\()"([a-z-]+)"', source(element)))
    assert sent
    assert sent <= documented


@pytest.mark.parametrize("element", ELEMENTS)
def test_the_custom_properties_are_those_the_element_uses(element: str) -> None:
    used = set(re.findall(rf"var\((--{element}-[a-z]+)", source(element)))
    assert used == {name for name in named(section(element)) if name.startswith("--")}
