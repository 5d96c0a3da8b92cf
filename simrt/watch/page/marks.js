// The marks of outcomes: those of the report, by shape as well as by colour.

import { make, svg } from "./build.js";

const STEP = 11;
const SIZE = 3.7;
const HEIGHT = 14;
const ROWS = 3;
// What is not decided yet has marks of its own: a bar waits, an arrow is on its way.
const OPEN = {
  "waiting": {
    label: "waits in the buffer", meaning: "It waits in the server's buffer, where onFull and messageTTL act.",
    colour: "buffer", mark: [[[-0.6, -0.8], [0.6, -0.8], [0.6, 0.8], [-0.6, 0.8], [-0.6, -0.8]]],
  },
  "on-the-way": {
    label: "on its way", meaning: "It was written to the connection; no setting reaches it any more.",
    colour: "network", mark: [[[-0.7, 0.7], [0.6, 0], [-0.7, -0.7]]],
  },
};
const RING = 1.75;

let codes = [];
let looks = {};
let lost = [];

export function learn(hello) {
  codes = hello.codes;
  looks = { ...OPEN };
  for (const outcome of hello.outcomes) {
    looks[outcome.name] = { ...outcome, colour: `o-${outcome.name}` };
  }
  lost = hello.missed;
}

/** The outcomes that are a miss, in the order of every table. */
export function missed() {
  return lost;
}

export function label(name) {
  return looks[name].label;
}

function outline(mark, x, y, size) {
  return mark.map(line => "M" + line.map(([dx, dy]) =>
    `${(x + size * dx).toFixed(1)} ${(y - size * dy).toFixed(1)}`).join("L")).join("");
}

/** One mark by itself, decorative: its label stands beside it. */
export function mark(name) {
  const look = looks[name];
  return svg("svg", { class: "mark", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
    svg("path", { d: outline(look.mark, 7, 7, 5), class: `m c-${look.colour}${name === "received" ? " full" : ""}` }));
}

/** What came by replay has a ring around its mark. */
function ring() {
  return svg("svg", { class: "mark", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
    svg("circle", { cx: 7, cy: 7, r: 5.5, class: "m c-o-received" }),
    svg("path", { d: outline(looks.received.mark, 7, 7, 3.6), class: "m c-o-received full" }));
}

/** The marks with their names; and once more, with what each means. */
export function legend(list, meanings) {
  list.replaceChildren(...codes.map(name => make("li", {}, mark(name), looks[name].label)),
    make("li", {}, ring(), "came by replay"));
  meanings.replaceChildren(...codes.flatMap(name =>
    [make("dt", {}, mark(name), looks[name].label), make("dd", {}, looks[name].meaning)]),
    make("dt", {}, ring(), "came by replay"), make("dd", {}, "It came from the channel's history, after a connect."));
}

/** The strip of a client: one place an event, in lines, the newest at the end of the last. */
export function strip(drawing, cells, newest, width, most) {
  const across = Math.max(1, Math.floor(width / STEP));
  const down = Math.min(ROWS, Math.ceil(most / across));
  const places = across * down;
  const paths = new Map();
  let rings = "";
  for (const [number, code, replayed] of cells) {
    const place = places - 1 - (newest - number);
    if (place < 0) continue;
    const x = (place % across) * STEP + STEP / 2;
    const y = Math.floor(place / across) * HEIGHT + HEIGHT / 2;
    const name = codes[code], { mark } = looks[name];
    paths.set(name, (paths.get(name) ?? "") + outline(mark, x, y, SIZE));
    if (replayed && name === "received") rings += outline(mark, x, y, SIZE * RING);
  }
  drawing.setAttribute("viewBox", `0 0 ${across * STEP} ${down * HEIGHT}`);
  drawing.setAttribute("width", across * STEP);
  drawing.setAttribute("height", down * HEIGHT);
  const drawn = [...paths].map(([name, d]) =>
    svg("path", { d, class: `m c-${looks[name].colour}${name === "received" ? " full" : ""}` }));
  if (rings) drawn.push(svg("path", { d: rings, class: "m c-o-received" }));
  drawing.replaceChildren(...drawn);
}
