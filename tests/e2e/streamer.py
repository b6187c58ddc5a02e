"""A streamer in the studio, for tests: finds elements by their names and clicks them."""

from __future__ import annotations

from typing import Any

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.e2e.window import HEAR_ERRORS
from tests.waiting import PATIENCE

IMPATIENT = """
const real = AbortSignal.timeout;
AbortSignal.timeout = (wait) => real.call(AbortSignal, window.isImpatient ? wait / 15 : wait);
"""
"""Waits for answers a fifteenth of the time while `isImpatient`, which is too short for what a busy service does answer."""

FIND = """
const [selector, name] = arguments, top = document.querySelector('dialog[open]') ?? document;
const nameOf = (element) => element.getAttribute('aria-label') ?? element.textContent.trim();
const found = [...top.querySelectorAll(selector)].find((each) => each.checkVisibility() && nameOf(each).startsWith(name));
"""

CENTRE = """
if (!found) return null;
found.scrollIntoView({ block: 'center' });
const middle = () => {
  const box = found.getBoundingClientRect();
  return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
};
const before = middle().join();
return new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const [x, y] = middle(), hit = found.isConnected && document.elementFromPoint(x, y);
  tell(before === middle().join() && (found === hit || found.contains(hit)) && [x, y]);
})));
"""
"""Once it stands still and nothing is in front of it: answers that come in move what is below them."""

CONTROL = "const control = document.getElementById(found.getAttribute('for'));"


class Streamer:
    """One browser window in the studio."""

    def __init__(self, browser: Browser, live: Service) -> None:
        self.browser = browser
        self.live = live

    async def open(self, fragment: str = "") -> None:
        """Load the page, as if its address had been typed."""
        await self.browser.open("about:blank")
        await self.browser.open(f"{self.live.base}/studio{fragment}")
        await self.browser.run(HEAR_ERRORS)

    async def sign_in(self, to: str = "/") -> None:
        """By the link that `scripts/run` prints."""
        await self.open(f"#token={self.live.token}&to={to}")
        await self.sees("h1")

    async def sees(self, selector: str, name: str = "", timeout: float = PATIENCE) -> str:
        """Wait for a visible element with this at the beginning of its name or text; its text."""
        try:
            text = await self._when(
                f"{FIND} return found ? [found.textContent.trim()] : null;", selector, name, timeout
            )
        except TimeoutError:
            page = await self.browser.run("return document.body.innerText")
            raise AssertionError(f"no {selector} {name!r} within {timeout} s on the page:\n{page}") from None
        return str(text[0])

    async def _when(self, script: str, selector: str, name: str, timeout: float) -> Any:
        wrapped = f"return (function () {{ {script} }})({selector!r}, {name!r});"
        return await self.browser.until(wrapped, timeout)

    async def press(self, selector: str, name: str = "") -> None:
        """With the mouse, in its middle."""
        await self.sees(selector, name)
        x, y = await self._when(FIND + CENTRE, selector, name, PATIENCE)
        await self.browser.click(x, y)

    async def fill(self, label: str, text: str) -> None:
        """Type over what is in the field of that label, or choose that value."""
        await self.sees("label", label)
        await self.browser.run(
            FIND
            + CONTROL
            + "control.value = arguments[2]; control.dispatchEvent(new Event('input', { bubbles: true }));",
            "label",
            label,
            text,
        )

    async def value(self, label: str) -> str:
        """Return what the read-only field shows."""
        return str(
            await self.browser.run("return document.querySelector(`[aria-label='${arguments[0]}']`).textContent", label)
        )

    async def clipboard(self) -> str:
        await self.browser.allow("clipboard-read")
        return str(await self.browser.run("return navigator.clipboard.readText()"))

    async def hide(self, hidden: bool) -> None:
        """Make the page believe that its tab is in the background, or is not any more."""
        await self.browser.run(
            "Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true });"
            "document.dispatchEvent(new Event('visibilitychange'));",
            hidden,
        )

    async def errors(self) -> list[str]:
        """Return the errors in the page since it was opened, violations of its policy included."""
        return await self.browser.run("return window.errors")  # type: ignore[no-any-return]
