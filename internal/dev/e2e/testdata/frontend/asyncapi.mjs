// Lints asyncapi.json with the reference parser: its problems are printed, and end with status 1.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync("asyncapi.json", "utf8"));
// Newer minor versions of the specification are no problem of this document.
const problems = diagnostics.filter((d) => d.severity <= 1 && d.code !== "asyncapi-latest-version");
for (const d of problems) console.error(d.code, d.path.join("."), d.message);
if (!document || problems.length > 0) process.exit(1);
console.log("channels", document.channels().length, "messages", document.components().messages().length);
