/** A custom element that is a form control (HTML §4.13.7.3): name, labels and validity, as the browser's own have them. */

export class Control extends HTMLElement {
  static formAssociated = true;

  #internals = this.attachInternals();

  get form() { return this.#internals.form; }
  get labels() { return this.#internals.labels; }
  get validity() { return this.#internals.validity; }
  get validationMessage() { return this.#internals.validationMessage; }
  get willValidate() { return this.#internals.willValidate; }
  get type() { return this.localName; }
  get name() { return this.getAttribute("name") ?? ""; }
  set name(name) { this.setAttribute("name", name); }
  checkValidity() { return this.#internals.checkValidity(); }
  reportValidity() { return this.#internals.reportValidity(); }

  /** What a form sends; `complaint`, unless empty, keeps it from sending and is shown at `anchor`. */
  submits(value, complaint, anchor) {
    this.#internals.setFormValue(value || null, value);
    this.#internals.setValidity(complaint ? { valueMissing: true } : {}, complaint, anchor);
  }

  /** What it is to those who cannot see it, unless the page says otherwise. */
  isCalled(label) {
    this.#internals.role = "group";
    this.#internals.ariaLabel = label;
  }

  /** An assignment made before the browser knew the element hides the property it was meant for. */
  adopt(...names) {
    for (const name of names) {
      if (!Object.hasOwn(this, name)) continue;
      const given = this[name];
      delete this[name];
      this[name] = given;
    }
  }

  announceChange() {
    this.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
