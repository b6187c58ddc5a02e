/** What screen readers are to speak though nothing has focus: "Copied", "Saved". */

const CLEAR_MS = 50;

/** Spoken once, politely; also when the same was just said. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), CLEAR_MS);
}
