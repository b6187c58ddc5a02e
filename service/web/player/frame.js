/** The player's shadow tree: its parts and what they show in each view. */

/** Darkens an image so that text on it is readable. */
const VEIL = "linear-gradient(rgb(0 0 0 / .6), rgb(0 0 0 / .6))";

/**
 * The views. `screen`: a message instead of the video; `veil`: a message over the video; `slate`: the organization's image instead of
 * the message; `plays`: the playback it needs ("early": live playback that begins as soon as it can); `stays`: keeps the current playback; `name`: the public name of the view, if it
 * differs.
 */
export const VIEWS = {
  loading: { screen: true, spinner: true, says: "Loading the stream…" },
  nowhere: { screen: true, says: "There is no stream here." },
  offline: { screen: true, says: "The stream has not started yet." },
  starting: { screen: true, countdown: true, plays: "early", says: "The stream is about to start." },
  live: { plays: "live", says: "The stream is live." },
  away: { plays: "live", veil: true, slate: true, spinner: true, says: "The stream will be right back." },
  lost: { name: "away", stays: true, veil: true, spinner: true, says: "Trying to reconnect…" },
  ended: { screen: true, offers: true, says: "The stream has ended." },
  recording: { plays: "recording", says: "Playing the recording." },
};

/** Return the public name of a view. */
export function nameOf(view) {
  return VIEWS[view]?.name ?? view;
}

export class Frame {
  /** The parts by their names for `::part()`. */
  parts = {};

  /** Build the parts in the shadow tree `root`. `actions`: the click handlers by button name. */
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
   * Update the view. `view`: a key of VIEWS; `plays`: whether the video element has something to play; `isWaiting`: no frame has
   * arrived yet; `seconds`: of the countdown, or null; `slateUrl`; `poster`: the background after the end and until the first
   * frame; `canReplay`, `canUnmute`,
   * `canGoLive`; `badge`: `{ text, tone }`, or null.
   */
  show({ view, plays, isWaiting, seconds, slateUrl, poster, canReplay, canUnmute, canGoLive, badge }) {
    const { video, slate, unmute, golive } = this.parts;
    const now = VIEWS[view];
    if (slateUrl && slate.getAttribute("src") !== slateUrl) slate.src = slateUrl; // load it early, so that it is ready when needed
    const slated = Boolean(now.slate && slateUrl && slate.complete && slate.naturalWidth);
    video.hidden = !plays;
    video.controls = !now.veil;
    slate.hidden = !slated;
    unmute.hidden = !canUnmute;
    golive.hidden = !canGoLive;
    this.#showMessage(now, { plays, isWaiting, seconds, poster: (now.offers || isWaiting) && poster, canReplay, slated });
    this.#showBadge(badge);
  }

  #showMessage(now, { plays, isWaiting, seconds, poster, canReplay, slated }) {
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

  /** Announce a message to screen readers. */
  say(words) {
    this.parts.said.textContent = words;
  }
}
