"""Every script runs in the environment that scripts/run makes, which has the service's packages and no others."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.locked import ROOT, absent_modules

SCRIPTS = ROOT / "scripts"
PYTHON_SCRIPTS = sorted(
    path
    for path in [*SCRIPTS.iterdir(), *(SCRIPTS / "examples").iterdir()]
    if path.suffix == ".py" or (not path.suffix and path.is_file() and b"python3" in path.read_bytes()[:30])
)


def imports(path: Path) -> Iterator[str]:
    """Every module that is imported anywhere in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needs(path: Path) -> dict[str, str]:
    """Return the third-party modules the file imports, itself or through the repository's tests and scripts, and where."""
    found: dict[str, str] = {}
    seen, left = set(), [path]
    while left:
        file = left.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in imports(file):
            parts = name.split(".")
            if parts[0] in ("tests", "scripts"):
                left += [each for each in [ROOT.joinpath(*parts).with_suffix(".py")] if each.is_file()]
            else:
                found.setdefault(parts[0], file.name)
    return found


def test_the_tests_have_packages_that_the_service_has_not() -> None:
    assert {"psutil", "pytest", "requests"} <= absent_modules()


@pytest.mark.parametrize("path", PYTHON_SCRIPTS, ids=lambda path: path.name)
def test_a_script_imports_nothing_that_only_the_tests_have(path: Path) -> None:
    absent = absent_modules()
    assert {name: where for name, where in needs(path).items() if name in absent} == {}


@pytest.mark.parametrize("path", PYTHON_SCRIPTS, ids=lambda path: path.name)
def test_a_script_that_is_called_enters_the_environment_first(path: Path) -> None:
    if not os.access(path, os.X_OK) or path.parent != SCRIPTS:
        pytest.skip("it is no command of the repository")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env python3\n")
    assert '\nif __name__ == "__main__":\n    enter()\n' in text
