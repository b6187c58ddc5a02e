/** Icons. They always stand beside words and are hidden from screen readers. */

import { svg } from "./dom.js";

/** Paths on a grid of 24 by 24. */
const PATHS = {
  back: "M19 12H5M11 6l-6 6 6 6",
  camera: "M3 7.5A1.5 1.5 0 0 1 4.5 6h9A1.5 1.5 0 0 1 15 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16.5zM15 10.5l6-3v9l-6-3z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  error: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 8v5M12 16v.2",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.2",
  key: "M7 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10.5 12H21v4M16.5 12v3",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6M17.5 14.5c2.5.7 4 2.5 4 5.5",
  play: "M8 5l11 7-11 7z",
  plus: "M12 5v14M5 12h14",
  warning: "M12 4l9.5 16h-19zM12 10v4.5M12 17v.2",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}
