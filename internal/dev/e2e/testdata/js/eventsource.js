// A page with the browsers' EventSource, as Node has it: one ticket, one EventSource, which comes back by itself. Only
// when its ticket has ended, the page begins anew after the last id that it saw. It prints what it hears as JSON lines.
const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const path = config.path ?? "/api/notices";
const events = config.events ?? ["notice_cursor", "client_access_removed"];
const reconnect = 100; // ms
const Origin = "https://page.example.com"; // browsers name it, Node does not
let cursor = "";

async function connect() {
  const { EventSource } = await import("eventsource");
  let ticket;
  try {
    const answer = await fetch(config.url + "/api/notices/ticket?path=" + path, {
      method: "POST",
      headers: { Authorization: "Bearer " + config.token, Origin },
    });
    if (!answer.ok) throw new Error("status " + answer.status);
    ticket = (await answer.json()).data.ticket;
  } catch (err) {
    say({ kind: "ticket_error", text: String(err) });
    setTimeout(connect, reconnect);
    return;
  }
  const from = cursor === "" ? "" : "&last_event_id=" + encodeURIComponent(cursor);
  const source = new EventSource(config.url + path + "?ticket=" + ticket + from, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, Origin } }),
  });
  const heard = (event) => {
    cursor = event.lastEventId;
    say({ kind: "event", text: event.type, payload: JSON.parse(event.data), id: event.lastEventId });
  };
  source.onopen = () => say({ kind: "connect", text: "sse" });
  source.onerror = (err) => {
    const closed = source.readyState === EventSource.CLOSED;
    say({ kind: "disconnect", text: String(err.message ?? err.type), active: !closed });
    if (closed) setTimeout(connect, reconnect);
  };
  for (const name of events) source.addEventListener(name, heard);
}

process.stdin.on("end", () => process.exit(0)).resume();
connect();
