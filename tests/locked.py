"""What the environment of scripts/run lacks beside the one of the tests."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTALLERS = {"pip", "setuptools"}


def absent_modules() -> set[str]:
    """Top-level modules of the packages that only the tests have."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {_plain(name) for name in re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]*\])?==", lock)} | INSTALLERS
    installed = packages_distributions()
    return {module for module, names in installed.items() if not any(_plain(name) in locked for name in names)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
