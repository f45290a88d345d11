// An identity provider of npm oidc-provider with its own pages for signing in. Access tokens are for
// an API by default, so its userinfo endpoint refuses them.
const { port, redirect, people } = JSON.parse(process.argv[process.argv.length - 1]);
const issuer = `http://localhost:${port}`;
import("oidc-provider").then(({ default: Provider }) => {
  const provider = new Provider(issuer, {
    clients: [{ client_id: "ledgerboard", client_secret: "a secret of the console", redirect_uris: [redirect], token_endpoint_auth_method: "client_secret_post", backchannel_logout_uri: redirect.replace("callback", "logout"), backchannel_logout_session_required: true }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    pkce: { required: () => true },
    features: {
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://api.example.com",
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: "openid email", audience: "ledgerboard-api", accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
      },
    },
    extraTokenClaims: (_, token) => {
      const person = people[token.accountId];
      return person && { account_id: person.account_id, role: person.role };
    },
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // the console is on this machine
    cookies: { keys: ["a key of the test"] },
  });
  provider.on("backchannel.error", (_, error) => console.error(error));
  provider.on("server_error", (_, error) => console.error(error));
  provider.listen(port, () => console.log(JSON.stringify({ kind: "listening" })));
});
process.stdin.on("end", () => process.exit(0)).resume();
