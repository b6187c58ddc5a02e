"""Joining the player's modules."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from service.http.bundle import bundle

MODULES = {
    "app.js": (
        'import { A, b } from "./parts/a.js";\nimport { C } from "./parts/c.js";\n\n'
        "const SAME = 1;\nconsole.log(SAME, new A().value, b(), C);\n"
    ),
    "parts/a.js": (
        '/** A. */\n\nimport { C } from "./c.js";\n\nconst SAME = 2;\nexport class A {\n  value = SAME + C;\n}\n'
        "export function b() {\n  return SAME;\n}\n"
    ),
    "parts/c.js": "const SAME = 40;\nexport const C = SAME;\n",
}


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_joined_modules_do_what_they_did_apart() -> None:
    text = bundle("app.js", MODULES.__getitem__)
    done = subprocess.run(
        ["node", "--input-type=module"], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["1", "42", "2", "40"]
    assert "import " not in text
    assert text.count("const SAME = 40;") == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"parts/c.js": "export const C = 1;\nexport const A = 2;\n"}, "both export A"),
        ({"parts/c.js": "export const D = 1;\n"}, "parts/c.js does not export C"),
        ({"parts/c.js": 'import { A } from "./a.js";\nexport const C = 1;\n'}, "imports itself"),
    ],
    ids=["the same name twice", "a missing name", "a cycle"],
)
def test_modules_that_cannot_be_joined_are_refused(changed: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        bundle("app.js", (MODULES | changed).__getitem__)
