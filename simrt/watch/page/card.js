// One client's card. It is built once and then only changed, so that focus and selection stay.

import { make, number, seconds, set, show, svg, write } from "./build.js";
import { label, mark, missed, strip } from "./marks.js";

const STATES = {
  "connecting": ["…", "connecting"], "open": ["●", "reads"], "waiting": ["↻", "waits to come back"],
  "away": ["⌀", "offline"], "gave-up": ["■", "gave up"], "stalled": ["‖", "stalled: does not read"],
};
export const DRAINS = [[0, "no time"], [50, "50 ms"], [200, "0.2 s"], [1000, "1 s"], [5000, "5 s"]];

export function drainOptions(select, chosen) {
  select.replaceChildren(...DRAINS.map(([ms, text]) =>
    make("option", { value: ms, selected: ms === chosen }, text)));
}

export class Card {
  /** of: its feature's name, where there are several; mine: whether this page owns the client;
   *  most: how many events are told of; order(order): ask the server. */
  constructor(client, feature, of, mine, most, order) {
    this.client = client;
    this.most = most;
    this.feature = feature;
    this.order = order;
    this.said = 0;
    const index = Number(client.name.split("/")[1]) + 1;
    this.title = client.kind === "loopback" ? `Client ${index}`
      : mine ? `This browser (client ${index})` : `A browser elsewhere (client ${index})`;
    const id = `c${index}`;
    this.state = make("span", { class: "state" });
    this.figures = {};
    this.buffer = meter("buffer", "In the buffer");
    this.network = meter("network", "On the way");
    this.drawing = svg("svg", { role: "img" });
    this.missed = make("ul", { class: "missed" });
    this.log = make("ol", { class: "log", tabindex: 0, "aria-label": `What happened to ${this.title}` });
    this.engine = make("p", { class: "small quiet" });
    this.root = make("article", { class: "card", "aria-labelledby": id, "data-client": client.name },
      make("div", { class: "head" }, make("h3", { id }, this.title), this.state),
      ...(of ? [make("p", { class: "small quiet of" }, of)] : []),
      make("dl", { class: "figures" }, ...this.figure("got", "arrived"), ...this.figure("missed", "missed"),
        ...this.figure("behind", "newer ones sent"), ...this.figure("age", "age of its newest")),
      this.buffer.root, this.network.root,
      make("div", { class: "strip" }, this.drawing), this.missed, this.buttons(id),
      make("details", {}, make("summary", {}, "What happened to it"), this.engine, this.log));
  }

  figure(name, text) {
    this.figures[name] = make("dd", { "data-figure": name }, "–");
    return [make("div", {}, make("dt", {}, text), this.figures[name])];
  }

  buttons(id) {
    const row = make("div", { class: "row" });
    const act = (name, text, what) => {
      const button = make("button", { type: "button", "data-act": name }, text);
      button.addEventListener("click", () => this.order(what()));
      row.append(button);
      return button;
    };
    const client = this.client.name;
    if (this.client.kind === "loopback") {
      this.stall = act("stall", "Stall", () =>
        ({ do: "act", client, what: this.client.stalled ? "heal" : "stall" }));
      act("cut", "Cut", () => ({ do: "act", client, what: "cut" }));
      this.away = act("away", "Offline", () =>
        ({ do: "act", client, what: this.client.state === "away" ? "online" : "offline" }));
      this.drain = make("select", { id: `${id}-drain` });
      drainOptions(this.drain, this.client.drain_ms);
      this.drain.addEventListener("change", () =>
        this.order({ do: "drain", client, drain_ms: Number(this.drain.value) }));
      row.append(make("span", { class: "drain" },
        make("label", { for: `${id}-drain` }, "per event"), this.drain));
    }
    act("leave", "Remove", () => ({ do: "leave", client }));
    for (const button of row.querySelectorAll("button")) {
      button.setAttribute("aria-label", `${button.textContent}: ${this.title}`);
    }
    return row;
  }

  /** Show how things are; returns what is worth saying aloud, or nothing. */
  update(client, newest) {
    const before = this.client;
    this.client = client;
    const state = client.stalled ? "stalled" : client.state;
    const [sign, text] = STATES[state];
    write(this.state, `${sign} ${text}`);
    set(this.state, "class", `state s-${state}`);
    if (this.stall) this.rename(this.stall, client.stalled ? "Read again" : "Stall");
    if (this.away) this.rename(this.away, client.state === "away" ? "Online" : "Offline");
    this.books(client, newest);
    this.lines(client.lines);
    return this.news(before, client, text);
  }

  rename(button, text) {
    write(button, text);
    set(button, "aria-label", `${text}: ${this.title}`);
  }

  books(client, newest) {
    const size = this.feature.buffer_size;
    this.buffer.update(client.pending, size, `${number(client.pending)} of ${number(size)}`);
    const most = client.in_flight_max ?? 0;
    this.network.update(client.in_flight ?? 0, Math.max(1, most),
      `${number(client.in_flight ?? 0)}, most ${number(most)}`);
    if (client.counts === undefined) return;
    write(this.figures.got, number(client.counts.received));
    write(this.figures.missed, number(client.missed));
    write(this.figures.behind, number(client.behind));
    write(this.figures.age, client.age_ns === null ? "–" : seconds(client.age_ns));
    const old = this.feature.useful_for_ns !== null && client.age_ns > this.feature.useful_for_ns;
    set(this.figures.age, "class", old && client.behind > 0 ? "old" : "");
    this.causes(client.counts);
    strip(this.drawing, client.cells, newest, this.drawing.parentNode.clientWidth, this.most);
    set(this.drawing, "aria-label", `The newest events of ${this.title}: ${number(client.counts.received)} arrived, `
      + `${number(client.missed)} missed, ${number(client.pending)} wait`);
    const engine = client.engine;
    write(this.engine, engine === null ? "It has no connection at the server." :
      `The engine's count for this connection: offered ${number(engine.offered)} = taken ${number(engine.taken)}`
      + missed().filter(name => engine[name]).map(name => ` + ${label(name)} ${number(engine[name])}`).join("")
      + ` + pending ${number(engine.pending)}.`);
  }

  causes(counts) {
    const wanted = missed().filter(name => counts[name] > 0);
    const key = wanted.join(" ");
    if (this.missed.dataset.causes !== key) {
      this.missed.dataset.causes = key;
      this.missed.replaceChildren(...wanted.map(name => make("li", { "data-cause": name },
        mark(name), make("b", {}), ` ${label(name)}`)));
    }
    for (const item of this.missed.children) {
      write(item.querySelector("b"), number(counts[item.dataset.cause]));
    }
  }

  lines(lines) {
    for (const line of lines) {
      if (line.number <= this.said) continue;
      this.said = line.number;
      const item = make("li", { class: `l-${line.what}` }, make("time", {}, clock(line.t_ns)), " ",
        make("span", { class: "what" }, line.id ? `${line.id.split(":").pop()} ${line.text}` : line.text));
      if (line.data !== "") item.append(" ", make("code", {}, line.data));
      this.log.prepend(item);
    }
    while (this.log.children.length > 60) this.log.lastChild.remove();
  }

  news(before, client, text) {
    if (before.state !== client.state || before.stalled !== client.stalled) return `${this.title}: ${text}`;
    const lost = (client.counts && before.counts)
      ? missed().filter(name => before.counts[name] === 0 && client.counts[name] > 0) : [];
    return lost.length ? `${this.title} misses events: ${lost.map(label).join(", ")}` : "";
  }
}

function clock(ns) {
  return `${(ns / 1e9).toFixed(1)} s`;
}

function meter(kind, text) {
  const fill = make("span", { class: "fill" });
  const bar = make("span", { class: `bar ${kind}`, role: "meter", "aria-label": text, "aria-valuemin": 0 }, fill);
  const value = make("span", { class: "value" });
  const root = make("div", { class: "meter" }, make("span", { class: "name" }, text), bar, value);
  return {
    root,
    update(now, most, said) {
      fill.style.width = `${Math.min(100, 100 * now / most)}%`;
      set(bar, "aria-valuenow", now);
      set(bar, "aria-valuemax", Math.max(now, most));
      set(bar, "aria-valuetext", said);
      write(value, said);
    },
  };
}
