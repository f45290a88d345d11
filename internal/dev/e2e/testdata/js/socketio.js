// A frontend as they exist: the stock Socket.IO client with its own reconnection, nothing patched and
// nothing read of its inside. It prints what it hears as JSON lines, and obeys lines on its standard input.
const { io } = require("socket.io-client");

const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const socket = io(config.url, {
  transports: config.transports,
  path: config.path ?? "/socket.io/",
  auth: config.auth ?? { token: config.token },
  extraHeaders: config.headers,
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
});

socket.on("connect", () => say({ kind: "connect", text: socket.io.engine.transport.name }));
socket.on("connect_error", (err) => say({ kind: "connect_error", text: err.message, active: socket.active }));
socket.on("disconnect", (reason) => say({ kind: "disconnect", text: reason, active: socket.active }));
socket.onAny((event, payload, id) => say({ kind: "event", text: event, payload, id }));

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.emit) socket.emit(...command.emit);
    if (command.close) socket.disconnect();
  })
  .on("close", () => process.exit(0));
