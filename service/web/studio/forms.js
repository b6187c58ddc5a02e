/** Form fields with a label, a hint and the service's error message below. */

import { freshId, h } from "./dom.js";
import { byField, sentence } from "./errors.js";
import { icon } from "./icons.js";

/**
 * Build a labelled control. `control` is an input, select or textarea with a name; `read` returns its value (default: its text).
 * Return `{ name, element, control, read(), fail(message) }`; an empty message clears the error.
 */
export function field({ label, hint = "", control, read = () => control.value }) {
  control.id = freshId(control.name);
  const error = h("p", { class: "problem", id: freshId("problem"), hidden: true });
  const help = hint && h("p", { class: "hint", id: freshId("hint") }, hint);
  control.setAttribute("aria-describedby", help ? `${error.id} ${help.id}` : error.id);
  const name = h("label", { for: control.id }, label);
  const element = isCheckbox(control)
    ? h("div", { class: "field tick" }, control, h("div", {}, name, help), error)
    : h("div", { class: "field" }, name, control, error, help);
  const fail = (message) => {
    error.hidden = !message;
    error.replaceChildren(...(message ? [icon("error"), message] : []));
    if (message) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  return { name: control.name, element, control, read, fail };
}

function isCheckbox(control) {
  return control.type === "checkbox";
}

/** Build a drop-down list. `choices` are [value, text] pairs. */
export function select(name, choices, chosen) {
  return h(
    "select",
    { name },
    choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
}

/**
 * Build a form. `send(values)` submits it; errors are shown at their field or below the form. The first of `buttons` submits.
 * Return the form element.
 */
export function form({ fields, send, buttons }) {
  const whole = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    if (element.getAttribute("aria-busy") === "true") return;
    show({});
    element.setAttribute("aria-busy", "true");
    try {
      await send(Object.fromEntries(fields.map((each) => [each.name, each.read()])));
    } catch (problem) {
      show(byField(problem), problem);
    } finally {
      element.removeAttribute("aria-busy");
    }
  };
  const show = (messages, problem) => {
    for (const each of fields) each.fail(messages[each.name] ?? "");
    const wrong = fields.find((each) => messages[each.name]);
    const rest = Object.entries(messages).filter(([name]) => !fields.some((each) => each.name === name));
    const text = rest.map(([, message]) => message).join(" ") || (problem && !wrong ? sentence(problem) : "");
    whole.hidden = !text;
    whole.replaceChildren(...(text ? [icon("error"), text] : []));
    wrong?.control.focus();
  };
  const element = h(
    "form",
    { novalidate: true, onsubmit: submit },
    fields.map((each) => each.element),
    whole,
    h("div", { class: "buttons" }, buttons),
  );
  return element;
}
