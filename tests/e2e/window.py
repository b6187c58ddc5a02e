"""A browser's window, and what a test sees in it."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.e2e.browser import Browser
from tests.waiting import PATIENCE

HEAR_ERRORS = """
window.errors = window.errors || [];
document.addEventListener('securitypolicyviolation', (event) => errors.push(event.violatedDirective + ' ' + event.blockedURI));
addEventListener('error', (event) => errors.push(event.message));
addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));
"""


class Window:
    """`FACTS` is a script that ends with `return {…};`: what is to be seen, by names."""

    FACTS: ClassVar[str]

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    async def facts(self) -> dict[str, Any]:
        return await self.browser.run(self.FACTS)  # type: ignore[no-any-return]

    async def until(self, condition: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until `condition`, JavaScript over `facts`, holds; the facts then. Errors: AssertionError with the last facts."""
        body = self.FACTS.replace("return {", "const facts = {", 1) + f"\nreturn ({condition}) && facts;"
        try:
            return await self.browser.until(body, timeout)  # type: ignore[no-any-return]
        except TimeoutError:
            raise AssertionError(f"not seen within {timeout} s: {condition}; {await self.facts()}") from None
