"""The READMEs: links lead somewhere, the top one stays short and leads to the others, and the language is plain."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.readmes import READMES, ROOT

MAX_LINES = 120
MAX_IMAGE = 150_000
"""Bytes of a picture in a README."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(text: str) -> str:
    """Return the text without code blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^```.*?^```", "", text))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as code hosts derive them."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(readme: Path) -> list[str]:
    """Return the relative links of a README."""
    found = LINK.findall(prose(readme.read_text(encoding="utf-8")))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def target(readme: Path, link: str) -> Path:
    """Return the file or folder that a link leads to."""
    path = link.partition("#")[0]
    return (readme.parent / path).resolve() if path else readme


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_tracked_file_and_an_existing_heading(readme: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for link in links(readme):
        file, anchor = target(readme, link), link.partition("#")[2]
        name = str(file.relative_to(ROOT))
        assert any(each == name or each.startswith(f"{name}/") for each in tracked), link
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), link


def test_the_top_readme_is_short_and_leads_to_all_others() -> None:
    top = ROOT / "README.md"
    assert len(top.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert {target(top, link) for link in links(top)} >= set(READMES) - {top}


def test_images_are_small() -> None:
    images = {target(readme, link) for readme in READMES for link in links(readme) if link.endswith(".png")}
    assert images
    assert all(image.stat().st_size <= MAX_IMAGE for image in images)


def test_paths_in_code_spans_exist() -> None:
    """A folder or module that is named with its path is one of the repository's."""
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        for path in re.findall(r"`((?:service|providers|scripts|tests)/[\w./-]+)`", text):
            assert (ROOT / path).exists(), (readme, path)
