#!/usr/bin/env bash
# One would guess: LinkedIn's API client for JavaScript says whether a token is active, as its types promise:
# `introspectAccessToken(): Promise<IntrospectTokenResponse>`, with the fields `active`, `status` and `expires_at`.
#
# What happens: it resolves to the whole HTTP response. `active` is undefined, which is false, for a token that
# LinkedIn calls active; `status` is 200, the one of HTTP. The fields are in `data`. The client's other calls for
# tokens resolve to what their types say, and so does LinkedIn's client for Python.
#
# Versions: linkedin-api-client 0.3.0 (npm); Node 20.
# Output seen:
#   introspectAccessToken: active undefined, status 200, data.active true, data.status active
#   exchangeRefreshTokenForAccessToken: expires_in 5184000
#   declared: Promise<IntrospectTokenResponse>
#
# Why it matters: a service that asks whether a connection's token still holds, and follows the types, asks every
# person to sign in again, although all tokens are good.
#
# Exits with 1 if the behavior changes. Needs Node with npm, and the package registry.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

npm install --silent --no-audit --no-fund --ignore-scripts linkedin-api-client@0.3.0 > /dev/null

cat > read.js << 'END'
// The answers are as LinkedIn documents them.
const answers = {
  "/introspectToken": { active: true, status: "active", client_id: "app", auth_type: "3L", authorized_at: 1, created_at: 1, expires_at: 4102444800, scope: "r_basicprofile" },
  "/accessToken": { access_token: "T", expires_in: 5184000, refresh_token: "R", refresh_token_expires_in: 31536000, scope: "r_basicprofile" },
};
const server = require("http").createServer((request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(answers[request.url]));
});
server.listen(0, "127.0.0.1", async () => {
  require("linkedin-api-client/dist/lib/utils/constants").OAUTH_BASE_URL = `http://127.0.0.1:${server.address().port}`;
  const { AuthClient } = require("linkedin-api-client");
  const client = new AuthClient({ clientId: "app", clientSecret: "S" });
  const token = await client.introspectAccessToken("T");
  console.log(`introspectAccessToken: active ${token.active}, status ${token.status}, data.active ${token.data?.active}, data.status ${token.data?.status}`);
  const renewed = await client.exchangeRefreshTokenForAccessToken("R");
  console.log(`exchangeRefreshTokenForAccessToken: expires_in ${renewed.expires_in}`);
  server.close();
  server.closeAllConnections();
});
END
{ node read.js
  echo "declared: $(grep -A3 'introspectAccessToken(' node_modules/linkedin-api-client/dist/lib/auth.d.ts | grep -o 'Promise<[A-Za-z]*>')"
} | tee seen
diff seen - << 'END'
introspectAccessToken: active undefined, status 200, data.active true, data.status active
exchangeRefreshTokenForAccessToken: expires_in 5184000
declared: Promise<IntrospectTokenResponse>
END
