/** The recordings panel: play a recording or copy its link. */

import { cursorOf } from "./api.js";
import { copyButton } from "./copy.js";
import { showDialog } from "./dialog.js";
import { h, moment, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { bytes, dateTime, duration } from "./format.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";
import { Playback } from "../player.js";

const EVERY_MS = 20_000;
const PAGE_SIZE = 6;
/** Delays of the extra refreshes after a broadcast ends: its recording is listed shortly afterwards. */
const REFRESHES_AFTER_END_MS = [1_000, 3_000, 8_000];
const NOTHING = "No recordings yet. Each broadcast is listed here after it ends.";

export function recordingsPanel({ api, id, isPrivate, signal }) {
  let cursor = null;
  /** The page of a recording; the media of a private channel, which has no page. */
  const linkTo = ({ uid, playback }) => (isPrivate ? playback.hls : `${location.origin}/watch/${api.organization}/recordings/${uid}`);
  const list = h("ul", { class: "recordings", "aria-label": "Recordings" });
  const rows = new Rows(list, (recording) => recording.uid, (recording) => row(recording, linkTo(recording)));
  const nothing = h("p", { class: "soft" }, NOTHING);
  const older = h("button", { onclick: () => goTo(older.value) }, "Older");
  const newest = h("button", { onclick: () => goTo(null) }, "Newest");
  const pages = h("div", { class: "buttons", hidden: true }, newest, older);
  nothing.hidden = true;

  const refresh = async () => {
    const asked = cursor;
    const query = { page_size: PAGE_SIZE, ...(asked && { cursor: asked }) };
    try {
      const page = await api.call("listRecordings", { channel: id, query });
      if (signal.aborted || asked !== cursor) return;
      rows.show(page.results);
      nothing.hidden = page.results.length > 0 || asked !== null;
      nothing.textContent = NOTHING;
      older.value = cursorOf(page.next) ?? "";
      older.disabled = !page.next;
      newest.disabled = asked === null;
      pages.hidden = !page.next && asked === null;
    } catch (problem) {
      if (!list.children.length) {
        nothing.hidden = false;
        nothing.textContent = sentence(problem);
      }
      throw problem;
    }
  };
  const goTo = (to) => {
    cursor = to;
    now();
  };
  const now = poll(refresh, EVERY_MS, signal, api.follow("listRecordings", signal, id));
  const nudge = (state) => {
    if (state === "ended") for (const wait of REFRESHES_AFTER_END_MS) setTimeout(now, wait);
  };
  return { element: panel({ title: "Recordings" }, list, nothing, pages), nudge };
}

function row(recording, link) {
  const when = dateTime(recording.created);
  const picture = h("img", { src: recording.thumbnail, alt: "", loading: "lazy", onerror: () => picture.remove() });
  const facts = h("p", { class: "soft facts" });
  const play = h("button", { "aria-label": `Play the recording of ${when}`, onclick: () => playRecording(recording) }, icon("play"), "Play");
  const element = h(
    "li",
    {},
    h("div", { class: "picture" }, icon("camera"), picture),
    h("div", { class: "grow" }, h("h3", {}, moment(recording.created, when)), facts),
    h("div", { class: "tools" }, play, copyButton("link to the recording", () => link, "Copy link")),
  );
  const update = ({ duration: seconds, size, input }) => {
    const known = [
      seconds >= 0 && h("time", { datetime: `PT${seconds}S` }, duration(seconds)),
      size > 0 && h("span", {}, bytes(size)),
      input.width > 0 && h("span", {}, `${input.width} × ${input.height}`),
    ];
    facts.replaceChildren(...known.filter(Boolean));
  };
  return { element, update };
}

function playRecording(recording) {
  const video = h("video", { controls: true, playsinline: true, "aria-label": `The recording of ${dateTime(recording.created)}` });
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = showDialog(dateTime(recording.created), [video, h("div", { class: "buttons" }, close)], { wide: true });
  const playback = new Playback(video, recording.playback.hls);
  video.addEventListener("loadedmetadata", () => video.play().catch(() => {}), { once: true }); // if autoplay is blocked, the user presses play
  dialog.addEventListener("close", () => playback.stop());
}
