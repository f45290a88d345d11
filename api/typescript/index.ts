// The client of ledgerboard: typed requests, errors, paging, notices and live updates. The types are generated from the
// server's OpenAPI document into schema.d.ts.
import type { components, paths as Documented } from "./schema.js";

/** Paths that do not belong to the analytics. */
type OtherPaths = `/api/${string}` | `/connect/${string}` | `/${string}.${string}` | "/healthz" | "/readyz" | "/metrics" | "/docs";
/** All paths. The paths of the analytics include the prefix /auth, which the document lists as a server. */
export type paths = { [P in keyof Documented as P extends OtherPaths ? P : `/auth${P}`]: Documented[P] };
export type { components };
export type Schemas = components["schemas"];

type Method = "get" | "post" | "put";
type Returning<M extends Method, Media extends string> = Record<M, { responses: { 200: { content: Record<Media, unknown> } } }>;
/** The paths that support a method and return JSON. */
export type PathsOf<M extends Method> = { [P in keyof paths]: paths[P] extends Returning<M, "application/json"> ? P : never }[keyof paths];
/** The paths that can also return CSV. */
export type CSVPaths = { [P in keyof paths]: paths[P] extends Returning<"get", "text/csv"> ? P : never }[keyof paths];
type Operation<M extends Method, P extends keyof paths> = paths[P] extends Record<M, infer O> ? O : never;
type Part<O, K extends string> = O extends { parameters: infer A } ? (A extends { [N in K]?: infer V } ? V : never) : never;
type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : never;
/** The JSON response of a method of a path. */
export type Answer<M extends Method, P extends keyof paths> =
  Operation<M, P> extends { responses: { 200: { content: { "application/json": infer A } } } } ? A : undefined;
/** The `data` member of an {@link Answer}. */
export type Data<M extends Method, P extends keyof paths> = Answer<M, P> extends { data: infer D } ? D : never;
/** The request body of a method of a path. */
export type Body<M extends Method, P extends keyof paths> = BodyOf<Operation<M, P>>;
type Without<Q, Names extends string> = Q extends unknown ? Omit<Q, Names> : never;
/** A member that is required if it has required members, and not allowed if the path has nothing of the kind. */
type Member<K extends string, V> = [V] extends [never] ? { [N in K]?: undefined } : {} extends V ? { [N in K]?: V } : { [N in K]: V };
/** The options of a request. The query parameters table and for apply to CSV only, and meta to JSON only. */
export type Request<M extends Method, P extends keyof paths, Not extends string = "table" | "for"> = {
  headers?: Record<string, string>;
  signal?: AbortSignal;
} & Member<"path", NonNullable<Part<Operation<M, P>, "path">>> &
  Member<"query", Without<NonNullable<Part<Operation<M, P>, "query">>, Not>> &
  ([BodyOf<Operation<M, P>>] extends [never] ? { body?: undefined } : { body: BodyOf<Operation<M, P>> });
/** The argument after the path, which is optional if none of its members is required. */
type RequestArgument<M extends Method, P extends keyof paths, Not extends string = "table" | "for"> =
  {} extends Request<M, P, Not> ? [request?: Request<M, P, Not>] : [request: Request<M, P, Not>];
/** Makes a request conditional: if the response still has this ETag (304), the result is undefined. */
type Conditional = { headers: { "If-None-Match": string } };
/** The options of a CSV request. */
export type CSVRequest<P extends CSVPaths> = Request<"get", P, "meta">;
/** The paths of paged lists, which have the parameter cursor. */
export type PagedPaths = {
  [P in PathsOf<"get">]: "cursor" extends keyof NonNullable<Part<Operation<"get", P>, "query">> ? P : never;
}[PathsOf<"get">];
/** An entry of a paged list: an element of `data`, or of its `posts` or `members`. */
export type Entry<P extends keyof paths> = EntryOf<Data<"get", P>>;
type EntryOf<D> = D extends (infer E)[] ? E : D extends { posts: (infer E)[] } ? E : D extends { members: (infer E)[] } ? E : never;
/** A table and the cursor of its next page, which is undefined on the last page. */
export interface CSV {
  text: string;
  nextCursor: string | undefined;
}
/** A response with its ETag. A PUT that sends the ETag as If-Match fails with 412 if the object has changed. */
export interface Tagged<A> {
  answer: A;
  etag: string | undefined;
}

/** An error response, or the lack of any response (status 0). */
export class LedgerboardError extends Error {
  override name = "LedgerboardError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: { field: string; detail: string }[] = [],
    readonly requestId = "",
    /** Seconds to wait before a retry; undefined if the server did not say. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** Returns the error in a response. */
async function errorOf(answer: Response): Promise<LedgerboardError> {
  let body: Partial<Schemas["ErrorBody"]> = {};
  try {
    body = await answer.json();
  } catch {} // not from the service: an error page of a proxy
  return new LedgerboardError(
    answer.status, body.code ?? "unknown", body.message ?? answer.statusText, body.errors, body.request_id,
    secondsOf(answer.headers.get("Retry-After")),
  );
}

/** Returns the decoded body, or undefined for a 304. */
async function read(answer: Response): Promise<any> {
  return answer.status === 304 ? undefined : answer.json();
}

/** Returns the seconds in a Retry-After header, which is a number or, from some proxies, a date; undefined if it is neither. */
function secondsOf(wait: string | null): number | undefined {
  if (!wait) return undefined;
  const seconds = /^\d+$/.test(wait) ? Number(wait) : Math.ceil((Date.parse(wait) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** Statuses after which retrying a stream does not help. */
const permanent = [400, 401, 403, 404];

/** The constructor of the package `eventsource`. */
type FetchingEventSource = new (
  url: string,
  init: { fetch: (url: string | URL, init: RequestInit) => Promise<Response> },
) => EventSource;

export interface Options {
  /** URL of the API, including the prefix under which it is mounted. */
  baseUrl: string;
  /** The token, or a function that returns a current token. If absent, the client sends cookies. */
  token?: string | (() => string | Promise<string>);
  /** For Node: the EventSource of the package `eventsource`, which can send the token. Browsers use tickets instead. */
  EventSource?: FetchingEventSource;
}

export interface NoticeListeners {
  /** The user lost access to at least one dashboard. */
  accessRemoved?: (notice: { user_id: string }) => void;
  /** The agency closed dashboards for clients. */
  boardClosed?: (notice: { user_id: string; sub_account_ids: string[] }) => void;
  /** The server's log was restored to an older state, and notices may be missing: read everything again. */
  restored?: () => void;
  /** The stream cannot be opened any more, for example after a sign-out. After other errors, the client reconnects automatically. */
  ended?: (reason: LedgerboardError) => void;
}

const restoredOf = (to: NoticeListeners) => (start: { all: boolean }): void => {
  if (start.all) to.restored?.();
};

export interface FiguresChanged {
  /** Anything may have changed: read everything again. */
  all: boolean;
  changes: { account_id: string; member_id: number | null; social_account_id: number | null; p_id: number | null; figures: "account" | "posts" }[];
}

export interface LiveListeners {
  /** Figures changed; read them again. At most once a second. */
  figures?: (changed: FiguresChanged) => void;
  /** The platform refuses a connection until a person signs in again. */
  signIn?: (connection: { account_id: string; member_id: number | null; connection_id: number; p_id: number }) => void;
  /** A connection expires unless a person signs in again; sent 14, 7 and 1 days before. */
  endsSoon?: (connection: {
    account_id: string;
    member_id: number | null;
    connection_id: number;
    p_id: number;
    sign_in_before: string;
  }) => void;
  ended?: (reason: LedgerboardError) => void;
}

/** The function `io` of the package socket.io-client. */
export type ConnectSocket<S> = (url: string, options: { path: string; auth: (give: (auth: object) => void) => void }) => S;
interface SocketLike {
  on(event: string, listener: (...args: any[]) => void): unknown;
  disconnect(): unknown;
}

/** A request, regardless of its path. */
interface AnyRequest {
  path?: unknown;
  query?: unknown;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

type Handlers = Record<string, ((data: any) => void) | undefined>;

// Milliseconds before a refused stream is opened again. Without a Retry-After, pauses grow to a minute.
const shortestPause = 2_000;
const longestOwnPause = 40_000;
const longestPause = 3_600_000;

/** Returns the pause after consecutive failures, randomly increased by up to half so that clients do not reconnect at the same time. */
function pauseAfter(failures: number, retryAfter = 0): number {
  const own = Math.min(shortestPause * 2 ** (failures - 1), longestOwnPause);
  return Math.min(Math.max(own, retryAfter * 1000) * (1 + Math.random() / 2), longestPause);
}

export class Client {
  readonly #base: string;
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
    this.#base = options.baseUrl.replace(/\/+$/, "");
  }

  get<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Conditional): Promise<Answer<"get", P> | undefined>;
  get<P extends PathsOf<"get">>(path: P, ...[request]: RequestArgument<"get", P>): Promise<Answer<"get", P>>;
  get<P extends PathsOf<"get">>(path: P, request?: AnyRequest): Promise<Answer<"get", P> | undefined> {
    return this.#send("get", path, request);
  }

  put<P extends PathsOf<"put">>(path: P, ...[request]: RequestArgument<"put", P>): Promise<Answer<"put", P>> {
    return this.#send("put", path, request);
  }

  post<P extends PathsOf<"post">>(path: P, ...[request]: RequestArgument<"post", P>): Promise<Answer<"post", P>> {
    return this.#send("post", path, request);
  }

  /** Same as get, but returns the response with its ETag. */
  tagged<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Conditional): Promise<Tagged<Answer<"get", P> | undefined>>;
  tagged<P extends PathsOf<"get">>(path: P, ...[request]: RequestArgument<"get", P>): Promise<Tagged<Answer<"get", P>>>;
  async tagged<P extends PathsOf<"get">>(path: P, request?: AnyRequest): Promise<Tagged<Answer<"get", P> | undefined>> {
    const answer = await this.#request("get", path, "application/json", request);
    return { answer: await read(answer), etag: answer.headers.get("ETag") ?? undefined };
  }

  /** Returns figures as a table. Lists are paged. */
  async csv<P extends CSVPaths>(path: P, ...[request]: RequestArgument<"get", P, "meta">): Promise<CSV> {
    const answer = await this.#request("get", path, "text/csv", request);
    const next = /[?&]cursor=([^&>]+)/.exec(answer.headers.get("Link") ?? "")?.[1];
    return { text: await answer.text(), nextCursor: next && decodeURIComponent(next) };
  }

  /** Iterates over all entries of a list, requesting one page at a time. */
  async *pages<P extends PagedPaths>(path: P, ...[request]: RequestArgument<"get", P>): AsyncGenerator<Entry<P>, void, undefined> {
    const options: AnyRequest = request ?? {};
    let cursor: string | undefined;
    do {
      const query = cursor ? { ...(options.query as object), cursor } : options.query;
      const page = (await this.#send("get", path, { ...options, query })) as {
        data: Entry<P>[] | { posts?: Entry<P>[]; members?: Entry<P>[] };
        meta: { next_cursor?: string };
      };
      yield* Array.isArray(page.data) ? page.data : (page.data.posts ?? page.data.members ?? []);
      cursor = page.meta.next_cursor;
    } while (cursor);
  }

  /** Starts a sign-in. Open its start_url in the browser of the person who signs in. */
  async connect(what: Body<"post", "/api/connect">): Promise<Data<"post", "/api/connect">> {
    return (await this.post("/api/connect", { body: what })).data;
  }

  /** Returns the progress of a sign-in. */
  async connecting(attempt: string): Promise<Data<"get", "/api/connect/{attempt}">> {
    return (await this.get("/api/connect/{attempt}", { path: { attempt } })).data;
  }

  /** Creates a link with which a person without a login connects pages. Its URL is returned only once. */
  async makeConnectLink(link: Body<"post", "/api/connect/links">): Promise<Data<"post", "/api/connect/links">> {
    return (await this.post("/api/connect/links", { body: link })).data;
  }

  async connectLinks(): Promise<Data<"get", "/api/connect/links">> {
    return (await this.get("/api/connect/links")).data;
  }

  async revokeConnectLink(link: string): Promise<Data<"post", "/api/connect/links/{link}/revoke">> {
    return (await this.post("/api/connect/links/{link}/revoke", { path: { link } })).data;
  }

  /** Disconnects a page or profile. It is no longer read; its figures are kept. */
  async disconnect(socialAccount: number): Promise<Data<"post", "/api/platforms/{platformId}/disconnect">> {
    return (await this.post("/api/platforms/{platformId}/disconnect", { path: { platformId: socialAccount } })).data;
  }

  /** For main applications that sign people in themselves: registers a page or profile. Next, send its tokens with handOverTokens. */
  async registerPage(page: Body<"post", "/api/platforms">): Promise<Data<"post", "/api/platforms">> {
    return (await this.post("/api/platforms", { body: page })).data;
  }

  /** Sends the tokens of a connection. The service checks them before it stores them. Idempotent. */
  async handOverTokens(
    connection: number,
    tokens: Body<"put", "/api/connections/{connection}/tokens">,
  ): Promise<Data<"put", "/api/connections/{connection}/tokens">> {
    return (await this.put("/api/connections/{connection}/tokens", { path: { connection }, body: tokens })).data;
  }

  /** Listens to the caller's notices. Returns a function that closes the stream. */
  notices(to: NoticeListeners): () => void {
    const handlers = {
      client_access_removed: to.accessRemoved, board_closed: to.boardClosed, notice_cursor: restoredOf(to),
    };
    return this.#listen("/api/notices", handlers, to.ended);
  }

  /** Listens to changes to figures, optionally of some accounts (ids or row ids) or of a dashboard. Returns a function that closes the stream. */
  live(to: LiveListeners, narrowing: { account?: string; dashboard?: string } = {}): () => void {
    const narrow = Object.entries(narrowing).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
    const handlers = {
      figures_changed: to.figures, connection_needs_sign_in: to.signIn, connection_ends_soon: to.endsSoon, live_cursor: () => {},
    };
    return this.#listen("/api/live", handlers, to.ended, narrow);
  }

  /** Listens to notices with the standard Socket.IO client, which reconnects automatically with a current token. */
  socket<S extends SocketLike>(io: ConnectSocket<S>, to: NoticeListeners): S {
    const at = new URL(this.#base, globalThis.location?.href);
    const socket = io(at.origin, {
      path: at.pathname.replace(/\/$/, "") + "/socket.io/",
      auth: (give) => void this.#token().then((token) => give(token ? { token } : {}), () => give({})),
    });
    if (to.accessRemoved) socket.on("client_access_removed", to.accessRemoved);
    if (to.boardClosed) socket.on("board_closed", to.boardClosed);
    socket.on("notice_cursor", restoredOf(to));
    socket.on("connect_error", (err: Error & { data?: { code?: string } }) => {
      if (err.data?.code) to.ended?.(new LedgerboardError(0, err.data.code, err.message));
    });
    return socket;
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === "function" ? token() : token;
  }

  /** Adds the credentials to the options of a fetch. */
  async #authenticated(init: RequestInit): Promise<RequestInit> {
    const token = await this.#token();
    if (!token) return { ...init, credentials: "include" };
    return { ...init, headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` } };
  }

  async #send<M extends Method, P extends keyof paths>(method: M, path: P, request?: AnyRequest): Promise<Answer<M, P>> {
    return read(await this.#request(method, path, "application/json", request));
  }

  /** Sends a request for a media type. Throws a LedgerboardError for an error response. */
  async #request(method: Method, path: keyof paths, accept: string, request: AnyRequest = {}): Promise<Response> {
    const values = new Map<string, unknown>(Object.entries(request.path ?? {}));
    const address = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values.get(name);
      if (value == null) throw new TypeError(`${path}: set ${name} in path`);
      return encodeURIComponent(String(value));
    });
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value != null) query.set(name, String(value));
    const search = query.toString(); // not query.size, which browsers before 2023 lack
    const headers: Record<string, string> = { Accept: accept, ...request.headers };
    if (request.body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method: method.toUpperCase(), headers };
    if (request.body !== undefined) init.body = JSON.stringify(request.body);
    if (request.signal) init.signal = request.signal;
    const answer = await fetch(this.#base + address + (search ? `?${search}` : ""), await this.#authenticated(init)).catch((err: unknown) => {
      if (request.signal?.aborted) throw err;
      throw new LedgerboardError(0, "no_answer", `The server did not respond: ${String(err)}`);
    });
    if (!answer.ok && answer.status !== 304) throw await errorOf(answer);
    return answer;
  }

  /** Opens a stream. The EventSource reconnects automatically; it is replaced only when its ticket has expired. */
  #listen(path: "/api/notices" | "/api/live", handlers: Handlers, ended: ((reason: LedgerboardError) => void) | undefined, narrow = ""): () => void {
    let source: EventSource | undefined;
    let stopped = false;
    let last = "";
    let opened = false; // since the last refusal
    let refusals = 0; // consecutive, since the stream was last open
    let failures = 0; // the same, of any kind
    const later = (why?: LedgerboardError): void => void setTimeout(open, pauseAfter(++failures, why?.retryAfter));
    const open = async (): Promise<void> => {
      if (stopped) return;
      try {
        const next = await this.#source(path, (last ? `&last_event_id=${encodeURIComponent(last)}` : "") + narrow);
        if (stopped) return next.close();
        source = next;
      } catch (err) {
        const reason = err instanceof LedgerboardError ? err : new LedgerboardError(0, "no_answer", String(err));
        if (stopped) return;
        if (permanent.includes(reason.status)) return void ended?.(reason);
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
        if (source?.readyState === 2 && !stopped) void this.#whyRefused(path, narrow).then(again);
      };
    };
    const again = (why: LedgerboardError | undefined): void => {
      if (stopped) return;
      if (why && permanent.includes(why.status)) return ended?.(why);
      if (!why && opened) {
        opened = false;
        return void open();
      }
      if (!why) {
        last = ""; // the id may be the reason
        if (++refusals > 1) return ended?.(new LedgerboardError(0, "stream_refused", "The server refuses the stream, although the caller may open it."));
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
  async #whyRefused(path: string, narrow: string): Promise<LedgerboardError | undefined> {
    const controller = new AbortController();
    const answer = await fetch(`${this.#base}${path}?${narrow.slice(1)}`, await this.#authenticated({ signal: controller.signal })).catch(() => undefined);
    if (!answer) return new LedgerboardError(0, "no_answer", "The server did not respond.");
    if (answer.ok) return void controller.abort();
    return errorOf(answer);
  }

  async #source(path: "/api/notices" | "/api/live", more: string): Promise<EventSource> {
    const address = `${this.#base}${path}?`;
    const Custom = this.#options.EventSource;
    if (Custom) return new Custom(address + more.slice(1), { fetch: async (url, init) => fetch(url, await this.#authenticated(init)) });
    if (!this.#options.token) return new EventSource(address + more.slice(1), { withCredentials: true });
    const { data } = await this.post("/api/notices/ticket", { query: { path } });
    return new EventSource(`${address}ticket=${data.ticket}${more}`);
  }
}
