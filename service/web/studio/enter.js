/**
 * In through a link that holds a token. Nobody who is signed in is made somebody else by a link without being asked: what he does next
 * would be done for whoever sent it.
 */

import { showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { byField, sentence } from "./errors.js";
import { current, keep, nameOf, whoseIs } from "./session.js";
import { signInScreen } from "./sign_in.js";

/** `onSignedIn` is called once it is settled who is. What is wrong with the token is said on the sign-in screen if nobody is. */
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
    return settle("The link's token was not taken", [wrong, `You stay signed in${as(before)}.`], goOn, [["Go on", "primary", () => {}]]);
  }
  if (!before) {
    keep(session);
    return onSignedIn();
  }
  const words = [`You are signed in${as(before)}. The link you followed signs you in${as(session)}.`, "Change only if you know who gave you the link."];
  settle("Sign in as somebody else?", words, goOn, [
    ["Stay signed in", "primary", () => {}],
    ["Change", "", () => keep(session)],
  ]);
}

/** `choices`: [text, class, what it does]. Whichever way the dialog is closed, `goOn` follows. */
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
