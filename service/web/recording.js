/** The page of a recording: plays it, shows its date in the visitor's time zone, and shares its link. */

import { Playback } from "./player.js";
import { copyButton } from "./studio/copy.js";
import { h } from "./studio/dom.js";
import { dateTime, duration } from "./studio/format.js";
import { icon } from "./studio/icons.js";

const video = document.getElementById("recording");
if (video) {
  new Playback(video, video.dataset.hls);
  const time = document.querySelector(".facts time");
  time.textContent = dateTime(time.dateTime);
  const length = document.getElementById("duration");
  length.textContent = duration(Number(length.dataset.seconds || -1));
  length.hidden = !length.textContent;
  const link = location.origin + location.pathname;
  const share = () => navigator.share({ title: document.title, url: link }).catch(() => {}); // the visitor has closed the dialog
  const buttons = [copyButton("link to the recording", () => link, "Copy link")];
  if (navigator.share) buttons.unshift(h("button", { type: "button", class: "primary", onclick: share }, icon("open"), "Share"));
  document.getElementById("share").append(...buttons);
}
