/**
 * The studio: sign the user in and show the screen that the address names.
 *
 *   #/  streams      #/channels  all channels      #/channel/<id>  one channel
 *   #/webhooks      #/webhook/<id>     #/inboxes
 *
 * A screen is a function of its context; it ends when the context's signal is aborted.
 */

import { allChannels } from "./all_channels.js";
import { Api } from "./api.js";
import { channel } from "./channel.js";
import { h } from "./dom.js";
import { enter } from "./enter.js";
import { inboxes } from "./inboxes.js";
import { say } from "./say.js";
import { current, forget, nameOf, takeFromAddress } from "./session.js";
import { signInScreen } from "./sign_in.js";
import { streams } from "./streams.js";
import { webhook } from "./webhook.js";
import { webhooks } from "./webhooks.js";

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ROUTES = [
  [/^\/?$/, streams],
  [/^\/channels$/, allChannels],
  [new RegExp(`^/channel/(${ID})$`, "i"), channel],
  [/^\/webhooks$/, webhooks],
  [/^\/inboxes$/, inboxes],
  [new RegExp(`^/webhook/(${ID})$`, "i"), webhook],
];

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const unavailable = document.getElementById("unavailable");
let leaving = new AbortController();

function open() {
  const given = takeFromAddress();
  leaving.abort();
  leaving = new AbortController();
  main.replaceChildren();
  const session = current();
  showBar(session);
  if (given !== null) return enter(given, { main, onSignedIn: open });
  if (!session) return signInScreen({ main, onSignedIn: open });
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [pattern, screen] = ROUTES.find(([each]) => each.test(path)) ?? [/^/, notFound];
  const { signal } = leaving;
  screen({
    api: new Api(session, (event) => signal.aborted || onConnection(event)),
    main,
    parameters: path.match(pattern).slice(1),
    query: new URLSearchParams(query),
    signal,
    title: (text) => (document.title = `${text} · Studio`),
  });
}

function signOut() {
  forget();
  leaving.abort();
  closeDialogs();
  main.replaceChildren();
  showBar(null);
}

function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

function onConnection(event) {
  if (event === "expired" && current()) {
    signOut();
    const words = "Your token is no longer valid. Sign in again to continue.";
    signInScreen({ main, onSignedIn: open, words });
  } else if (event === "silent" || event === "unavailable") {
    main.classList.add("stale"); // states and counts may be out of date
    if (event === "unavailable" && unavailable.hidden) setUnavailable(true);
  } else if (event === "back") {
    main.classList.remove("stale");
    if (!unavailable.hidden) setUnavailable(false);
  }
}

function setUnavailable(isUnavailable) {
  unavailable.hidden = !isUnavailable;
  say(isUnavailable ? unavailable.textContent : "The service is available again.");
}

function showBar(session) {
  bar.hidden = !session;
  document.getElementById("who").textContent = session ? nameOf(session) : "";
  const path = location.hash.slice(1).split("?")[0] || "/";
  for (const link of bar.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${path}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function notFound({ title }) {
  title("Page not found");
  main.append(
    h("h1", { tabindex: "-1" }, "Page not found."),
    h("p", {}, h("a", { href: "#/" }, "Go to the streams")),
  );
}

document.getElementById("sign-out").addEventListener("click", () => {
  signOut();
  history.replaceState(null, "", `${location.pathname}#/`);
  signInScreen({ main, onSignedIn: open, words: "You have signed out." });
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is used for routing
  main.focus();
});
addEventListener("hashchange", () => {
  closeDialogs();
  open();
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
});
open();
