"""The READMEs of the repository, for the tests that hold them against the code."""

from __future__ import annotations

import re
from pathlib import Path

from service.api.introduction import INTRODUCTION

ROOT = Path(__file__).resolve().parents[1]

FOLDERS = (".", "service", "service/web", "providers", "providers/local", "providers/cloudflare", "scripts", "tests")

READMES = [ROOT / folder / "README.md" for folder in FOLDERS]


def documentation() -> str:
    """Return the text of all READMEs and of the API's introduction."""
    return "\n".join([*(readme.read_text(encoding="utf-8") for readme in READMES), INTRODUCTION])


def blocks(language: str) -> list[str]:
    """Return all code blocks of a language, in the order of the documents."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", documentation())
