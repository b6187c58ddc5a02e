/** Dialogs: the browser's own, so that focus stays in them, Escape closes them, and focus goes back afterwards. */

import { freshId, h } from "./dom.js";
import { form } from "./forms.js";

/** Shows `content` under a title until it is closed. Answers the dialog; it is gone once closed. */
export function showDialog(title, content, { wide = false } = {}) {
  const id = freshId("dialog");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, class: wide ? "wide" : null },
    h("h2", { id }, title),
    content,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && isOutside(dialog, event) && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks for something and does it: `words` say what will happen, `send(values)` does it, and the dialog closes when that worked.
 * What goes wrong is shown in the dialog.
 */
export function ask({ title, words = [], fields = [], action, danger = false, send }) {
  const element = form({
    fields,
    send: async (values) => {
      await send(values);
      dialog.close();
    },
    buttons: [
      h("button", { class: danger ? "danger" : "primary" }, action),
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
    ],
  });
  const dialog = showDialog(title, [...words.map((text) => h("p", {}, text)), element]);
  return dialog;
}

function isOutside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}
