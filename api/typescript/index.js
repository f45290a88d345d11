/** An error response, or the lack of any response (status 0). */
export class LedgerboardError extends Error {
    status;
    code;
    errors;
    requestId;
    retryAfter;
    name = "LedgerboardError";
    constructor(status, code, message, errors = [], requestId = "", 
    /** Seconds to wait before a retry; undefined if the server did not say. */
    retryAfter) {
        super(message);
        this.status = status;
        this.code = code;
        this.errors = errors;
        this.requestId = requestId;
        this.retryAfter = retryAfter;
    }
}
/** Returns the error in a response. */
async function errorOf(answer) {
    let body = {};
    try {
        body = await answer.json();
    }
    catch { } // not from the service: an error page of a proxy
    return new LedgerboardError(answer.status, body.code ?? "unknown", body.message ?? answer.statusText, body.errors, body.request_id, secondsOf(answer.headers.get("Retry-After")));
}
/** Returns the decoded body, or undefined for a 304. */
async function read(answer) {
    return answer.status === 304 ? undefined : answer.json();
}
/** Returns the seconds in a Retry-After header, which is a number or, from some proxies, a date; undefined if it is neither. */
function secondsOf(wait) {
    if (!wait)
        return undefined;
    const seconds = /^\d+$/.test(wait) ? Number(wait) : Math.ceil((Date.parse(wait) - Date.now()) / 1000);
    return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
/** Statuses after which retrying a stream does not help. */
const permanent = [400, 401, 403, 404];
const restoredOf = (to) => (start) => {
    if (start.all)
        to.restored?.();
};
// Milliseconds before a refused stream is opened again. Without a Retry-After, pauses grow to a minute.
const shortestPause = 2_000;
const longestOwnPause = 40_000;
const longestPause = 3_600_000;
/** Returns the pause after consecutive failures, randomly increased by up to half so that clients do not reconnect at the same time. */
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
    async tagged(path, request) {
        const answer = await this.#request("get", path, "application/json", request);
        return { answer: await read(answer), etag: answer.headers.get("ETag") ?? undefined };
    }
    /** Returns figures as a table. Lists are paged. */
    async csv(path, ...[request]) {
        const answer = await this.#request("get", path, "text/csv", request);
        const next = /[?&]cursor=([^&>]+)/.exec(answer.headers.get("Link") ?? "")?.[1];
        return { text: await answer.text(), nextCursor: next && decodeURIComponent(next) };
    }
    /** Iterates over all entries of a list, requesting one page at a time. */
    async *pages(path, ...[request]) {
        const options = request ?? {};
        let cursor;
        do {
            const query = cursor ? { ...options.query, cursor } : options.query;
            const page = (await this.#send("get", path, { ...options, query }));
            yield* Array.isArray(page.data) ? page.data : (page.data.posts ?? page.data.members ?? []);
            cursor = page.meta.next_cursor;
        } while (cursor);
    }
    /** Starts a sign-in. Open its start_url in the browser of the person who signs in. */
    async connect(what) {
        return (await this.post("/api/connect", { body: what })).data;
    }
    /** Returns the progress of a sign-in. */
    async connecting(attempt) {
        return (await this.get("/api/connect/{attempt}", { path: { attempt } })).data;
    }
    /** Creates a link with which a person without a login connects pages. Its URL is returned only once. */
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
    /** For main applications that sign people in themselves: registers a page or profile. Next, send its tokens with handOverTokens. */
    async registerPage(page) {
        return (await this.post("/api/platforms", { body: page })).data;
    }
    /** Sends the tokens of a connection. The service checks them before it stores them. Idempotent. */
    async handOverTokens(connection, tokens) {
        return (await this.put("/api/connections/{connection}/tokens", { path: { connection }, body: tokens })).data;
    }
    /** Listens to the caller's notices. Returns a function that closes the stream. */
    notices(to) {
        const handlers = {
            client_access_removed: to.accessRemoved, board_closed: to.boardClosed, notice_cursor: restoredOf(to),
        };
        return this.#listen("/api/notices", handlers, to.ended);
    }
    /** Listens to changes to figures, optionally of some accounts (ids or row ids) or of a dashboard. Returns a function that closes the stream. */
    live(to, narrowing = {}) {
        const narrow = Object.entries(narrowing).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
        const handlers = {
            figures_changed: to.figures, connection_needs_sign_in: to.signIn, connection_ends_soon: to.endsSoon, live_cursor: () => { },
        };
        return this.#listen("/api/live", handlers, to.ended, narrow);
    }
    /** Listens to notices with the standard Socket.IO client, which reconnects automatically with a current token. */
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
        socket.on("notice_cursor", restoredOf(to));
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
    /** Adds the credentials to the options of a fetch. */
    async #authenticated(init) {
        const token = await this.#token();
        if (!token)
            return { ...init, credentials: "include" };
        return { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } };
    }
    async #send(method, path, request) {
        return read(await this.#request(method, path, "application/json", request));
    }
    /** Sends a request for a media type. Throws a LedgerboardError for an error response. */
    async #request(method, path, accept, request = {}) {
        const values = new Map(Object.entries(request.path ?? {}));
        const address = path.replace(/\{(\w+)\}/g, (_, name) => {
            const value = values.get(name);
            if (value == null)
                throw new TypeError(`${path}: set ${name} in path`);
            return encodeURIComponent(String(value));
        });
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(request.query ?? {}))
            if (value != null)
                query.set(name, String(value));
        const search = query.toString(); // not query.size, which browsers before 2023 lack
        const headers = { Accept: accept, ...request.headers };
        if (request.body !== undefined)
            headers["Content-Type"] = "application/json";
        const init = { method: method.toUpperCase(), headers };
        if (request.body !== undefined)
            init.body = JSON.stringify(request.body);
        if (request.signal)
            init.signal = request.signal;
        const answer = await fetch(this.#base + address + (search ? `?${search}` : ""), await this.#authenticated(init)).catch((err) => {
            if (request.signal?.aborted)
                throw err;
            throw new LedgerboardError(0, "no_answer", `The server did not respond: ${String(err)}`);
        });
        if (!answer.ok && answer.status !== 304)
            throw await errorOf(answer);
        return answer;
    }
    /** Opens a stream. The EventSource reconnects automatically; it is replaced only when its ticket has expired. */
    #listen(path, handlers, ended, narrow = "") {
        let source;
        let stopped = false;
        let last = "";
        let opened = false; // since the last refusal
        let refusals = 0; // consecutive, since the stream was last open
        let failures = 0; // the same, of any kind
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
                if (permanent.includes(reason.status))
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
                    void this.#whyRefused(path, narrow).then(again);
            };
        };
        const again = (why) => {
            if (stopped)
                return;
            if (why && permanent.includes(why.status))
                return ended?.(why);
            if (!why && opened) {
                opened = false;
                return void open();
            }
            if (!why) {
                last = ""; // the id may be the reason
                if (++refusals > 1)
                    return ended?.(new LedgerboardError(0, "stream_refused", "The server refuses the stream, although the caller may open it."));
            }
            later(why);
        };
        void open();
        return () => {
            stopped = true;
            source?.close();
        };
    }
    /** Returns why the server refuses a closed stream; undefined if the caller may open it, for example because only the ticket expired. */
    async #whyRefused(path, narrow) {
        const controller = new AbortController();
        const answer = await fetch(`${this.#base}${path}?${narrow.slice(1)}`, await this.#authenticated({ signal: controller.signal })).catch(() => undefined);
        if (!answer)
            return new LedgerboardError(0, "no_answer", "The server did not respond.");
        if (answer.ok)
            return void controller.abort();
        return errorOf(answer);
    }
    async #source(path, more) {
        const address = `${this.#base}${path}?`;
        const Custom = this.#options.EventSource;
        if (Custom)
            return new Custom(address + more.slice(1), { fetch: async (url, init) => fetch(url, await this.#authenticated(init)) });
        if (!this.#options.token)
            return new EventSource(address + more.slice(1), { withCredentials: true });
        const { data } = await this.post("/api/notices/ticket", { query: { path } });
        return new EventSource(`${address}ticket=${data.ticket}${more}`);
    }
}
