// The client of ledgerboard: requests whose paths, parameters and answers the compiler knows, errors, pages, notices
// and live updates. What it is checked against is schema.d.ts, which is made of the server's OpenAPI document.
import type { components, paths as Documented } from "./schema.js";

/** What is not a figure. */
type Elsewhere = `/api/${string}` | `/connect/${string}` | `/${string}.${string}` | "/healthz" | "/readyz" | "/metrics" | "/docs";
/** Every path. Figures have the prefix under which every server has them; the document names it as a server. */
export type paths = { [P in keyof Documented as P extends Elsewhere ? P : `/auth${P}`]: Documented[P] };
export type { components };
export type Schemas = components["schemas"];

type Method = "get" | "post" | "put" | "delete";
type Answering<M extends Method, Media extends string> = Record<M, { responses: { 200: { content: Record<Media, unknown> } } }>;
/** The paths that take a method and answer in JSON. */
export type PathsOf<M extends Method> = { [P in keyof paths]: paths[P] extends Answering<M, "application/json"> ? P : never }[keyof paths];
/** The paths that also answer in CSV. */
export type CSVPaths = { [P in keyof paths]: paths[P] extends Answering<"get", "text/csv"> ? P : never }[keyof paths];
type Operation<M extends Method, P extends keyof paths> = paths[P] extends Record<M, infer O> ? O : never;
type Part<O, K extends string> = O extends { parameters: infer A } ? (A extends { [N in K]?: infer V } ? V : never) : never;
type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : never;
/** What a method of a path answers in JSON. */
export type Answer<M extends Method, P extends keyof paths> =
  Operation<M, P> extends { responses: { 200: { content: { "application/json": infer A } } } } ? A : undefined;
/** The data of such an answer. */
export type Data<M extends Method, P extends keyof paths> = Answer<M, P> extends { data: infer D } ? D : never;
/** The body that a method of a path takes. */
export type Body<M extends Method, P extends keyof paths> = BodyOf<Operation<M, P>>;
type Without<Q, Names extends string> = Q extends unknown ? Omit<Q, Names> : never;
/** A member that must be given where the path demands something of it, and cannot be where it takes nothing. */
type Given<K extends string, V> = [V] extends [never] ? { [N in K]?: undefined } : {} extends V ? { [N in K]?: V } : { [N in K]: V };
/** What a request of a path takes; ?table= is of CSV, ?meta= of JSON. */
export type Request<M extends Method, P extends keyof paths, Not extends string = "table"> = {
  headers?: Record<string, string>;
  signal?: AbortSignal;
} & Given<"path", NonNullable<Part<Operation<M, P>, "path">>> &
  Given<"query", Without<NonNullable<Part<Operation<M, P>, "query">>, Not>> &
  ([BodyOf<Operation<M, P>>] extends [never] ? { body?: undefined } : { body: BodyOf<Operation<M, P>> });
/** The request beside a path: it may be left out only where nothing in it must be given. */
type Asking<M extends Method, P extends keyof paths, Not extends string = "table"> =
  {} extends Request<M, P, Not> ? [request?: Request<M, P, Not>] : [request: Request<M, P, Not>];
/** What makes a request for an answer that the caller may already have: its tag. If it is still right (304), the answer is undefined. */
type Unless = { headers: { "If-None-Match": string } };
/** What a request of a path takes in CSV. */
export type CSVRequest<P extends CSVPaths> = Request<"get", P, "meta">;
/** The paths whose answers are pages: those that take a cursor. */
export type PagedPaths = {
  [P in PathsOf<"get">]: "cursor" extends keyof NonNullable<Part<Operation<"get", P>, "query">> ? P : never;
}[PathsOf<"get">];
/** One entry of such a page: of the data itself, or of the posts or members of figures. */
export type Entry<P extends keyof paths> = EntryOf<Data<"get", P>>;
type EntryOf<D> = D extends (infer E)[] ? E : D extends { posts: (infer E)[] } ? E : D extends { members: (infer E)[] } ? E : never;
/** A table, with the cursor of its next page; undefined: it is the last one. */
export interface CSV {
  text: string;
  nextCursor: string | undefined;
}
/** An answer with its tag: a PUT with it as If-Match is refused (412) where somebody has changed the same meanwhile. */
export interface Tagged<A> {
  answer: A;
  etag: string | undefined;
}

/** A refusal of the server, or no answer at all (status 0). */
export class LedgerboardError extends Error {
  override name = "LedgerboardError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: { field: string; detail: string }[] = [],
    readonly requestId = "",
    /** Seconds after which it makes sense to try again; undefined: the server gave no advice. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** What the server said instead of an answer. */
async function refusal(answer: Response): Promise<LedgerboardError> {
  let said: Partial<Schemas["ErrorBody"]> = {};
  try {
    said = await answer.json();
  } catch {} // a proxy's own page
  return new LedgerboardError(
    answer.status, said.code ?? "unknown", said.message ?? answer.statusText, said.errors, said.request_id,
    secondsOf(answer.headers.get("Retry-After")),
  );
}

/** The object that was answered; undefined: the caller has it already. */
async function read(answer: Response): Promise<any> {
  return answer.status === 304 ? undefined : answer.json();
}

/** The seconds that a Retry-After asks for, as a number or, as proxies may, as a date; undefined: it is neither. */
function secondsOf(wait: string | null): number | undefined {
  if (!wait) return undefined;
  const seconds = /^\d+$/.test(wait) ? Number(wait) : Math.ceil((Date.parse(wait) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** The statuses of streams after which trying again does not help. */
const forGood = [400, 401, 403, 404];

/** What the constructor of the package `eventsource` takes beside the address. */
type FetchingEventSource = new (
  url: string,
  init: { fetch: (url: string | URL, init: RequestInit) => Promise<Response> },
) => EventSource;

export interface Options {
  /** Where the api is, with the prefix under which it is mounted. */
  baseUrl: string;
  /** The token, or what gives a fresh one. None: cookies are sent. */
  token?: string | (() => string | Promise<string>);
  /** The EventSource of the package `eventsource`, for Node. It sends the token itself; browsers need tickets. */
  EventSource?: FetchingEventSource;
}

export interface NoticeListeners {
  /** The user lost access to at least one dashboard. */
  accessRemoved?: (notice: { user_id: string }) => void;
  /** The agency closed dashboards for clients. */
  boardClosed?: (notice: { user_id: string; sub_account_ids: string[] }) => void;
  /** The stream is refused for good, as after a sign-out. Anything else makes it come back by itself. */
  ended?: (reason: LedgerboardError) => void;
}

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
  /** A person must sign in for a connection before it ends; sent 14, 7 and 1 days before. */
  endsSoon?: (connection: {
    account_id: string;
    member_id: number | null;
    connection_id: number;
    p_id: number;
    sign_in_before: string;
  }) => void;
  ended?: (reason: LedgerboardError) => void;
}

/** What of the stock Socket.IO client is used: `io` of the package socket.io-client. */
export type ConnectSocket<S> = (url: string, options: { path: string; auth: (give: (auth: object) => void) => void }) => S;
interface SocketLike {
  on(event: string, listener: (...args: any[]) => void): unknown;
  disconnect(): unknown;
}

/** A request of any path. */
interface Asked {
  path?: unknown;
  query?: unknown;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

type Handlers = Record<string, ((data: any) => void) | undefined>;

// In ms, before a stream that was refused is tried again. Without advice of the server, pauses grow to a minute.
const shortestPause = 2_000;
const longestOwnPause = 40_000;
const longestPause = 3_600_000;

/** The pause after so many failures in a row, up to half longer by chance: streams that fell together do not come back together. */
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

  get<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Unless): Promise<Answer<"get", P> | undefined>;
  get<P extends PathsOf<"get">>(path: P, ...[request]: Asking<"get", P>): Promise<Answer<"get", P>>;
  get<P extends PathsOf<"get">>(path: P, request?: Asked): Promise<Answer<"get", P> | undefined> {
    return this.#send("get", path, request);
  }

  put<P extends PathsOf<"put">>(path: P, ...[request]: Asking<"put", P>): Promise<Answer<"put", P>> {
    return this.#send("put", path, request);
  }

  post<P extends PathsOf<"post">>(path: P, ...[request]: Asking<"post", P>): Promise<Answer<"post", P>> {
    return this.#send("post", path, request);
  }

  delete<P extends PathsOf<"delete">>(path: P, ...[request]: Asking<"delete", P>): Promise<Answer<"delete", P>> {
    return this.#send("delete", path, request);
  }

  /** What get answers, with its tag. */
  tagged<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Unless): Promise<Tagged<Answer<"get", P> | undefined>>;
  tagged<P extends PathsOf<"get">>(path: P, ...[request]: Asking<"get", P>): Promise<Tagged<Answer<"get", P>>>;
  async tagged<P extends PathsOf<"get">>(path: P, request?: Asked): Promise<Tagged<Answer<"get", P> | undefined>> {
    const answer = await this.#ask("get", path, "application/json", request);
    return { answer: await read(answer), etag: answer.headers.get("ETag") ?? undefined };
  }

  /** Figures as a table; a list has pages. */
  async csv<P extends CSVPaths>(path: P, ...[request]: Asking<"get", P, "meta">): Promise<CSV> {
    const answer = await this.#ask("get", path, "text/csv", request);
    const next = /[?&]cursor=([^&>]+)/.exec(answer.headers.get("Link") ?? "")?.[1];
    return { text: await answer.text(), nextCursor: next && decodeURIComponent(next) };
  }

  /** All entries of a list, page by page. */
  async *pages<P extends PagedPaths>(path: P, ...[request]: Asking<"get", P>): AsyncGenerator<Entry<P>, void, undefined> {
    const asked: Asked = request ?? {};
    let cursor: string | undefined;
    do {
      const query = cursor ? { ...(asked.query as object), cursor } : asked.query;
      const page = (await this.#send("get", path, { ...asked, query })) as {
        data: Entry<P>[] | { posts?: Entry<P>[]; members?: Entry<P>[] };
        meta: { next_cursor?: string };
      };
      yield* Array.isArray(page.data) ? page.data : (page.data.posts ?? page.data.members ?? []);
      cursor = page.meta.next_cursor;
    } while (cursor);
  }

  /** Begins a sign-in, whose start_url is to be opened in the browser of the person who signs in. */
  async connect(what: Body<"post", "/api/connect">): Promise<Data<"post", "/api/connect">> {
    return (await this.post("/api/connect", { body: what })).data;
  }

  /** How far a sign-in came; every reading of its step is one request. */
  async connecting(attempt: string): Promise<Data<"get", "/api/connect/{attempt}">> {
    return (await this.get("/api/connect/{attempt}", { path: { attempt } })).data;
  }

  /** Creates a link with which a person without a login connects pages; its url is returned only once. */
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

  /** For a main application that signs people in itself: registers a page or profile, whose tokens are then handed over. */
  async registerPage(page: Body<"post", "/api/platforms">): Promise<Data<"post", "/api/platforms">> {
    return (await this.post("/api/platforms", { body: page })).data;
  }

  /** Hands over the tokens of a connection. They are checked before anything is stored; to repeat it is harmless. */
  async handOverTokens(
    connection: number,
    tokens: Body<"put", "/api/connections/{connection}/tokens">,
  ): Promise<Data<"put", "/api/connections/{connection}/tokens">> {
    return (await this.put("/api/connections/{connection}/tokens", { path: { connection }, body: tokens })).data;
  }

  /** Listens to the caller's notices; what it returns ends that. */
  notices(to: NoticeListeners): () => void {
    const handlers = {
      client_access_removed: to.accessRemoved, board_closed: to.boardClosed, notice_cursor: () => {},
    };
    return this.#listen("/api/notices", handlers, to.ended);
  }

  /** Listens to which figures changed; what it returns ends that. Accounts (ids or row ids) or a dashboard narrow. */
  live(to: LiveListeners, narrowing: { account?: string; dashboard?: string } = {}): () => void {
    const narrow = Object.entries(narrowing).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
    const handlers = {
      figures_changed: to.figures, connection_needs_sign_in: to.signIn, connection_ends_soon: to.endsSoon, live_cursor: () => {},
    };
    return this.#listen("/api/live", handlers, to.ended, narrow);
  }

  /** Listens to notices with the stock Socket.IO client, which comes back by itself and asks for a token each time. */
  socket<S extends SocketLike>(io: ConnectSocket<S>, to: NoticeListeners): S {
    const at = new URL(this.#base, globalThis.location?.href);
    const socket = io(at.origin, {
      path: at.pathname.replace(/\/$/, "") + "/socket.io/",
      auth: (give) => void this.#token().then((token) => give(token ? { token } : {}), () => give({})),
    });
    if (to.accessRemoved) socket.on("client_access_removed", to.accessRemoved);
    if (to.boardClosed) socket.on("board_closed", to.boardClosed);
    socket.on("connect_error", (err: Error & { data?: { code?: string } }) => {
      if (err.data?.code) to.ended?.(new LedgerboardError(0, err.data.code, err.message));
    });
    return socket;
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === "function" ? token() : token;
  }

  /** The init of a fetch that proves who is calling. */
  async #proven(init: RequestInit): Promise<RequestInit> {
    const token = await this.#token();
    if (!token) return { ...init, credentials: "include" };
    return { ...init, headers: { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` } };
  }

  async #send<M extends Method, P extends keyof paths>(method: M, path: P, request?: Asked): Promise<Answer<M, P>> {
    return read(await this.#ask(method, path, "application/json", request));
  }

  /** Asks for a type of content, and throws what is no good answer. */
  async #ask(method: Method, path: keyof paths, accept: string, request: Asked = {}): Promise<Response> {
    const values = new Map<string, unknown>(Object.entries(request.path ?? {}));
    const address = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values.get(name);
      if (value == null) throw new TypeError(`${path}: give ${name} in path`);
      return encodeURIComponent(String(value));
    });
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value != null) query.set(name, String(value));
    const asked = query.toString(); // not query.size, which browsers before 2023 lack
    const headers: Record<string, string> = { Accept: accept, ...request.headers };
    if (request.body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method: method.toUpperCase(), headers };
    if (request.body !== undefined) init.body = JSON.stringify(request.body);
    if (request.signal) init.signal = request.signal;
    const answer = await fetch(this.#base + address + (asked ? `?${asked}` : ""), await this.#proven(init)).catch((err: unknown) => {
      if (request.signal?.aborted) throw err;
      throw new LedgerboardError(0, "no_answer", `The server did not answer: ${String(err)}`);
    });
    if (!answer.ok && answer.status !== 304) throw await refusal(answer);
    return answer;
  }

  /** Opens a stream. The EventSource comes back by itself; a new one is made only when its ticket has ended. */
  #listen(path: "/api/notices" | "/api/live", handlers: Handlers, ended: ((reason: LedgerboardError) => void) | undefined, narrow = ""): () => void {
    let source: EventSource | undefined;
    let stopped = false;
    let last = "";
    let opened = false; // since the last refusal
    let refusals = 0; // in a row, without an opening
    let failures = 0; // the same, whatever the reason
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
        if (forGood.includes(reason.status)) return void ended?.(reason);
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
        if (source?.readyState === 2 && !stopped) void this.#refused(path, narrow).then(again);
      };
    };
    const again = (why: LedgerboardError | undefined): void => {
      if (stopped) return;
      if (why && forGood.includes(why.status)) return ended?.(why);
      if (!why && opened) {
        opened = false;
        return void open();
      }
      if (!why) {
        last = ""; // it may be what is refused
        if (++refusals > 1) return ended?.(new LedgerboardError(0, "stream_refused", "The stream is refused, though the caller may open it."));
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
  async #refused(path: string, narrow: string): Promise<LedgerboardError | undefined> {
    const leave = new AbortController();
    const answer = await fetch(`${this.#base}${path}?${narrow.slice(1)}`, await this.#proven({ signal: leave.signal })).catch(() => undefined);
    if (!answer) return new LedgerboardError(0, "no_answer", "The server did not answer.");
    if (answer.ok) return void leave.abort();
    return refusal(answer);
  }

  async #source(path: "/api/notices" | "/api/live", more: string): Promise<EventSource> {
    const address = `${this.#base}${path}?`;
    const Given = this.#options.EventSource;
    if (Given) return new Given(address + more.slice(1), { fetch: async (url, init) => fetch(url, await this.#proven(init)) });
    if (!this.#options.token) return new EventSource(address + more.slice(1), { withCredentials: true });
    const { data } = await this.post("/api/notices/ticket", { query: { path } });
    return new EventSource(`${address}ticket=${data.ticket}${more}`);
  }
}
