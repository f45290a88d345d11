// A frontend as they exist: the stock Socket.IO client, nothing patched. It prints what it hears as JSON
// lines and obeys lines on its standard input.
const { io } = require("socket.io-client");

const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const socket = io(config.url, {
  transports: config.transports,
  auth: config.auth,
  extraHeaders: config.headers,
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
});

socket.on("connect", () => say({ kind: "connect", transport: socket.io.engine.transport.name }));
socket.on("connect_error", (err) => say({ kind: "connect_error", text: err.message, active: socket.active }));
socket.on("disconnect", (reason) => say({ kind: "disconnect", text: reason, active: socket.active }));
socket.onAny((event, ...args) => say({ kind: "event", text: event, args }));

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.emit) socket.emit(...command.emit);
    if (command.connect) socket.connect();
    if (command.close) socket.disconnect();
  })
  .on("close", () => process.exit(0));
