// A frontend as they exist: the stock Socket.IO client with its own reconnection, nothing patched and
// nothing read of its inside. It prints what it hears as JSON lines, and obeys lines on its standard input.
const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const { io } = require(config.library ?? "socket.io-client");
const token = async () => (await fetch(config.tokens)).text();

const socket = io(config.url, {
  transports: config.transports,
  path: config.path ?? "/socket.io/",
  auth: config.tokens ? async (go) => go({ token: await token() }) : config.auth ?? { token: config.token },
  extraHeaders: config.headers,
  reconnectionDelay: config.delay,
  reconnectionDelayMax: config.delay,
});

// A client that cannot recover reads what it has missed each time it is back, after the last notice that it has handled.
let last = "";
const handled = new Set();

function hear(event, payload, id) {
  if (config.reads) {
    if (event !== "notice_cursor") {
      if (handled.has(id)) return;
      handled.add(id);
      last = id;
    }
    last ||= id;
  }
  say({ kind: "event", text: event, payload, id });
}

async function readMissed() {
  const { EventSource } = await import("eventsource");
  const Authorization = "Bearer " + (await token());
  const source = new EventSource(config.url + "/api/notices?last_event_id=" + last, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization } }),
  });
  source.addEventListener("client_access_removed", (event) => hear(event.type, JSON.parse(event.data), event.lastEventId));
  source.onerror = () => source.close(); // it reads again when the socket is back
  setTimeout(() => source.close(), 20_000);
}

socket.on("connect", () => {
  say({ kind: "connect", text: socket.io.engine.transport.name });
  if (config.reads && last) readMissed();
});
socket.on("connect_error", (err) => say({ kind: "connect_error", text: err.message, active: socket.active }));
socket.on("disconnect", (reason) => say({ kind: "disconnect", text: reason, active: socket.active }));
socket.onAny(hear);

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.emit) socket.emit(...command.emit);
    if (command.close) socket.disconnect();
  })
  .on("close", () => process.exit(0));
