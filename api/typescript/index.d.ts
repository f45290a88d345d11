import type { components, paths as Documented } from "./schema.js";
/** Paths that do not belong to the analytics. */
type OtherPaths = `/api/${string}` | `/connect/${string}` | `/${string}.${string}` | "/healthz" | "/readyz" | "/metrics" | "/docs";
/** All paths. The paths of the analytics include the prefix /auth, which the document lists as a server. */
export type paths = {
    [P in keyof Documented as P extends OtherPaths ? P : `/auth${P}`]: Documented[P];
};
export type { components };
export type Schemas = components["schemas"];
type Method = "get" | "post" | "put";
type Returning<M extends Method, Media extends string> = Record<M, {
    responses: {
        200: {
            content: Record<Media, unknown>;
        };
    };
}>;
/** The paths that support a method and return JSON. */
export type PathsOf<M extends Method> = {
    [P in keyof paths]: paths[P] extends Returning<M, "application/json"> ? P : never;
}[keyof paths];
/** The paths that can also return CSV. */
export type CSVPaths = {
    [P in keyof paths]: paths[P] extends Returning<"get", "text/csv"> ? P : never;
}[keyof paths];
type Operation<M extends Method, P extends keyof paths> = paths[P] extends Record<M, infer O> ? O : never;
type Part<O, K extends string> = O extends {
    parameters: infer A;
} ? (A extends {
    [N in K]?: infer V;
} ? V : never) : never;
type BodyOf<O> = O extends {
    requestBody: {
        content: {
            "application/json": infer B;
        };
    };
} ? B : never;
/** The JSON response of a method of a path. */
export type Answer<M extends Method, P extends keyof paths> = Operation<M, P> extends {
    responses: {
        200: {
            content: {
                "application/json": infer A;
            };
        };
    };
} ? A : undefined;
/** The `data` member of an {@link Answer}. */
export type Data<M extends Method, P extends keyof paths> = Answer<M, P> extends {
    data: infer D;
} ? D : never;
/** The request body of a method of a path. */
export type Body<M extends Method, P extends keyof paths> = BodyOf<Operation<M, P>>;
type Without<Q, Names extends string> = Q extends unknown ? Omit<Q, Names> : never;
/** A member that is required if it has required members, and not allowed if the path has nothing of the kind. */
type Member<K extends string, V> = [V] extends [never] ? {
    [N in K]?: undefined;
} : {} extends V ? {
    [N in K]?: V;
} : {
    [N in K]: V;
};
/** The options of a request. The query parameters table and for apply to CSV only, and meta to JSON only. */
export type Request<M extends Method, P extends keyof paths, Not extends string = "table" | "for"> = {
    headers?: Record<string, string>;
    signal?: AbortSignal;
} & Member<"path", NonNullable<Part<Operation<M, P>, "path">>> & Member<"query", Without<NonNullable<Part<Operation<M, P>, "query">>, Not>> & ([BodyOf<Operation<M, P>>] extends [never] ? {
    body?: undefined;
} : {
    body: BodyOf<Operation<M, P>>;
});
/** The argument after the path, which is optional if none of its members is required. */
type RequestArgument<M extends Method, P extends keyof paths, Not extends string = "table" | "for"> = {} extends Request<M, P, Not> ? [request?: Request<M, P, Not>] : [request: Request<M, P, Not>];
/** Makes a request conditional: if the response still has this ETag (304), the result is undefined. */
type Conditional = {
    headers: {
        "If-None-Match": string;
    };
};
/** The options of a CSV request. */
export type CSVRequest<P extends CSVPaths> = Request<"get", P, "meta">;
/** The paths of paged lists, which have the parameter cursor. */
export type PagedPaths = {
    [P in PathsOf<"get">]: "cursor" extends keyof NonNullable<Part<Operation<"get", P>, "query">> ? P : never;
}[PathsOf<"get">];
/** An entry of a paged list: an element of `data`, or of its `posts` or `members`. */
export type Entry<P extends keyof paths> = EntryOf<Data<"get", P>>;
type EntryOf<D> = D extends (infer E)[] ? E : D extends {
    posts: (infer E)[];
} ? E : D extends {
    members: (infer E)[];
} ? E : never;
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
export declare class LedgerboardError extends Error {
    readonly status: number;
    readonly code: string;
    readonly errors: {
        field: string;
        detail: string;
    }[];
    readonly requestId: string;
    /** Seconds to wait before a retry; undefined if the server did not say. */
    readonly retryAfter?: number | undefined;
    name: string;
    constructor(status: number, code: string, message: string, errors?: {
        field: string;
        detail: string;
    }[], requestId?: string, 
    /** Seconds to wait before a retry; undefined if the server did not say. */
    retryAfter?: number | undefined);
}
/** The constructor of the package `eventsource`. */
type FetchingEventSource = new (url: string, init: {
    fetch: (url: string | URL, init: RequestInit) => Promise<Response>;
}) => EventSource;
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
    accessRemoved?: (notice: {
        user_id: string;
    }) => void;
    /** The agency closed dashboards for clients. */
    boardClosed?: (notice: {
        user_id: string;
        sub_account_ids: string[];
    }) => void;
    /** The server's log was restored to an older state, and notices may be missing: read everything again. */
    restored?: () => void;
    /** The stream cannot be opened any more, for example after a sign-out. After other errors, the client reconnects automatically. */
    ended?: (reason: LedgerboardError) => void;
}
export interface FiguresChanged {
    /** Anything may have changed: read everything again. */
    all: boolean;
    changes: {
        account_id: string;
        member_id: number | null;
        social_account_id: number | null;
        p_id: number | null;
        figures: "account" | "posts";
    }[];
}
export interface LiveListeners {
    /** Figures changed; read them again. At most once a second. */
    figures?: (changed: FiguresChanged) => void;
    /** The platform refuses a connection until a person signs in again. */
    signIn?: (connection: {
        account_id: string;
        member_id: number | null;
        connection_id: number;
        p_id: number;
    }) => void;
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
export type ConnectSocket<S> = (url: string, options: {
    path: string;
    auth: (give: (auth: object) => void) => void;
}) => S;
interface SocketLike {
    on(event: string, listener: (...args: any[]) => void): unknown;
    disconnect(): unknown;
}
export declare class Client {
    #private;
    constructor(options: Options);
    get<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Conditional): Promise<Answer<"get", P> | undefined>;
    get<P extends PathsOf<"get">>(path: P, ...[request]: RequestArgument<"get", P>): Promise<Answer<"get", P>>;
    put<P extends PathsOf<"put">>(path: P, ...[request]: RequestArgument<"put", P>): Promise<Answer<"put", P>>;
    post<P extends PathsOf<"post">>(path: P, ...[request]: RequestArgument<"post", P>): Promise<Answer<"post", P>>;
    /** Same as get, but returns the response with its ETag. */
    tagged<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Conditional): Promise<Tagged<Answer<"get", P> | undefined>>;
    tagged<P extends PathsOf<"get">>(path: P, ...[request]: RequestArgument<"get", P>): Promise<Tagged<Answer<"get", P>>>;
    /** Returns figures as a table. Lists are paged. */
    csv<P extends CSVPaths>(path: P, ...[request]: RequestArgument<"get", P, "meta">): Promise<CSV>;
    /** Iterates over all entries of a list, requesting one page at a time. */
    pages<P extends PagedPaths>(path: P, ...[request]: RequestArgument<"get", P>): AsyncGenerator<Entry<P>, void, undefined>;
    /** Starts a sign-in. Open its start_url in the browser of the person who signs in. */
    connect(what: Body<"post", "/api/connect">): Promise<Data<"post", "/api/connect">>;
    /** Returns the progress of a sign-in. */
    connecting(attempt: string): Promise<Data<"get", "/api/connect/{attempt}">>;
    /** Creates a link with which a person without a login connects pages. Its URL is returned only once. */
    makeConnectLink(link: Body<"post", "/api/connect/links">): Promise<Data<"post", "/api/connect/links">>;
    connectLinks(): Promise<Data<"get", "/api/connect/links">>;
    revokeConnectLink(link: string): Promise<Data<"post", "/api/connect/links/{link}/revoke">>;
    /** Disconnects a page or profile. It is no longer read; its figures are kept. */
    disconnect(socialAccount: number): Promise<Data<"post", "/api/platforms/{platformId}/disconnect">>;
    /** For main applications that sign people in themselves: registers a page or profile. Next, send its tokens with handOverTokens. */
    registerPage(page: Body<"post", "/api/platforms">): Promise<Data<"post", "/api/platforms">>;
    /** Sends the tokens of a connection. The service checks them before it stores them. Idempotent. */
    handOverTokens(connection: number, tokens: Body<"put", "/api/connections/{connection}/tokens">): Promise<Data<"put", "/api/connections/{connection}/tokens">>;
    /** Listens to the caller's notices. Returns a function that closes the stream. */
    notices(to: NoticeListeners): () => void;
    /** Listens to changes to figures, optionally of some accounts (ids or row ids) or of a dashboard. Returns a function that closes the stream. */
    live(to: LiveListeners, narrowing?: {
        account?: string;
        dashboard?: string;
    }): () => void;
    /** Listens to notices with the standard Socket.IO client, which reconnects automatically with a current token. */
    socket<S extends SocketLike>(io: ConnectSocket<S>, to: NoticeListeners): S;
}
