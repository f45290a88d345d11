//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

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
