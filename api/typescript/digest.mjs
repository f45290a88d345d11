// Records in schema.d.ts which document it was generated from; a test in Go compares them.
import { createHash } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";

const digest = createHash("sha256").update(readFileSync("../openapi.json")).digest("hex");
appendFileSync("schema.d.ts", `\n// Generated from openapi.json, SHA-256 ${digest}\n`);
