#!/usr/bin/env bash
# One would guess: a Socket.IO client for Python handles the events of a connection one after the other, in the order in
# which they were sent, as the client for JavaScript does: the handlers are plain functions, and the connection is one
# ordered stream.
#
# What happens: each packet is handled in a thread of its own, or, with AsyncClient, in a task of its own. A handler
# that takes a while is overtaken by those of later events, and the handler of "connect" by those of the first events.
# `socketio.Client` has no setting for one at a time.
#
# Versions: python-socketio 5.18.1, python-engineio 4.15.1 (PyPI), Python 3.11; socket.io and socket.io-client 4.8.4
# (npm), Node 20.
# Output seen:
#   socket.io-client: connect begins, connect ends, 1 begins, 1 ends, 2 begins, 2 ends
#   socketio.Client: connect begins, 1 begins, 2 begins, 2 ends, 1 ends, connect ends
#   socketio.AsyncClient: connect begins, 1 begins, 2 begins, 2 ends, 1 ends, connect ends
#
# Why it matters: a program that remembers the id of the last notice that it has handled, to continue there after a
# reconnect, may remember 2 while 1 is not yet handled, and loses 1 if it stops now; one that applies "access removed"
# and "access restored" may apply them in reverse. It needs a queue of its own, filled first thing in each handler.
#
# Exits with 1 if the behavior changes. Needs Python with pip, Node with npm, and the package registries.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'kill "${server:-}" 2> /dev/null || true; cd /; rm -rf "$work"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target site \
  python-socketio==5.18.1 python-engineio==4.15.1 simple-websocket==1.1.0 wsproto==1.3.2 h11==0.16.0 bidict==0.24.1 \
  websocket-client==1.9.2 requests==2.34.2 urllib3==2.8.0 idna==3.20 certifi==2026.10.19.post1 charset-normalizer==3.5.3 \
  aiohttp==3.14.5 aiohappyeyeballs==2.7.1 aiosignal==1.4.0 attrs==26.1.0 frozenlist==1.8.0 multidict==7.2.1 \
  propcache==0.5.4 yarl==1.25.1 typing-extensions==4.16.0 2> /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts socket.io@4.8.4 socket.io-client@4.8.4 > /dev/null

# Both events are sent in one go to each client that connects.
cat > server.js << 'END'
const io = new (require("socket.io").Server)(0);
io.on("connection", (socket) => { for (const n of [1, 2]) socket.emit("notice", n); });
console.log(io.httpServer.address().port);
END

# The handlers of "connect" and of event 1 take a while, as if they read something from a server or wrote to a disk.
cat > client.js << 'END'
const socket = require("socket.io-client")(process.argv[2], { transports: ["websocket"] }), seen = [];
const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const handle = (what, ms) => { seen.push(`${what} begins`); wait(ms); seen.push(`${what} ends`); };
socket.on("connect", () => handle("connect", 2000));
socket.on("notice", (n) => {
  handle(n, n === 1 ? 1000 : 0);
  if (seen.length === 6) { console.log(`socket.io-client: ${seen.join(", ")}`); process.exit(); }
});
END
cat > client.py << 'END'
import asyncio, sys, time
import socketio

seen, sio = [], socketio.Client()

def handle(what, seconds):
    seen.append(f"{what} begins")
    time.sleep(seconds)
    seen.append(f"{what} ends")

sio.on("connect", lambda: handle("connect", 2))
sio.on("notice", lambda n: handle(n, 1 if n == 1 else 0))
sio.connect(sys.argv[1], transports=["websocket"])
while len(seen) < 6: time.sleep(0.01)
sio.disconnect()
print("socketio.Client:", ", ".join(seen))

async def main():
    seen, sio = [], socketio.AsyncClient()
    async def handle(what, seconds):
        seen.append(f"{what} begins")
        await asyncio.sleep(seconds)
        seen.append(f"{what} ends")
    async def connect(): await handle("connect", 2)
    async def notice(n): await handle(n, 1 if n == 1 else 0)
    sio.on("connect", connect)
    sio.on("notice", notice)
    await sio.connect(sys.argv[1], transports=["websocket"])
    while len(seen) < 6: await asyncio.sleep(0.01)
    await sio.disconnect()
    print("socketio.AsyncClient:", ", ".join(seen))
asyncio.run(main())
END

node server.js > port &
server=$!
until [ -s port ]; do :; done
{
  node client.js "http://127.0.0.1:$(cat port)"
  PYTHONPATH=site python3 client.py "http://127.0.0.1:$(cat port)"
} | tee seen

diff seen - << 'END'
socket.io-client: connect begins, connect ends, 1 begins, 1 ends, 2 begins, 2 ends
socketio.Client: connect begins, 1 begins, 2 begins, 2 ends, 1 ends, connect ends
socketio.AsyncClient: connect begins, 1 begins, 2 begins, 2 ends, 1 ends, connect ends
END
