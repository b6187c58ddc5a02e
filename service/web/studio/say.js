/** Announcements for screen readers, independent of focus: "Copied", "Saved". */

const CLEAR_MS = 50;

/** Announce `text` once, even if it repeats the last announcement. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), CLEAR_MS);
}
