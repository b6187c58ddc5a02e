/** Polling while the page is visible. */

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 30_000;

/**
 * Call `ask` at once and then `everyMs` after each answer, until `signal` is aborted. Polling pauses while the page is hidden, resumes
 * at once when it is visible again, and backs off after errors. Return a function that polls at once.
 */
export function poll(ask, everyMs, signal) {
  let timer = 0;
  let asking = false;
  let again = false;
  let failures = 0;

  async function now() {
    clearTimeout(timer);
    if (signal.aborted || document.hidden) return;
    again = asking;
    if (asking) return;
    asking = true;
    let wait = everyMs;
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

  document.addEventListener("visibilitychange", now, { signal });
  addEventListener("online", now, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  now();
  return now;
}

function retryDelay(problem, failures) {
  if (problem?.retryAfter) return 1_000 * problem.retryAfter;
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
}
