// The page: asks how things are, shows it, and passes on what a person wants.

import { Refused, ask } from "./ask.js";
import { make, number, set, show, write } from "./build.js";
import { Card, drainOptions } from "./card.js";
import { learn, legend } from "./marks.js";

const EVERY_MS = 400;
// What waits to be told, how much of it goes into one request, and how much of one event's data.
const MOST_HEARD = 4000;
const MOST_TOLD_CHARS = 40000;
const MOST_DATA_CHARS = 2000;
const at = id => document.getElementById(id);

let hello = null;
let chosen = 0;
let playing = [];
const cards = new Map();
const sources = new Map();
let heard = [];
let unheard = 0;
let refused = false;

// --- this browser's own EventSources -----------------------------------------------------------

function hear(what) {
  if (heard.length < MOST_HEARD) heard.push(what);
  else unheard += 1;
}

function cut(data) {
  const short = data.slice(0, MOST_DATA_CHARS);
  return short.toWellFormed?.() ?? short;
}

/** The oldest of what was heard, as much as one request may hold. */
function tell() {
  let chars = 0, count = 0;
  while (count < heard.length && (count === 0 || chars < MOST_TOLD_CHARS)) chars += 100 + (heard[count++].data ?? "").length;
  return heard.splice(0, count);
}

function listen(client, ticket, feature) {
  const source = new EventSource(`${feature.path}?client=${encodeURIComponent(ticket)}`);
  source.addEventListener("open", () => hear({ client, what: "open" }));
  source.addEventListener("error", event => {
    if (event instanceof MessageEvent) return;
    hear({ client, what: source.readyState === EventSource.CLOSED ? "closed" : "error" });
  });
  for (const type of new Set([...feature.events, "message"])) {
    source.addEventListener(type, event => {
      if (!(event instanceof MessageEvent)) return;
      hear({ client, what: "event", event: event.type, data: cut(event.data), chars: event.data.length, id: event.lastEventId });
    });
  }
  sources.set(client, source);
}

// --- orders ------------------------------------------------------------------------------------

async function order(what) {
  try {
    const said = await ask("do", what);
    if (what.do === "leave") {
      sources.get(what.client)?.close();
      sources.delete(what.client);
    } else if (what.do === "join" && what.kind === "browser") {
      listen(said.client, said.ticket, hello.features[what.feature]);
    }
    trouble("");
    await look();
    return said;
  } catch (error) {
    trouble(error instanceof Refused ? error.message : "The server is down; try again in a moment.");
    return null;
  }
}

function trouble(text) {
  write(at("trouble"), text);
  show(at("trouble"), text !== "");
}

async function send(event) {
  event.preventDefault();
  const times = Number(event.submitter?.value ?? 1);
  write(at("sent"), "");
  const said = await order({ do: "send", feature: chosen, hook: Number(at("hook").value), data: at("data").value, times });
  if (said !== null) write(at("sent"), outcome(said, times));
}

function outcome(said, times) {
  if (said.status === 0) return "The server is down.";
  if (said.status >= 300) return `Refused, ${said.status}: ${JSON.parse(said.answer).error}`;
  const { seq, offered } = JSON.parse(said.answer);
  const clients = `${number(offered)} ${offered === 1 ? "client" : "clients"}`;
  return times === 1 ? `Sent as event ${number(seq)}, offered to ${clients}.`
    : `Sent ${number(times)}, the last as event ${number(seq)}, offered to ${clients}.`;
}

// --- showing -----------------------------------------------------------------------------------

function begin(said) {
  hello = said;
  learn(hello);
  legend(at("legend"), at("meanings"));
  at("feature").replaceChildren(...hello.features.map((feature, index) =>
    make("option", { value: index }, named(feature))));
  show(at("features"), hello.features.length > 1);
  choose(0);
  drainOptions(at("drain"), 0);
  for (const id of ["act", "clients"]) show(at(id), true);
}

function moved(feature) {
  return feature.project !== feature.written_project;
}

function named(feature) {
  return moved(feature) ? `${feature.title} (${feature.project})` : feature.title;
}

function choose(index) {
  chosen = index;
  const feature = hello.features[index];
  write(at("title"), hello.features.length > 1 ? "simrt serve" : feature.title);
  write(at("question"), feature.question);
  write(at("moved"), moved(feature) ? `Served as project ${feature.project}: another file declares parts of `
    + `project ${feature.written_project} differently.` : "");
  show(at("moved"), moved(feature));
  at("hook").replaceChildren(...feature.hooks.map((hook, place) =>
    make("option", { value: place }, `${hook.name} sends ${hook.sends}`)));
  show(at("send"), feature.hooks.length > 0);
  show(at("play"), feature.has_workload);
  button();
  example();
  at("about").replaceChildren(
    make("p", {}, "Stream: ", make("code", {}, `GET ${feature.path}`), `. ${feature.permission.join("; ")}.`),
    make("dl", { class: "settings" }, ...feature.settings.flatMap(setting => [
      make("dt", {}, setting.name), make("dd", {}, make("b", {}, setting.value),
        setting.decided ? "" : " (default, nobody decided it)", make("br"), setting.meaning)])),
    ...feature.jobs.map(job => make("p", {}, "Job ", make("code", {}, job.name), ` sends ${job.sends}.`)),
    ...(feature.expect.length === 0 ? [] : [make("p", {}, `What its owner expects. ${feature.expect_note}`),
      make("ul", {}, ...feature.expect.map(line => make("li", {}, make("code", {}, line))))]));
}

function example() {
  const hook = hello.features[chosen].hooks[Number(at("hook").value)];
  if (hook !== undefined) at("data").value = hook.data;
}

function update(said) {
  write(at("status"), `Life ${said.life} of the hub,`);
  write(at("wall"), `${said.wall.replace("T", " ").slice(0, 19)} UTC`);
  playing = said.playing;
  button();
  facts(said);
  const news = [];
  for (const client of said.clients) {
    let card = cards.get(client.name);
    if (card === undefined) {
      const feature = hello.features[client.feature];
      const of = hello.features.length > 1 ? named(feature) : "";
      card = new Card(client, feature, of, sources.has(client.name), hello.cells, order);
      cards.set(client.name, card);
      at("cards").append(card.root);
    }
    news.push(card.update(client, said.sent[client.feature]));
  }
  const there = new Set(said.clients.map(client => client.name));
  for (const [name, card] of cards) {
    if (there.has(name)) continue;
    card.root.remove();
    cards.delete(name);
  }
  show(at("nobody"), cards.size === 0);
  const aloud = news.filter(text => text).join(". ");
  if (aloud) write(at("say"), aloud);
}

function button() {
  set(at("play"), "aria-pressed", playing[chosen]);
  write(at("play"), playing[chosen] ? "Stop the workload" : "Play the workload");
}

function facts(said) {
  const rows = [["Epoch", said.epoch.slice(0, 8)], ["Events sent", number(said.sent.reduce((a, b) => a + b, 0))],
    ["Held in memory", `${number(said.memory_bytes)} bytes`], ["Other connections", number(said.others)]];
  if (unheard) rows.push(["Not reported", number(unheard)]);
  if (at("facts").children.length !== rows.length) {
    at("facts").replaceChildren(...rows.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))));
  }
  rows.forEach(([, value], place) => write(at("facts").children[place].querySelector("dd"), value));
}

// --- the round ---------------------------------------------------------------------------------

async function look() {
  const telling = tell();
  try {
    if (hello === null) begin(await ask("hello"));
    update(await ask("state", { mine: [...sources.keys()], heard: telling }));
    set(document.body, "data-up", "yes");
    if (refused) trouble("");
    refused = false;
  } catch (error) {
    set(document.body, "data-up", "no");
    refused = error instanceof Refused;
    if (refused) {
      unheard += telling.length;
      trouble(error.status === 401 ? "Open the address that simrt serve printed: behind its # stands the key." : error.message);
    } else {
      heard = [...telling, ...heard];
      write(at("status"), "The server is down. Trying again…");
      write(at("wall"), "");
    }
  }
}

let looking = false;
async function round() {
  if (!looking) {
    looking = true;
    await look();
    looking = false;
  }
  setTimeout(round, document.hidden ? 5 * EVERY_MS : EVERY_MS);
}

at("send").addEventListener("submit", send);
at("hook").addEventListener("change", example);
at("feature").addEventListener("change", () => choose(Number(at("feature").value)));
at("join").addEventListener("click", () =>
  order({ do: "join", feature: chosen, kind: "loopback", drain_ms: Number(at("drain").value) }));
at("join-browser").addEventListener("click", () => order({ do: "join", feature: chosen, kind: "browser" }));
at("play").addEventListener("click", () =>
  order({ do: "play", feature: chosen, on: !playing[chosen] }));
at("deploy").addEventListener("click", () => order({ do: "restart", how: "deploy" }));
at("kill").addEventListener("click", () => order({ do: "restart", how: "kill" }));
round();
