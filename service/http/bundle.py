"""Joins ES modules into one file, so that a page loads them in one round trip.

The modules of `service/web` need no build step: each starts with its imports, one to a line (`import { A, B } from "./x.js";`), and
exports declarations (`export class A`). In the joined file every imported module is a function that returns its exports.
`import.meta.url` is that of the joined file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "(\.{1,2}/[\w./-]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """Return the module `entry` together with all that it imports.

    Args:
        entry: The module's path.
        read: Returns the text of a module by its path.

    Raises:
        ValueError: Two imported modules export the same name, a name is imported that no module exports, or modules import each
            other.
    """
    joined: dict[str, str] = {}
    exported: dict[str, str] = {}
    _join(entry, read, joined, exported, ())
    return "".join(joined.values()) + IMPORT.sub("", read(entry))


def _join(
    name: str, read: Callable[[str], str], joined: dict[str, str], exported: dict[str, str], above: tuple[str, ...]
) -> None:
    """Add what the module imports to `joined`, by path and in the order of use; note who has `exported` which name."""
    for wanted, path in _imports(name, read(name)):
        if path in (*above, name):
            raise ValueError(f"{path} imports itself")
        if path not in joined:
            _join(path, read, joined, exported, (*above, name))
            joined[path] = _as_function(path, read(path), exported)
        if missing := [each for each in wanted if exported.get(each) != path]:
            raise ValueError(f"{path} does not export {', '.join(missing)}")


def _imports(name: str, text: str) -> Iterator[tuple[list[str], str]]:
    for match in IMPORT.finditer(text):
        yield match[1].split(", "), posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))


def _as_function(path: str, text: str, exported: dict[str, str]) -> str:
    names = [match[2] for match in EXPORT.finditer(text)]
    for each in names:
        if exported.setdefault(each, path) != path:
            raise ValueError(f"{path} and {exported[each]} both export {each}")
    body = EXPORT.sub(r"\1", IMPORT.sub("", text))
    listed = ", ".join(names)
    return f"const {{ {listed} }} = (() => {{\n{body}\nreturn {{ {listed} }};\n}})();\n"
