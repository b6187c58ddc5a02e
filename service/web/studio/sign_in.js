/** The sign-in form for an API token. */

import { h } from "./dom.js";
import { field, form } from "./forms.js";
import { keep, whoseIs } from "./session.js";

/** Show the form. `words` says why the user has to sign in; `problem` is the error for `token`, which came from the address. */
export function signInScreen({ main, onSignedIn, words = "", problem = null, token = "" }) {
  document.title = "Sign in · Studio";
  const pasted = field({
    label: "API token",
    hint: "The operator of the service creates tokens: python -m service token create.",
    control: h("input", { name: "token", type: "password", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }),
  });
  const organization = field({
    label: "Organization id",
    control: h("input", { name: "organization", autocomplete: "off", spellcheck: "false" }),
    read: () => (organization.element.hidden ? "" : organization.control.value.trim()),
  });
  organization.element.hidden = true;
  const element = form({
    fields: [pasted, organization],
    send: async (values) => {
      try {
        keep(await whoseIs(values.token, values.organization));
      } catch (refused) {
        if (refused.field === "organization") organization.element.hidden = false;
        throw refused;
      }
      onSignedIn();
      main.querySelector("h1")?.focus();
    },
    buttons: [h("button", { class: "primary" }, "Sign in")],
  });
  main.replaceChildren(
    h(
      "section",
      { class: "card narrow" },
      h("h1", { tabindex: "-1" }, "Sign in to the studio"),
      words && h("p", { role: "status" }, words),
      element,
      h("p", { class: "hint" }, "The token is kept in this tab only. Closing the tab or signing out deletes it."),
    ),
  );
  pasted.control.value = token;
  pasted.control.focus();
  if (problem) element.requestSubmit();
}
