/** The dialog that creates a channel and then opens it. */

import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { FieldError } from "./errors.js";
import { field } from "./forms.js";

export function newChannel(api) {
  const name = field({ label: "Name", control: h("input", { name: "name", autocomplete: "off" }) });
  const description = field({
    label: "Description (optional)",
    hint: "Shown to visitors below the stream.",
    control: h("textarea", { name: "description", rows: 3 }),
  });
  const hidden = h("input", { type: "checkbox", name: "is_private" });
  const isPrivate = field({
    label: "Private",
    hint: "Only members see the channel. It has no public page.",
    control: hidden,
    read: () => hidden.checked,
  });
  ask({
    title: "New channel",
    fields: [name, description, isPrivate],
    action: "Create channel",
    send: async (values) => {
      if (!values.name.trim()) throw new FieldError("name", "Enter a name.");
      const made = await api.call("createChannel", { body: values });
      location.hash = `#/channel/${made.id}`;
    },
  });
}
