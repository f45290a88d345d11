// What a frontend does first with the served client: every path, parameter and member below is checked by the compiler
// against the types that the client brings.
import {
  Client, LedgerboardError, type Answer, type CSVPaths, type CSVRequest, type PathsOf, type Request, type Schemas,
} from "ledgerboard-client";

declare const process: { argv: string[] };

const [baseUrl, token, subAccount] = process.argv.slice(2);
if (!baseUrl || !token || !subAccount) throw new Error("usage: client.js BASE TOKEN SUB_ACCOUNT");

const boards = new Client({ baseUrl, token });

// A figure is a number or not known; the compiler insists on the difference.
function shown(total: Schemas["Total"]): string {
  const change: number | null = total.change;
  return `${total.value ?? "not known"} (${change === null ? "no comparison" : change})`;
}

const day = (ago: number): string => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

const insights = await boards.get("/auth/getAccountInsights/{startTime}/{endTime}/{pId}", {
  path: { startTime: day(30), endTime: day(0), pId: "all" }, query: { tz: "Europe/Berlin" },
});
for (const platform of insights.data.platforms) {
  console.log(platform.platform, shown(platform.followers), shown(platform.engagement));
}
const reasons: string[] = (insights.meta.sources ?? []).filter((s) => s.status !== "ok").map((s) => s.text ?? "");
console.log("blanks", reasons.length);

const dashboard = await boards.get("/api/projects/dashboard/{sub_account_id}", { path: { sub_account_id: subAccount } });
console.log("dashboard", dashboard.data[0]?.sub_account_name);

const { answer: read, etag = "" } = await boards.tagged("/api/projects/dashboard/{sub_account_id}", { path: { sub_account_id: subAccount } });
const change = { path: { sub_account_id: subAccount }, body: { scopes: [...(read.data[0]?.scopes ?? []), "reviews"] }, headers: { "If-Match": etag } };
const first = await boards.put("/api/projects/dashboard/{sub_account_id}", change);
const second = await boards.put("/api/projects/dashboard/{sub_account_id}", { ...change, body: { scopes: [] } }).catch((err: unknown) => err);
console.log("changed", first.data.scopes.includes("reviews"), second instanceof LedgerboardError && second.status);

// Whoever wraps the client in functions of their own, for any path.
const load = <P extends PathsOf<"get">>(path: P, request: Request<"get", P>): Promise<Answer<"get", P>> => boards.get(path, request);
const tableOf = <P extends CSVPaths>(path: P, request: CSVRequest<P>) => boards.csv(path, request);

const firstPage = await load("/api/users", { query: { limit: 2 } });
const names: string[] = [];
for await (const user of boards.pages("/api/users", { query: { limit: 2 } })) names.push(user.name);
console.log("pages", firstPage.data.length, names.length > firstPage.data.length);

const posts: number[] = [];
const range = { path: { startTime: day(30), endTime: day(0), pId: "all" as const }, query: { limit: 2 } };
for await (const post of boards.pages("/auth/getPostInsights/{startTime}/{endTime}/{pId}", range)) {
  posts.push(post.p_id);
  if (posts.length > 2) break;
}
console.log("pages of figures", posts.length);

const fresh = await boards.tagged("/auth/getRoiViews", { query: { meta: "brief" } });
const still = await boards.tagged("/auth/getRoiViews", { query: { meta: "brief" }, headers: { "If-None-Match": fresh.etag ?? "" } });
console.log("unchanged", still.answer === undefined, still.etag === fresh.etag);

const table = await tableOf("/api/stats", { query: { table: "platforms.periods" } });
console.log("table", table.text.split(",", 1)[0], table.nextCursor === undefined);

const refused = await boards.get("/auth/getRoiViews", { query: { startTime: "yesterday" } }).catch((err: unknown) => err);
if (!(refused instanceof LedgerboardError)) throw new Error("a malformed time was taken");
console.log("refused", refused.status, refused.code, refused.errors.map((e) => e.field).join(), refused.requestId !== "");

const away = await new Client({ baseUrl: "http://localhost:1" }).get("/api/users").catch((err: unknown) => err);
console.log("away", away instanceof LedgerboardError && away.code);

// @ts-expect-error who has no compiler is told, and nobody is asked
const missing = await boards.get("/api/users/{userId}", {}).catch((err: unknown) => err);
console.log("missing", missing instanceof TypeError && missing.message);

// @ts-expect-error there is no such platform
void (() => boards.get("/auth/getRoiViews", { query: { pId: "2" } }));
// @ts-expect-error there is no such path
void (() => boards.get("/auth/nothing"));
// @ts-expect-error the path names a user
void (() => boards.get("/api/users/{userId}"));
// @ts-expect-error a range has two ends
void (() => boards.get("/auth/getPostInsights/{startTime}/{endTime}/{pId}", { path: { startTime: day(7), pId: "all" } }));
// @ts-expect-error a comparison has a beginning
void (() => boards.get("/api/audit/diff"));
// @ts-expect-error a change says what it changes
void (() => boards.put("/api/projects/dashboard/{sub_account_id}", { path: { sub_account_id: subAccount } }));
// @ts-expect-error what is read takes no body
void (() => boards.get("/api/users", { body: {} }));
// @ts-expect-error a dashboard is no list of pages
void (() => boards.pages("/api/projects/dashboard/{sub_account_id}"));
// @ts-expect-error a stream is no answer in JSON
void (() => boards.get("/api/live"));
// @ts-expect-error ?table= is of CSV
void (() => boards.get("/api/stats", { query: { table: "platforms" } }));
// @ts-expect-error ?meta= is of JSON
void (() => boards.csv("/api/stats", { query: { meta: "brief" } }));
// @ts-expect-error users are no figures
void (() => boards.csv("/api/users"));
