/** A refusal of the server, or no answer at all (status 0). */
export class LedgerboardError extends Error {
    status;
    code;
    errors;
    requestId;
    retryAfter;
    name = "LedgerboardError";
    constructor(status, code, message, errors = [], requestId = "", 
    /** Seconds after which it makes sense to try again; undefined: the server gave no advice. */
    retryAfter) {
        super(message);
        this.status = status;
        this.code = code;
        this.errors = errors;
        this.requestId = requestId;
        this.retryAfter = retryAfter;
    }
}
/** What the server said instead of an answer. */
async function refusal(answer) {
    let said = {};
    try {
        said = await answer.json();
    }
    catch { } // a proxy's own page
    return new LedgerboardError(answer.status, said.code ?? "unknown", said.message ?? answer.statusText, said.errors, said.request_id, secondsOf(answer.headers.get("Retry-After")));
}
/** The object that was answered; undefined: the caller has it already. */
async function read(answer) {
    return answer.status === 304 ? undefined : answer.json();
}
/** The seconds that a Retry-After asks for, as a number or, as proxies may, as a date; undefined: it is neither. */
function secondsOf(wait) {
    if (!wait)
        return undefined;
    const seconds = /^\d+$/.test(wait) ? Number(wait) : Math.ceil((Date.parse(wait) - Date.now()) / 1000);
    return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
/** The statuses of streams after which trying again does not help. */
const forGood = [400, 401, 403, 404];
// In ms, before a stream that was refused is tried again. Without advice of the server, pauses grow to a minute.
const shortestPause = 2_000;
const longestOwnPause = 40_000;
const longestPause = 3_600_000;
/** The pause after so many failures in a row, up to half longer by chance: streams that fell together do not come back together. */
function pauseAfter(failures, retryAfter = 0) {
    const own = Math.min(shortestPause * 2 ** (failures - 1), longestOwnPause);
    return Math.min(Math.max(own, retryAfter * 1000) * (1 + Math.random() / 2), longestPause);
}
export class Client {
    #base;
    #options;
    constructor(options) {
        this.#options = options;
        this.#base = options.baseUrl.replace(/\/+$/, "");
    }
    get(path, request) {
        return this.#send("get", path, request);
    }
    put(path, ...[request]) {
        return this.#send("put", path, request);
    }
    post(path, ...[request]) {
        return this.#send("post", path, request);
    }
    delete(path, ...[request]) {
        return this.#send("delete", path, request);
    }
    async tagged(path, request) {
        const answer = await this.#ask("get", path, "application/json", request);
        return { answer: await read(answer), etag: answer.headers.get("ETag") ?? undefined };
    }
    /** Figures as a table; a list has pages. */
    async csv(path, ...[request]) {
        const answer = await this.#ask("get", path, "text/csv", request);
        const next = /[?&]cursor=([^&>]+)/.exec(answer.headers.get("Link") ?? "")?.[1];
        return { text: await answer.text(), nextCursor: next && decodeURIComponent(next) };
    }
    /** All entries of a list, page by page. */
    async *pages(path, ...[request]) {
        const asked = request ?? {};
        let cursor;
        do {
            const query = cursor ? { ...asked.query, cursor } : asked.query;
            const page = (await this.#send("get", path, { ...asked, query }));
            yield* Array.isArray(page.data) ? page.data : (page.data.posts ?? page.data.members ?? []);
            cursor = page.meta.next_cursor;
        } while (cursor);
    }
    /** Begins a sign-in, whose start_url is to be opened in the browser of the person who signs in. */
    async connect(what) {
        return (await this.post("/api/connect", { body: what })).data;
    }
    /** How far a sign-in came; every reading of its step is one request. */
    async connecting(attempt) {
        return (await this.get("/api/connect/{attempt}", { path: { attempt } })).data;
    }
    /** Creates a link with which a person without a login connects pages; its url is returned only once. */
    async makeConnectLink(link) {
        return (await this.post("/api/connect/links", { body: link })).data;
    }
    async connectLinks() {
        return (await this.get("/api/connect/links")).data;
    }
    async revokeConnectLink(link) {
        return (await this.post("/api/connect/links/{link}/revoke", { path: { link } })).data;
    }
    /** Disconnects a page or profile. It is no longer read; its figures are kept. */
    async disconnect(socialAccount) {
        return (await this.post("/api/platforms/{platformId}/disconnect", { path: { platformId: socialAccount } })).data;
    }
    /** For a main application that signs people in itself: registers a page or profile, whose tokens are then handed over. */
    async registerPage(page) {
        return (await this.post("/api/platforms", { body: page })).data;
    }
    /** Hands over the tokens of a connection. They are checked before anything is stored; to repeat it is harmless. */
    async handOverTokens(connection, tokens) {
        return (await this.put("/api/connections/{connection}/tokens", { path: { connection }, body: tokens })).data;
    }
    /** Listens to the caller's notices; what it returns ends that. */
    notices(to) {
        const handlers = {
            client_access_removed: to.accessRemoved, board_closed: to.boardClosed, notice_cursor: () => { },
        };
        return this.#listen("/api/notices", handlers, to.ended);
    }
    /** Listens to which figures changed; what it returns ends that. Accounts (ids or row ids) or a dashboard narrow. */
    live(to, narrowing = {}) {
        const narrow = Object.entries(narrowing).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
        const handlers = {
            figures_changed: to.figures, connection_needs_sign_in: to.signIn, connection_ends_soon: to.endsSoon, live_cursor: () => { },
        };
        return this.#listen("/api/live", handlers, to.ended, narrow);
    }
    /** Listens to notices with the stock Socket.IO client, which comes back by itself and asks for a token each time. */
    socket(io, to) {
        const at = new URL(this.#base, globalThis.location?.href);
        const socket = io(at.origin, {
            path: at.pathname.replace(/\/$/, "") + "/socket.io/",
            auth: (give) => void this.#token().then((token) => give(token ? { token } : {}), () => give({})),
        });
        if (to.accessRemoved)
            socket.on("client_access_removed", to.accessRemoved);
        if (to.boardClosed)
            socket.on("board_closed", to.boardClosed);
        socket.on("connect_error", (err) => {
            if (err.data?.code)
                to.ended?.(new LedgerboardError(0, err.data.code, err.message));
        });
        return socket;
    }
    async #token() {
        const { token } = this.#options;
        return typeof token === "function" ? token() : token;
    }
    /** The init of a fetch that proves who is calling. */
    async #proven(init) {
        const token = await this.#token();
        if (!token)
            return { ...init, credentials: "include" };
        return { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } };
    }
    async #send(method, path, request) {
        return read(await this.#ask(method, path, "application/json", request));
    }
    /** Asks for a type of content, and throws what is no good answer. */
    async #ask(method, path, accept, request = {}) {
        const values = new Map(Object.entries(request.path ?? {}));
        const address = path.replace(/\{(\w+)\}/g, (_, name) => {
            const value = values.get(name);
            if (value == null)
                throw new TypeError(`${path}: give ${name} in path`);
            return encodeURIComponent(String(value));
        });
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(request.query ?? {}))
            if (value != null)
                query.set(name, String(value));
        const asked = query.toString(); // not query.size, which browsers before 2023 lack
        const headers = { Accept: accept, ...request.headers };
        if (request.body !== undefined)
            headers["Content-Type"] = "application/json";
        const init = { method: method.toUpperCase(), headers };
        if (request.body !== undefined)
            init.body = JSON.stringify(request.body);
        if (request.signal)
            init.signal = request.signal;
        const answer = await fetch(this.#base + address + (asked ? `?${asked}` : ""), await this.#proven(init)).catch((err) => {
            if (request.signal?.aborted)
                throw err;
            throw new LedgerboardError(0, "no_answer", `The server did not answer: ${String(err)}`);
        });
        if (!answer.ok && answer.status !== 304)
            throw await refusal(answer);
        return answer;
    }
    /** Opens a stream. The EventSource comes back by itself; a new one is made only when its ticket has ended. */
    #listen(path, handlers, ended, narrow = "") {
        let source;
        let stopped = false;
        let last = "";
        let opened = false; // since the last refusal
        let refusals = 0; // in a row, without an opening
        let failures = 0; // the same, whatever the reason
        const later = (why) => void setTimeout(open, pauseAfter(++failures, why?.retryAfter));
        const open = async () => {
            if (stopped)
                return;
            try {
                const next = await this.#source(path, (last ? `&last_event_id=${encodeURIComponent(last)}` : "") + narrow);
                if (stopped)
                    return next.close();
                source = next;
            }
            catch (err) {
                const reason = err instanceof LedgerboardError ? err : new LedgerboardError(0, "no_answer", String(err));
                if (stopped)
                    return;
                if (forGood.includes(reason.status))
                    return void ended?.(reason);
                later(reason);
                return;
            }
            for (const [name, handler] of Object.entries(handlers))
                source.addEventListener(name, (event) => {
                    last = event.lastEventId;
                    handler?.(JSON.parse(event.data));
                });
            source.onopen = () => {
                opened = true;
                refusals = failures = 0;
            };
            source.onerror = () => {
                if (source?.readyState === 2 && !stopped)
                    void this.#refused(path, narrow).then(again);
            };
        };
        const again = (why) => {
            if (stopped)
                return;
            if (why && forGood.includes(why.status))
                return ended?.(why);
            if (!why && opened) {
                opened = false;
                return void open();
            }
            if (!why) {
                last = ""; // it may be what is refused
                if (++refusals > 1)
                    return ended?.(new LedgerboardError(0, "stream_refused", "The stream is refused, though the caller may open it."));
            }
            later(why);
        };
        void open();
        return () => {
            stopped = true;
            source?.close();
        };
    }
    /** Why a stream that was closed for good is refused; undefined: not for the caller's sake, as when its ticket had ended. */
    async #refused(path, narrow) {
        const leave = new AbortController();
        const answer = await fetch(`${this.#base}${path}?${narrow.slice(1)}`, await this.#proven({ signal: leave.signal })).catch(() => undefined);
        if (!answer)
            return new LedgerboardError(0, "no_answer", "The server did not answer.");
        if (answer.ok)
            return void leave.abort();
        return refusal(answer);
    }
    async #source(path, more) {
        const address = `${this.#base}${path}?`;
        const Given = this.#options.EventSource;
        if (Given)
            return new Given(address + more.slice(1), { fetch: async (url, init) => fetch(url, await this.#proven(init)) });
        if (!this.#options.token)
            return new EventSource(address + more.slice(1), { withCredentials: true });
        const { data } = await this.post("/api/notices/ticket", { query: { path } });
        return new EventSource(`${address}ticket=${data.ticket}${more}`);
    }
}
