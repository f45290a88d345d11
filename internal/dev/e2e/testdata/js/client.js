// The served client in Node, with the stock libraries under it. It prints what it hears as JSON lines.
const config = JSON.parse(process.argv.at(-1));
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

async function run() {
  const { Client } = await import(config.client);
  const { EventSource } = await import("eventsource");
  const { io } = await import("socket.io-client");
  const boards = new Client({ baseUrl: config.url, token: () => config.token, EventSource });
  const told = (text) => (payload) => say({ kind: "event", text, payload });
  const ended = (what) => (why) => say({ kind: "ended", text: what, payload: { status: why.status, code: why.code } });
  boards.notices({ accessRemoved: told("sse removed"), boardClosed: told("sse closed"), ended: ended("notices") });
  boards.live({ figures: told("figures"), signIn: told("sign in"), endsSoon: told("ends soon"), ended: ended("live") });
  const socket = boards.socket(io, { accessRemoved: told("socket removed"), boardClosed: told("socket closed"), ended: ended("socket") });
  socket.on("connect", () => say({ kind: "connect", text: "socket" }));
}

process.stdin.on("end", () => process.exit(0)).resume();
run().catch((err) => say({ kind: "failed", text: String(err) }));
