// npm `eventsource` as a program: prints one line of JSON for each thing that happens.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [home, url, token, lastEventId] = process.argv.slice(2);
const require = createRequire(pathToFileURL(home + "/"));
const { EventSource } = require("eventsource");

const say = (words) => process.stdout.write(JSON.stringify(words) + "\n");

const source = new EventSource(url, {
  fetch: (input, init) =>
    fetch(input, {
      ...init,
      headers: {
        ...init.headers,
        Authorization: `Bearer ${token}`,
        ...(lastEventId ? { "Last-Event-ID": lastEventId } : {}),
      },
    }),
});
const note = (e) => say({ event: [e.type, e.data, e.lastEventId] });
source.addEventListener("open", () => say({ open: true }));
source.addEventListener("changed", note);
source.addEventListener("message", note);
source.addEventListener("error", (e) => {
  const over = source.readyState === EventSource.CLOSED;
  say({ error: e.code ?? null, over });
  if (over) process.exit(0);
});
