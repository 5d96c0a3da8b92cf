// Asking the server: every request shows the key that stands behind the # of the page's address.

const key = decodeURIComponent(location.hash.slice(1));

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** One request; the answer as an object. Throws Refused, or TypeError while the server is down. */
export async function ask(name, body) {
  const answer = await fetch(`/~watch/${name}`, {
    method: "POST",
    headers: { "simrt-key": key, "content-type": "application/json" },
    body: JSON.stringify(body ?? {}),
    cache: "no-store",
  });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, said.error ?? `status ${answer.status}`);
  return said;
}
