/** The log of a webhook's deliveries. */

import { cursorOf } from "./api.js";
import { showDialog } from "./dialog.js";
import { h, moment, Rows } from "./dom.js";
import { sentence } from "./errors.js";
import { dateTime, number, shortDateTime } from "./format.js";
import { select } from "./forms.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";
import { say } from "./say.js";
import { deliveryBadge } from "./webhook_state.js";

const EVERY_MS = 3_000;
const PAGE_SIZE = 15;
const CHOICES = [["", "All deliveries"], ["failed", "Failed"], ["successful", "Delivered"], ["pending", "Waiting"]];

/** Return the panel and `now()`, which refreshes it. */
export function deliveriesPanel({ api, id, signal }) {
  let cursor = null;
  const filter = select("status", CHOICES, "");
  filter.setAttribute("aria-label", "Show");
  filter.addEventListener("change", () => goTo(null));
  const list = h("ul", { class: "deliveries", "aria-label": "Deliveries, newest first" });
  const rows = new Rows(list, (delivery) => delivery.id, (delivery) => row(delivery, resend));
  const nothing = h("p", { class: "soft", hidden: true });
  const wrong = h("p", { class: "problem", role: "alert", hidden: true });
  const older = h("button", { onclick: () => goTo(older.value) }, "Older");
  const newest = h("button", { onclick: () => goTo(null) }, "Newest");
  const pages = h("div", { class: "buttons", hidden: true }, newest, older);

  const refresh = async () => {
    const [asked, status] = [cursor, filter.value];
    const query = { page_size: PAGE_SIZE, ...(asked && { cursor: asked }), ...(status && { status }) };
    const page = await api.call("listDeliveries", { webhook: id, query });
    if (signal.aborted || asked !== cursor || status !== filter.value) return;
    rows.show(page.results);
    nothing.hidden = page.results.length > 0;
    nothing.textContent = status ? "No deliveries match." : "Nothing was delivered yet. Send a test to try the endpoint.";
    older.value = cursorOf(page.next) ?? "";
    older.disabled = !page.next;
    newest.disabled = asked === null;
    pages.hidden = !page.next && asked === null;
  };
  const goTo = (to) => {
    cursor = to;
    now();
  };
  const resend = async (delivery) => {
    try {
      await api.call("resendDelivery", { webhook: id, delivery: delivery.id });
      wrong.hidden = true;
      say("The event is sent again.");
      goTo(null);
    } catch (problem) {
      wrong.hidden = false;
      wrong.replaceChildren(icon("error"), sentence(problem));
    }
  };
  const now = poll(refresh, EVERY_MS, signal);
  return { element: panel({ title: "Deliveries", tools: [filter] }, list, nothing, wrong, pages), now: () => goTo(null) };
}

function row(first, resend) {
  let delivery = first;
  const when = dateTime(first.created_at);
  const name = nameOf(first);
  const state = h("span");
  const facts = h("p", { class: "soft facts" });
  const element = h(
    "li",
    {},
    h("div", { class: "grow" }, h("h3", {}, name[0].toUpperCase(), name.slice(1), " ", state), facts),
    h(
      "div",
      { class: "tools" },
      h("button", { "aria-label": `Details of ${name} of ${when}`, onclick: () => details(delivery) }, "Details"),
      h("button", { "aria-label": `Send again: ${name} of ${when}`, onclick: () => resend(delivery) }, "Send again"),
    ),
  );
  const update = (now) => {
    delivery = now;
    state.replaceChildren(deliveryBadge(now.status));
    const known = [
      moment(now.created_at, shortDateTime(now.created_at)),
      h("span", {}, now.is_requested ? "requested" : `attempt ${number(now.retry_index + 1)}`),
      now.response_status !== null && h("span", {}, `status ${now.response_status}`),
      now.duration !== null && h("span", {}, `${number(now.duration, 2)} s`),
    ];
    facts.replaceChildren(...known.filter(Boolean));
  };
  return { element, update };
}

function nameOf({ event_id: event }) {
  return event === null ? "ping" : `event ${event}`;
}

function details(delivery) {
  const facts = [
    ["Event", nameOf(delivery)],
    ["Requested", dateTime(delivery.created_at)],
    delivery.next_attempt_at && delivery.status === "pending" && ["Next attempt", dateTime(delivery.next_attempt_at)],
    delivery.error && ["Problem", delivery.error],
    delivery.response_status !== null && ["Status of the answer", String(delivery.response_status)],
  ].filter(Boolean);
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = showDialog("Delivery", [
    h("dl", { class: "figures" }, facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)))),
    delivery.response_body && h("div", { class: "field" }, h("span", { class: "label" }, "Beginning of the answer"), h("pre", { class: "value", tabindex: "0", role: "region", "aria-label": "Beginning of the answer" }, delivery.response_body)),
    h("div", { class: "buttons" }, close),
  ].filter(Boolean));
}
