/** A form-associated custom element (HTML §4.13.7.3) with the name, labels and validity of native controls. */

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

  /** Set the submitted value. A non-empty `complaint` blocks submission and is shown at `anchor`. */
  submits(value, complaint, anchor) {
    this.#internals.setFormValue(value || null, value);
    this.#internals.setValidity(complaint ? { valueMissing: true } : {}, complaint, anchor);
  }

  /** Set the default accessible name. */
  isCalled(label) {
    this.#internals.role = "group";
    this.#internals.ariaLabel = label;
  }

  /** Reassign properties that were set before the element was upgraded: they shadow the accessors. */
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
