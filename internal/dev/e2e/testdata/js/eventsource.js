// A frontend with the browsers' EventSource. It cannot send headers, so each connection begins with a
// one-time ticket; a reconnect of its own finds the ticket used up, closes, and the page begins anew
// after the last id that it saw. It prints what it hears as JSON lines.
const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const path = config.path ?? "/api/notices";
const events = config.events ?? ["notice_cursor", "client_access_removed"];
const reconnect = 100; // ms
let cursor = "";

async function connect() {
  const { EventSource } = await import("eventsource");
  let ticket;
  try {
    const answer = await fetch(config.url + "/api/notices/ticket", {
      method: "POST",
      headers: { Authorization: "Bearer " + config.token },
    });
    if (!answer.ok) throw new Error("status " + answer.status);
    ticket = (await answer.json()).data.ticket;
  } catch (err) {
    say({ kind: "ticket_error", text: String(err) });
    setTimeout(connect, reconnect);
    return;
  }
  const from = cursor === "" ? "" : "&last_event_id=" + encodeURIComponent(cursor);
  const source = new EventSource(config.url + path + "?ticket=" + ticket + from);
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
