/** Modal dialogs on <dialog>: the browser traps the focus, closes them on Escape and restores the focus. */

import { freshId, h } from "./dom.js";
import { form } from "./forms.js";

/** Show a dialog and return it. It is removed from the page when closed. */
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
 * Ask the user to confirm or enter something. `words` explain the effect, `send(values)` performs it. The dialog closes on success
 * and shows errors otherwise.
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
