import type { components, paths as Documented } from "./schema.js";
/** What is not a figure. */
type Elsewhere = `/api/${string}` | `/connect/${string}` | `/${string}.${string}` | "/healthz" | "/readyz" | "/metrics" | "/docs";
/** Every path. Figures have the prefix under which every server has them; the document names it as a server. */
export type paths = {
    [P in keyof Documented as P extends Elsewhere ? P : `/auth${P}`]: Documented[P];
};
export type { components };
export type Schemas = components["schemas"];
type Method = "get" | "post" | "put" | "delete";
type Answering<M extends Method, Media extends string> = Record<M, {
    responses: {
        200: {
            content: Record<Media, unknown>;
        };
    };
}>;
/** The paths that take a method and answer in JSON. */
export type PathsOf<M extends Method> = {
    [P in keyof paths]: paths[P] extends Answering<M, "application/json"> ? P : never;
}[keyof paths];
/** The paths that also answer in CSV. */
export type CSVPaths = {
    [P in keyof paths]: paths[P] extends Answering<"get", "text/csv"> ? P : never;
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
/** What a method of a path answers in JSON. */
export type Answer<M extends Method, P extends keyof paths> = Operation<M, P> extends {
    responses: {
        200: {
            content: {
                "application/json": infer A;
            };
        };
    };
} ? A : undefined;
/** The data of such an answer. */
export type Data<M extends Method, P extends keyof paths> = Answer<M, P> extends {
    data: infer D;
} ? D : never;
/** The body that a method of a path takes. */
export type Body<M extends Method, P extends keyof paths> = BodyOf<Operation<M, P>>;
type Without<Q, Names extends string> = Q extends unknown ? Omit<Q, Names> : never;
/** A member that must be given where the path demands something of it, and cannot be where it takes nothing. */
type Given<K extends string, V> = [V] extends [never] ? {
    [N in K]?: undefined;
} : {} extends V ? {
    [N in K]?: V;
} : {
    [N in K]: V;
};
/** What a request of a path takes; ?table= is of CSV, ?meta= of JSON. */
export type Request<M extends Method, P extends keyof paths, Not extends string = "table"> = {
    headers?: Record<string, string>;
    signal?: AbortSignal;
} & Given<"path", NonNullable<Part<Operation<M, P>, "path">>> & Given<"query", Without<NonNullable<Part<Operation<M, P>, "query">>, Not>> & ([BodyOf<Operation<M, P>>] extends [never] ? {
    body?: undefined;
} : {
    body: BodyOf<Operation<M, P>>;
});
/** The request beside a path: it may be left out only where nothing in it must be given. */
type Asking<M extends Method, P extends keyof paths, Not extends string = "table"> = {} extends Request<M, P, Not> ? [request?: Request<M, P, Not>] : [request: Request<M, P, Not>];
/** What makes a request for an answer that the caller may already have: its tag. If it is still right (304), the answer is undefined. */
type Unless = {
    headers: {
        "If-None-Match": string;
    };
};
/** What a request of a path takes in CSV. */
export type CSVRequest<P extends CSVPaths> = Request<"get", P, "meta">;
/** The paths whose answers are pages: those that take a cursor. */
export type PagedPaths = {
    [P in PathsOf<"get">]: "cursor" extends keyof NonNullable<Part<Operation<"get", P>, "query">> ? P : never;
}[PathsOf<"get">];
/** One entry of such a page: of the data itself, or of the posts or members of figures. */
export type Entry<P extends keyof paths> = EntryOf<Data<"get", P>>;
type EntryOf<D> = D extends (infer E)[] ? E : D extends {
    posts: (infer E)[];
} ? E : D extends {
    members: (infer E)[];
} ? E : never;
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
export declare class LedgerboardError extends Error {
    readonly status: number;
    readonly code: string;
    readonly errors: {
        field: string;
        detail: string;
    }[];
    readonly requestId: string;
    /** Seconds after which it makes sense to try again; undefined: the server gave no advice. */
    readonly retryAfter?: number | undefined;
    name: string;
    constructor(status: number, code: string, message: string, errors?: {
        field: string;
        detail: string;
    }[], requestId?: string, 
    /** Seconds after which it makes sense to try again; undefined: the server gave no advice. */
    retryAfter?: number | undefined);
}
/** What the constructor of the package `eventsource` takes beside the address. */
type FetchingEventSource = new (url: string, init: {
    fetch: (url: string | URL, init: RequestInit) => Promise<Response>;
}) => EventSource;
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
    accessRemoved?: (notice: {
        user_id: string;
    }) => void;
    /** The agency closed dashboards for clients. */
    boardClosed?: (notice: {
        user_id: string;
        sub_account_ids: string[];
    }) => void;
    /** The stream is refused for good, as after a sign-out. Anything else makes it come back by itself. */
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
    get<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Unless): Promise<Answer<"get", P> | undefined>;
    get<P extends PathsOf<"get">>(path: P, ...[request]: Asking<"get", P>): Promise<Answer<"get", P>>;
    put<P extends PathsOf<"put">>(path: P, ...[request]: Asking<"put", P>): Promise<Answer<"put", P>>;
    post<P extends PathsOf<"post">>(path: P, ...[request]: Asking<"post", P>): Promise<Answer<"post", P>>;
    delete<P extends PathsOf<"delete">>(path: P, ...[request]: Asking<"delete", P>): Promise<Answer<"delete", P>>;
    /** What get answers, with its tag. */
    tagged<P extends PathsOf<"get">>(path: P, request: Request<"get", P> & Unless): Promise<Tagged<Answer<"get", P> | undefined>>;
    tagged<P extends PathsOf<"get">>(path: P, ...[request]: Asking<"get", P>): Promise<Tagged<Answer<"get", P>>>;
    /** Figures as a table; a list has pages. */
    csv<P extends CSVPaths>(path: P, ...[request]: Asking<"get", P, "meta">): Promise<CSV>;
    /** All entries of a list, page by page. */
    pages<P extends PagedPaths>(path: P, ...[request]: Asking<"get", P>): AsyncGenerator<Entry<P>, void, undefined>;
    /** Begins a sign-in, whose start_url is to be opened in the browser of the person who signs in. */
    connect(what: Body<"post", "/api/connect">): Promise<Data<"post", "/api/connect">>;
    /** How far a sign-in came; every reading of its step is one request. */
    connecting(attempt: string): Promise<Data<"get", "/api/connect/{attempt}">>;
    /** Creates a link with which a person without a login connects pages; its url is returned only once. */
    makeConnectLink(link: Body<"post", "/api/connect/links">): Promise<Data<"post", "/api/connect/links">>;
    connectLinks(): Promise<Data<"get", "/api/connect/links">>;
    revokeConnectLink(link: string): Promise<Data<"post", "/api/connect/links/{link}/revoke">>;
    /** Disconnects a page or profile. It is no longer read; its figures are kept. */
    disconnect(socialAccount: number): Promise<Data<"post", "/api/platforms/{platformId}/disconnect">>;
    /** For a main application that signs people in itself: registers a page or profile, whose tokens are then handed over. */
    registerPage(page: Body<"post", "/api/platforms">): Promise<Data<"post", "/api/platforms">>;
    /** Hands over the tokens of a connection. They are checked before anything is stored; to repeat it is harmless. */
    handOverTokens(connection: number, tokens: Body<"put", "/api/connections/{connection}/tokens">): Promise<Data<"put", "/api/connections/{connection}/tokens">>;
    /** Listens to the caller's notices; what it returns ends that. */
    notices(to: NoticeListeners): () => void;
    /** Listens to which figures changed; what it returns ends that. Accounts (ids or row ids) or a dashboard narrow. */
    live(to: LiveListeners, narrowing?: {
        account?: string;
        dashboard?: string;
    }): () => void;
    /** Listens to notices with the stock Socket.IO client, which comes back by itself and asks for a token each time. */
    socket<S extends SocketLike>(io: ConnectSocket<S>, to: NoticeListeners): S;
}
