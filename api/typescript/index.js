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
const retryTicketAfter = 2000; // ms, while no ticket can be had
export class Client {
    #base;
    #options;
    constructor(options) {
        this.#options = options;
        this.#base = options.baseUrl.replace(/\/+$/, "");
    }
    get(path, request = {}) {
        return this.#send("get", path, request);
    }
    put(path, request) {
        return this.#send("put", path, request);
    }
    post(path, request = {}) {
        return this.#send("post", path, request);
    }
    /** All entries of a list, page by page. */
    async *pages(path, request = {}) {
        let cursor;
        do {
            const query = cursor ? { ...request.query, cursor } : request.query;
            const page = (await this.#send("get", path, { ...request, query }));
            yield* page.data;
            cursor = page.meta.next_cursor;
        } while (cursor);
    }
    /** Listens to the caller's notices; what it returns ends that. */
    notices(to) {
        return this.#listen("/api/notices", { client_access_removed: to.accessRemoved, board_closed: to.boardClosed, notice_cursor: () => { } }, to.ended);
    }
    /** Listens to which figures changed; what it returns ends that. An account (its id or row id) narrows. */
    live(to, account) {
        const narrow = account ? `&account=${encodeURIComponent(account)}` : "";
        return this.#listen("/api/live", { figures_changed: to.figures, connection_needs_sign_in: to.signIn, live_cursor: () => { } }, to.ended, narrow);
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
        const values = (request.path ?? {});
        const address = String(path).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(values[name])));
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(request.query ?? {}))
            if (value != null)
                query.set(name, String(value));
        const asked = query.toString(); // not query.size, which browsers before 2023 lack
        const headers = { Accept: "application/json", ...request.headers };
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
        const text = await answer.text();
        if (answer.ok)
            return (text ? JSON.parse(text) : undefined);
        let said = {};
        try {
            said = JSON.parse(text);
        }
        catch { } // a proxy's own page
        const wait = answer.headers.get("Retry-After");
        throw new LedgerboardError(answer.status, said.code ?? "unknown", said.message ?? answer.statusText, said.errors, said.request_id, wait ? Number(wait) : undefined);
    }
    /** Opens a stream. The EventSource comes back by itself; a new one is made only when its ticket has ended. */
    #listen(path, handlers, ended, narrow = "") {
        let source;
        let stopped = false;
        let last = "";
        let opened = false; // since the last refusal
        let refusals = 0; // in a row, without an opening
        const open = async () => {
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
                if ([400, 401, 403, 404].includes(reason.status))
                    return void ended?.(reason);
                setTimeout(open, Math.max(retryTicketAfter, (reason.retryAfter ?? 0) * 1000));
                return;
            }
            for (const [name, handler] of Object.entries(handlers))
                source.addEventListener(name, (event) => {
                    last = event.lastEventId;
                    handler?.(JSON.parse(event.data));
                });
            source.onopen = () => {
                opened = true;
                refusals = 0;
            };
            source.onerror = () => {
                if (source?.readyState === 2 && !stopped)
                    void this.#refused(path, narrow).then(again);
            };
        };
        const again = (why) => {
            if (stopped)
                return;
            if (why?.status)
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
            setTimeout(open, retryTicketAfter);
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
        const said = (await answer.json().catch(() => ({})));
        return new LedgerboardError(answer.status, said.code ?? "unknown", said.message ?? answer.statusText);
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
