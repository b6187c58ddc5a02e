/** Keeping a view up to date while the page is visible: by changes from the service, and by polling. */

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 30_000;
/** Changes that arrive together are read together. */
const TOGETHER_MS = 100;
/** The interval of polling while changes arrive, for what they do not report: numbers of viewers. */
const LIVE_EVERY_MS = 15_000;

/**
 * Call `ask` at once and then `everyMs` after each answer, until `signal` is aborted. Polling pauses while the page is hidden, resumes
 * at once when it is visible again, and backs off after errors. Return a function that polls at once.
 *
 * `follow(handlers)`: subscribe to changes of what `ask` reads, if there are any (see `ConferenceClient.subscribe`). Each change calls
 * `ask`, and polling is slow while they arrive.
 */
export function poll(ask, everyMs, signal, follow = null) {
  let timer = 0;
  let gathering = 0;
  let live = false;
  let asking = false;
  let again = false;
  let failures = 0;

  async function now() {
    clearTimeout(timer);
    if (signal.aborted || document.hidden) return;
    again = asking;
    if (asking) return;
    asking = true;
    let wait = live ? Math.max(everyMs, LIVE_EVERY_MS) : everyMs;
    try {
      await ask();
      failures = 0;
    } catch (problem) {
      wait = retryDelay(problem, failures++);
    }
    asking = false;
    if (signal.aborted) return;
    if (again) now();
    else timer = setTimeout(now, wait);
  }

  const changed = () => {
    gathering ||= setTimeout(() => {
      gathering = 0;
      now();
    }, TOGETHER_MS);
  };
  const onLive = (isLive) => {
    live = isLive;
    if (!signal.aborted) changed(); // what changed before this
  };

  follow?.({ onChange: changed, onReset: changed, onLive });
  document.addEventListener("visibilitychange", now, { signal });
  addEventListener("online", now, { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    clearTimeout(gathering);
  });
  now();
  return now;
}

function retryDelay(problem, failures) {
  if (problem?.retryAfter) return 1_000 * problem.retryAfter;
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
}
