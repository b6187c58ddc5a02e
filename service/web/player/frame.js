/** What there is to see of the player: its parts, and what they show in each view. */

/** Over a picture, so that words can be read on it. */
const VEIL = "linear-gradient(rgb(0 0 0 / .6), rgb(0 0 0 / .6))";

/**
 * What there is to see, by state of affairs. `screen`: words instead of the picture; `veil`: words over the picture; `slate`: the
 * organization's image instead of them; `plays`: the playback it needs; `stays`: it keeps whatever plays; `name`: the view pages
 * are told, if it is another.
 */
export const VIEWS = {
  loading: { screen: true, spinner: true, says: "Loading the stream…" },
  nowhere: { screen: true, says: "There is no stream here." },
  offline: { screen: true, says: "The stream has not started yet." },
  starting: { screen: true, countdown: true, says: "The stream is about to start." },
  live: { plays: "live", says: "The stream is live." },
  away: { plays: "live", veil: true, slate: true, spinner: true, says: "The stream will be right back." },
  lost: { name: "away", stays: true, veil: true, spinner: true, says: "Trying to reconnect…" },
  ended: { screen: true, offers: true, says: "The stream has ended." },
  recording: { plays: "recording", says: "Playing the recording." },
};

/** The name pages know a view by. */
export function nameOf(view) {
  return VIEWS[view]?.name ?? view;
}

export class Frame {
  /** By their names for `::part()`. */
  parts = {};

  /** In the shadow tree `root`. `actions`: what the buttons do, by their names. */
  constructor(root, actions) {
    const make = (tag, part, properties = {}, ...children) => {
      const element = Object.assign(document.createElement(tag), { className: part, part, ...properties });
      element.append(...children);
      this.parts[part] = element;
      return element;
    };
    root.append(
      make("video", "video", { playsInline: true, controls: true }),
      make("img", "slate", { alt: "" }),
      make(
        "div",
        "screen",
        {},
        make("span", "spinner"),
        make("p", "message", { ariaHidden: "true" }),
        make("p", "count", { ariaHidden: "true" }),
        make("button", "button", { type: "button", onclick: actions.button }, "Watch the recording"),
      ),
      make("div", "badge", {}, make("span", "dot"), make("span", "viewers")),
      make("button", "unmute", { type: "button", onclick: actions.unmute }, "Unmute"),
      make("button", "golive", { type: "button", onclick: actions.golive }, "Go to live"),
      make("p", "said", { role: "status" }),
    );
    this.parts.video.setAttribute("aria-label", "Live stream");
  }

  /**
   * Bring everything up to date. `view`: a key of VIEWS; `plays`: whether the video element has something to play; `isWaiting`: its
   * picture has not come yet; `seconds`: of the countdown, or null; `slateUrl`; `poster`: behind the end; `canReplay`, `canUnmute`,
   * `canGoLive`; `badge`: `{ text, tone }`, or null.
   */
  show({ view, plays, isWaiting, seconds, slateUrl, poster, canReplay, canUnmute, canGoLive, badge }) {
    const { video, slate, unmute, golive } = this.parts;
    const now = VIEWS[view];
    if (slateUrl && slate.getAttribute("src") !== slateUrl) slate.src = slateUrl; // early: it must be there when it is needed
    const slated = Boolean(now.slate && slateUrl && slate.complete && slate.naturalWidth);
    video.hidden = !plays;
    video.controls = !now.veil;
    slate.hidden = !slated;
    unmute.hidden = !canUnmute;
    golive.hidden = !canGoLive;
    this.#showWords(now, { plays, isWaiting, seconds, poster: now.offers && poster, canReplay, slated });
    this.#showBadge(badge);
  }

  #showWords(now, { plays, isWaiting, seconds, poster, canReplay, slated }) {
    const { screen, spinner, message, count, button } = this.parts;
    const isCounting = Boolean(now.countdown) && seconds !== null;
    screen.hidden = slated || !(now.screen || now.veil || isWaiting);
    screen.style.backgroundImage = poster ? `${VEIL}, url(${JSON.stringify(poster)})` : "";
    screen.classList.toggle("veil", Boolean(plays || poster));
    spinner.hidden = !(now.spinner || isWaiting || (now.countdown && !isCounting));
    message.textContent = now.countdown ? (isCounting ? "Starts in" : "Starting…") : isWaiting ? VIEWS.loading.says : now.says;
    count.hidden = !isCounting;
    count.textContent = isCounting ? `${seconds} s` : "";
    button.hidden = !canReplay;
  }

  #showBadge(now) {
    const { badge, viewers } = this.parts;
    badge.hidden = !now;
    if (!now) return;
    for (const tone of ["away", "quiet"]) badge.classList.toggle(tone, now.tone === tone);
    if (viewers.textContent !== now.text) viewers.textContent = now.text;
  }

  /** Tell those who cannot see it. */
  say(words) {
    this.parts.said.textContent = words;
  }
}
