/**
 * Signing in through a link that contains a token. A signed-in user must confirm the switch: otherwise a link could make the user work
 * in the account of the link's sender without noticing.
 */

import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { byField, sentence } from "./errors.js";
import { current, keep, nameOf, whoseIs } from "./session.js";
import { signInScreen } from "./sign_in.js";

/** Call `onSignedIn` once the session is decided. If no user is signed in, errors of the token appear on the sign-in screen. */
export async function enter(token, { main, onSignedIn }) {
  const before = current();
  const goOn = () => {
    onSignedIn();
    main.querySelector("h1")?.focus();
  };
  if (before?.token === token) return onSignedIn();
  let session;
  try {
    session = await whoseIs(token);
  } catch (problem) {
    if (!before) return signInScreen({ main, onSignedIn, problem, token });
    const wrong = Object.values(byField(problem))[0] ?? sentence(problem);
    return settle("The link's token was not accepted", [wrong, `You stay signed in${as(before)}.`], goOn, [["Continue", "primary", () => {}]]);
  }
  if (!before) {
    keep(session);
    return onSignedIn();
  }
  const words = [`You are signed in${as(before)}. The link you followed signs you in${as(session)}.`, "Switch only if you trust the source of the link."];
  settle("Switch to another account?", words, goOn, [
    ["Stay signed in", "primary", () => {}],
    ["Switch", "", () => keep(session)],
  ]);
}

/** Show a dialog with `choices` ([text, class, action]). Closing it in any way calls `goOn`. */
function settle(title, words, goOn, choices) {
  const button = ([text, kind, choose]) =>
    h("button", { type: "button", class: kind, onclick: () => (choose(), dialog.close()) }, text);
  const dialog = showDialog(title, [...words.map((text) => h("p", {}, text)), h("div", { class: "buttons" }, choices.map(button))]);
  dialog.addEventListener("close", goOn);
}

function as(session) {
  const name = nameOf(session);
  return ` as ${name || `organization ${session.organization}`}`;
}
