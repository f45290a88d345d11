//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// A person signs in by an identity provider, and comes back to the page that it wanted to see.
func TestProviderSignInReturnsToRequestedPage(t *testing.T) {
	t.Parallel()
	at := issuer.Start(t)
	p := startDemo(t, t.TempDir(), "--oidc-issuer", at.URL, "--oidc-client-id", issuer.ClientID, "--oidc-client-secret", issuer.ClientSecret)
	base := strings.Replace(p.base, "127.0.0.1", "localhost", 1) // the demo's public URL, whose cookies come back
	at.Returns(base + "/console/signin/callback")
	var users struct {
		Data []struct {
			Name      string `json:"name"`
			Email     string `json:"email"`
			AccountID string `json:"account_id"`
			Active    bool   `json:"active"`
		} `json:"data"`
	}
	p.get(p.info.Tokens["agency"], "/api/users?active=true&limit=100").Says(t, http.StatusOK).Into(t, &users)
	name := ""
	for _, u := range users.Data {
		if u.AccountID == p.info.IDs.ParentAccount && u.Email != "" {
			name = u.Name
			at.Knows("colleague", map[string]any{"email": strings.ToUpper(u.Email), "email_verified": true})
			break
		}
	}
	require.NotEmpty(t, name)

	browser := openBrowser(t)
	w := openWindow(browser, 320, "dark")
	require.EqualValues(t, http.StatusOK, w.open(base+"/console/history"))
	w.follow("Sign in with your organization")
	w.says("Who are you?")
	require.EqualValues(t, http.StatusForbidden, w.follow("I am nobody"))
	w.says("it was canceled or denied there")
	w.follow("Go to the sign-in page")
	w.open(base + "/console/history")
	w.follow("Sign in with your organization")
	require.EqualValues(t, http.StatusOK, w.follow("I am colleague"))
	var address string
	w.eval("location.href", &address)
	require.Equal(t, base+"/console/history", address, "it comes back to what it wanted to see, and no code is in the address")
	w.says(name)
	w.open(base + "/console/sessions")
	w.says("your organization's sign-in")
	w.follow("Sign out")
	require.EqualValues(t, http.StatusOK, w.open(base+"/console/history"))
	w.says("Sign in with your organization")
	var wrong []string
	w.eval(ours, &wrong)
	require.Empty(t, wrong)
}

// inAFrontend is what a script in a frontend tries; the browser shows it what the answers are.
const inAFrontend = `(async (base, token) => {
	const ask = async (path, options) => {
		try {
			const answer = await fetch(base + path, options);
			return answer.type === "opaque" ? "opaque" : String(answer.status);
		} catch {
			return "refused";
		}
	};
	const form = (fields) => ({ method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams(fields) });
	return {
		token: await ask("/api/me", { headers: { Authorization: "Bearer " + token } }),
		api: await ask("/api/audit/history", { credentials: "include" }),
		page: await ask("/console/history", { credentials: "include" }),
		post: await ask("/api/connect", form({})),
		signOut: await ask("/console/sign-out", form({})),
		cookie: String(document.cookie.includes("lb_console")),
	};
})(%q, %q)`

// A script in a frontend of the console's site has its cookie sent along: that opens nothing.
func tryTheCookie(p *program, browser *browserPage, origin string) {
	console := strings.Replace(p.base, "127.0.0.1", "localhost", 1)
	w := openWindow(browser, 1200, "light")
	w.open(console + "/console")
	w.follow("Continue as auditor")
	w.visit(origin)
	var told map[string]string
	w.eval(fmt.Sprintf(inAFrontend, console, p.info.Tokens["auditor"]), &told)
	require.Equal(p.t, map[string]string{
		"token": "200", // the origin is a configured one
		"api":   "401", // which the script may read: the cookie came along, and is no login there
		"page":  "refused", "post": "opaque", "signOut": "refused", "cookie": "false",
	}, told)
	require.EqualValues(p.t, http.StatusOK, w.open(console+"/console/verify"))
	w.says("Download the proof bundle") // and the person is still signed in
}
