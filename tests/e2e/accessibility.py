"""Pages judged by axe-core (tests/e2e/vendor), in light and dark colours."""

from __future__ import annotations

from functools import cache

from tests.e2e.browser import Browser
from tests.e2e.service import ROOT

AXE = ROOT / "tests/e2e/vendor/axe.min.js"

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SIZE = (1280, 860)

JUDGE = """
const [rules, source] = arguments;
if (!window.axe) (0, eval)(source);
const place = (node) => `${node.target.flat().join(' ')}: ${node.html.slice(0, 200)} ${node.failureSummary}`;
return axe.run(document, { runOnly: rules, resultTypes: ['violations'] }).then((found) => ({
  judged: found.passes.length,
  violations: found.violations.map(({ id, help, nodes }) => `${id} (${help}): ${nodes.map(place).join('; ')}`),
}));
"""
"""Evaluated by the driver, whom a page's Content-Security-Policy does not bind."""


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def violations(browser: Browser) -> list[str]:
    """Return what axe-core finds wrong with the page as it is now, in both colour schemes; each with its place."""
    found = []
    for dark in (False, True):
        await browser.resize(*SIZE, dark=dark)
        seen = await browser.run(JUDGE, RULES, _axe())
        assert seen["judged"] > 5, "axe-core judged next to nothing"
        found += [f"{'dark' if dark else 'light'}: {each}" for each in seen["violations"]]
    return found
