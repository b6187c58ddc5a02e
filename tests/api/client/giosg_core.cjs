// Stands in for @giosg/realtime-sdk, which is not public: the calls that @giosg/pub-sdk makes, on fetch and a WebSocket.

"use strict";

/** A value that is there later, as far as the SDK uses observables: `take(1).toPromise()`. */
class Once {
  constructor(promise) {
    this.promise = promise;
  }
  take() {
    return this;
  }
  toPromise() {
    return this.promise;
  }
}

/** A collection or a resource that is kept up to date by change messages. `resources`: by id. */
class Live {
  constructor(core, path, query, idAttribute, isCollection) {
    this.resources = null;
    this.changes = 0;
    this.read = () => core.read(path, query, idAttribute, isCollection);
    const early = [];
    this.ready = new Promise((resolve, reject) => {
      const socket = (this.socket = new WebSocket(core.socketUrl));
      socket.onerror = reject;
      socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", channel: path, token: core.token }));
      socket.onmessage = async ({ data }) => {
        const message = JSON.parse(data);
        if (message.action === "subscribed") {
          this.resources = await this.read();
          early.forEach((each) => this.apply(each));
          resolve();
        } else if (message.action === "refused") reject(new Error(data));
        else if (["added", "changed", "removed"].includes(message.action)) {
          if (message.channel !== path || "query" in message) reject(new Error(data));
          if (this.resources === null) early.push(message);
          else this.apply(message);
        }
      };
    });
  }
  apply({ action, resource_id: id, resource }) {
    this.changes += 1;
    if (action === "added") this.resources[id] = resource;
    else if (action === "removed") delete this.resources[id];
    else if (id in this.resources) Object.assign(this.resources[id], resource);
  }
}

class Core {
  constructor(base, token, socketUrl) {
    Object.assign(this, { base, token, socketUrl });
  }
  async call(method, url, body) {
    const headers = { Authorization: `Token ${this.token}`, "Content-Type": "application/json" };
    const answer = await fetch(url.startsWith("/") ? this.base + url : url, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
  async read(path, query, idAttribute, isCollection) {
    const found = {};
    let url = `${path}?${new URLSearchParams(query)}`;
    while (url) {
      const page = await this.call("GET", url);
      for (const each of isCollection ? page.results : [page]) found[each[idAttribute]] = each;
      url = page.next;
    }
    return found;
  }
  streamCollection(path, { idAttribute = "id", ...query }) {
    return new Live(this, path, query, idAttribute, true);
  }
  streamResource(path, { idAttribute = "id" } = {}) {
    return new Live(this, path, {}, idAttribute, false);
  }
  getResource(path) {
    return new Once(this.call("GET", path));
  }
  postResource(path, body) {
    return new Once(this.call("POST", path, body));
  }
  patchResource(path, body) {
    return new Once(this.call("PATCH", path, body));
  }
  deleteResource(path) {
    return new Once(this.call("DELETE", path));
  }
}

module.exports = { Core };
