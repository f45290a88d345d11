// A small typed client, as a frontend has it: every path, parameter and member below is checked by the
// compiler against the types that openapi-typescript made of /openapi.json.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Total = components["schemas"]["Total"];

const [base, token, subAccount] = process.argv.slice(2);
if (!base || !token || !subAccount) throw new Error("usage: client.js BASE TOKEN SUB_ACCOUNT");

const api = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${token}` } });

// A figure is a number or not known; the compiler insists on the difference.
function shown(total: Total): string {
  const change: number | null = total.change;
  return `${total.value ?? "not known"} (${change === null ? "no comparison" : change})`;
}

const day = (ago: number): string => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

const insights = await api.GET("/auth/getAccountInsights/{startTime}/{endTime}/{pId}", {
  params: { path: { startTime: day(30), endTime: day(0), pId: "all" }, query: { tz: "Europe/Berlin" } },
});
if (insights.error) throw new Error(insights.error.message);
if (typeof insights.data === "string") throw new Error("CSV comes only when it is asked for");
for (const platform of insights.data.data.platforms) {
  console.log(platform.platform, shown(platform.followers), shown(platform.engagement));
}
const reasons: string[] = insights.data.meta.sources.filter((s) => s.status !== "ok").map((s) => s.reason);
console.log("blanks", reasons.length);

const dashboard = await api.GET("/api/projects/dashboard/{id}", { params: { path: { id: subAccount } } });
if (dashboard.error) throw new Error(dashboard.error.message);
console.log("dashboard", dashboard.data.data[0]?.sub_account_name);

const refused = await api.GET("/auth/getRoiViews", { params: { query: { startTime: "yesterday" } } });
if (!refused.error) throw new Error("a malformed time was taken");
const fields: string[] = refused.error.errors.map((e) => e.field);
console.log("refused", refused.error.code, fields.join());

// @ts-expect-error there is no such platform
const wrong: paths["/auth/getRoiViews"]["get"]["parameters"]["query"] = { pId: "2" };
void wrong;
// @ts-expect-error there is no such path
void api.GET("/auth/nothing");
