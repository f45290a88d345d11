// A page that hears with an EventSource, which comes back on its own: the browsers' (a ticket in the address), as Node
// has it and as the package eventsource has it, or one that sends the token. Only when it is refused for good does the
// page begin again, after the last id that it has seen. It prints what it hears as JSON lines.
const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const path = config.path ?? "/api/notices";
const events = config.events ?? ["notice_cursor", "client_access_removed"];
const again = 2000; // ms
let cursor = "";
let check;

const token = async () => (config.tokens ? (await fetch(config.tokens)).text() : config.token);

async function ticket() {
  const answer = await fetch(config.url + "/api/notices/ticket?path=" + path, {
    method: "POST",
    headers: { Authorization: "Bearer " + (await token()) },
  });
  if (!answer.ok) throw new Error("status " + answer.status);
  return (await answer.json()).data.ticket;
}

// How a frontend makes one, by library.
const libraries = {
  native: async (url) => {
    url.searchParams.set("ticket", await ticket());
    return new EventSource(url);
  },
  eventsource: async (url) => {
    const { EventSource } = await import("eventsource");
    url.searchParams.set("ticket", await ticket());
    return new EventSource(url);
  },
  "eventsource-3": async (url) => {
    const { EventSource } = await import("eventsource-3");
    const Authorization = "Bearer " + (await token());
    return new EventSource(url, { fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization } }) });
  },
  "event-source-polyfill": async (url) => {
    const { EventSourcePolyfill } = require("event-source-polyfill");
    return new EventSourcePolyfill(url.href, { headers: { Authorization: "Bearer " + (await token()) } });
  },
};

async function open() {
  const url = new URL(config.url + path);
  if (cursor) url.searchParams.set("last_event_id", cursor);
  let source;
  try {
    source = await libraries[config.library ?? "eventsource"](url);
  } catch (err) {
    say({ kind: "no_ticket", text: String(err) });
    setTimeout(open, again);
    return;
  }
  source.onopen = () => say({ kind: "connect", text: "sse" });
  source.onerror = (err) => {
    const closed = source.readyState === 2;
    say({ kind: closed ? "refused" : "disconnect", text: String(err.message ?? err.type), active: !closed });
    clearTimeout(check);
    check = setTimeout(() => {
      if (source.readyState === 2) open(); // Node 20 also closes it where it should come back, after this event
    }, again);
  };
  for (const name of events) {
    source.addEventListener(name, (event) => {
      cursor = event.lastEventId;
      say({ kind: "event", text: event.type, payload: JSON.parse(event.data), id: event.lastEventId });
    });
  }
}

process.stdin.on("end", () => process.exit(0)).resume();
open();
