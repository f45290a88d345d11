#!/usr/bin/env bash
# The EventSource of Node 20 gives up for ever when the server cannot be reached for a moment, and fires no event
# that shows it.
#
# One would guess: after a network error it comes back, as the HTML standard says ("if res is a network error, then
# reestablish the connection"), and as its onerror reports: readyState is CONNECTING.
# What happens: a stream that is cut comes back while the server listens. If the server is down at the moment of the
# reconnect (a restart of a second is enough), every "error" event still has readyState CONNECTING (0), and only after
# the last one does the object become CLOSED (2), in silence. It then never connects again.
# Versions: undici 6.24.1, which is built into Node 20.20.2 (--experimental-eventsource); undici 7.30.2 and the
# package eventsource 4.1.1 come back.
#
# Output seen:
#   undici 6: 1 of 2 messages, readyState 2, in onerror 0,0,0
#   undici 7: 2 of 2 messages, readyState 1, in onerror 0,0,0,0
#   eventsource 4: 2 of 2 messages, readyState 1, in onerror 0,0,0,0
#
# Why it matters here: backends in Node follow notices and figures with it. A deployment of the service, however
# short, ends their stream without a sign; no retry: of the server can help. Check readyState a moment after onerror,
# or use the package eventsource.
set -euo pipefail
command -v npm > /dev/null || { echo "this needs Node with npm" >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund undici-6@npm:undici@6.24.1 undici-7@npm:undici@7.30.2 eventsource@4.1.1
cat > restart.mjs << 'JS'
import http from "node:http";

const [name, module, expected] = process.argv.slice(2);
const { EventSource } = await import(module);
let message = 0;
const serve = (port) =>
  new Promise((up) => {
    const server = http.createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`retry: 300\nid: ${++message}\ndata: ${message}\n\n`);
    });
    server.listen(port, "127.0.0.1", () => up(server));
  });
const pause = (ms) => new Promise((over) => setTimeout(over, ms));

let server = await serve(0);
const { port } = server.address();
const source = new EventSource(`http://127.0.0.1:${port}/`);
let heard = 0;
const states = [];
source.onmessage = () => heard++;
source.onerror = () => states.push(source.readyState);
while (heard === 0) await pause(20);
server.close();
server.closeAllConnections();
await pause(1000); // the restart
server = await serve(port);
await pause(3000); // ten times its reconnection time
console.log(`${name}: ${heard} of 2 messages, readyState ${source.readyState}, in onerror ${states}`);
process.exit(heard === Number(expected) ? 0 : 1);
JS
export NODE_NO_WARNINGS=1
node restart.mjs "undici 6" undici-6 1
node restart.mjs "undici 7" undici-7 2
node restart.mjs "eventsource 4" eventsource 2
