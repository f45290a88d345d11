//go:build e2e

package e2e_test

import (
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

const providersFolder = "testdata/providers"

// plainBrowser is a browser without scripts. It treats http://localhost as secure, as browsers do.
type plainBrowser struct {
	t      *testing.T
	client http.Client
	page   string   // the last one
	at     *url.URL // its address
	status int
	prompt string // with which the console last led to the provider
}

type localJar struct{ http.CookieJar }

func secure(u *url.URL) *url.URL {
	same := *u
	same.Scheme = "https"
	return &same
}

func (l localJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	l.CookieJar.SetCookies(secure(u), cookies)
}

func (l localJar) Cookies(u *url.URL) []*http.Cookie { return l.CookieJar.Cookies(secure(u)) }

func newPlainBrowser(t *testing.T) *plainBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	v := &plainBrowser{t: t, client: http.Client{Jar: localJar{jar}}}
	v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Query().Has("code_challenge") {
			v.prompt = r.URL.Query().Get("prompt")
		}
		return nil
	}
	return v
}

func (p *plainBrowser) send(method, address string, form url.Values) *plainBrowser {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(p.t, err)
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := p.client.Do(r)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	p.page, p.at, p.status = string(raw), answer.Request.URL, answer.StatusCode
	return p
}

func (p *plainBrowser) opens(address string) *plainBrowser {
	return p.send(http.MethodGet, address, nil)
}

var (
	formAction  = regexp.MustCompile(`(?s)<form[^>]*\saction="([^"]+)"`)
	hiddenField = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
)

// submits sends the form of the page with its hidden fields.
func (p *plainBrowser) submits(fields map[string]string) *plainBrowser {
	p.t.Helper()
	action := formAction.FindStringSubmatch(p.page)
	require.NotNil(p.t, action, "%s has no form: %s", p.at, p.page)
	to, err := p.at.Parse(html.UnescapeString(action[1]))
	require.NoError(p.t, err)
	form := url.Values{}
	for _, hidden := range hiddenField.FindAllStringSubmatch(p.page, -1) {
		form.Set(hidden[1], html.UnescapeString(hidden[2]))
	}
	for name, value := range fields {
		form.Set(name, value)
	}
	return p.send(http.MethodPost, to.String(), form)
}

// says requires the status and a part of the page.
func (p *plainBrowser) says(status int, part string) {
	p.t.Helper()
	require.Equal(p.t, status, p.status, "%s: %s", p.at, p.page)
	require.Contains(p.t, p.page, part)
}

// person is someone whom a provider knows.
type person struct {
	email       string
	verified    bool
	id, account string // in access tokens
	role        string // in access tokens
	status      int    // of the page after signing in
	says        string // a part of it
}

// cast are people of the demo, and others; withdrawn is the file with those who have no access.
func cast(t *testing.T, p *program, withdrawn string) map[string]person {
	t.Helper()
	var users struct {
		Data []struct {
			ID        string `json:"id"`
			Name      string `json:"name"`
			Email     string `json:"email"`
			AccountID string `json:"account_id"`
		} `json:"data"`
	}
	p.get(p.info.Tokens["agency"], "/api/users?active=true&limit=100").Says(t, http.StatusOK).Into(t, &users)
	people := map[string]person{
		"auditor": {
			email: "audrey@auditors.example", verified: true, id: "ada000000000000000000000", account: p.info.IDs.ParentAccount, role: "auditor",
			status: http.StatusOK, says: "auditor",
		},
		"operator":  {email: "Olga@operators.example", verified: true, id: "olga", role: "operator", status: http.StatusOK, says: "operator"},
		"unknown":   {email: "stranger@elsewhere.example", verified: true, status: http.StatusForbidden, says: "No one with your email address"},
		"withdrawn": {email: "otto@operators.example", verified: true, id: "otto", role: "operator", status: http.StatusForbidden, says: "Your access has ended"},
	}
	for _, u := range users.Data {
		role, account := "client", u.AccountID
		if u.AccountID == p.info.IDs.ParentAccount {
			role = "agency"
		}
		if _, cast := people[role]; u.Email != "" && !cast {
			people[role] = person{email: u.Email, verified: true, id: u.ID, account: account, role: role, status: http.StatusOK, says: html.EscapeString(u.Name)}
		} else if _, cast := people["unverified"]; u.Email != "" && !cast {
			people["unverified"] = person{email: u.Email, status: http.StatusForbidden, says: "has not verified your email address"}
		}
	}
	require.Len(t, people, 7)
	require.NoError(t, os.WriteFile(withdrawn, []byte("otto@operators.example\n"), 0o600))
	return people
}

// realProvider is a running identity provider.
type realProvider struct {
	issuer   string
	knows    func(people map[string]person)
	signsIn  func(v *plainBrowser, name string) *plainBrowser // on the page of the provider
	asksWith string                                           // a part of the page on which a refused person can choose an account
}

// consoleSignIn has each person sign in to the console of a demo with the provider.
func consoleSignIn(t *testing.T, start func(t *testing.T, redirect string) realProvider, more ...string) (*program, realProvider, map[string]person) {
	t.Helper()
	dir, withdrawn := t.TempDir(), filepath.Join(t.TempDir(), "withdrawn")
	require.NoError(t, os.WriteFile(withdrawn, nil, 0o600))
	p := startDemo(t, dir)
	people := cast(t, p, withdrawn)
	agency := p.info.IDs.ParentAccount
	base := strings.Replace(p.base, "127.0.0.1", "localhost", 1)
	p.Stop()
	at := start(t, base+"/console/signin/callback")
	at.knows(people)
	p = launchDemo(t, dir, append([]string{
		"--oidc-issuer", at.issuer, "--oidc-client-id", "ledgerboard", "--oidc-client-secret", "a secret of the console",
		"--oidc-staff", "operator:olga@operators.example,operator:otto@operators.example,auditor:" + agency + ":audrey@auditors.example",
		"--withdrawn", withdrawn,
	}, more...)...)
	p.answers()
	for name, who := range people {
		v := newPlainBrowser(t)
		at.signsIn(v.opens(base+"/console/signin/start?to=%2Fconsole%2Fsessions"), name)
		v.says(who.status, who.says)
		if who.status == http.StatusOK {
			require.Equal(t, "/console/sessions", v.at.Path)
			continue
		}
		// The provider still has the session of the refused person, and lets the person choose another.
		v.opens(base + "/console/signin/start")
		require.Equal(t, "login", v.prompt, name)
		require.Contains(t, v.page, at.asksWith, name)
		at.signsIn(v, "operator")
		v.opens(base+"/console/sessions").says(http.StatusOK, "operator")
	}
	return p, at, people
}

// An npm oidc-provider whose userinfo endpoint refuses its default access tokens, which has no
// select_account, and whose client authenticates in the body only.
func TestSignInWithNodeOIDCProvider(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(ledgertest.FreeAddress(t))
	require.NoError(t, err)
	var redirect string
	p, at, _ := consoleSignIn(t, func(t *testing.T, to string) realProvider {
		t.Helper()
		redirect = to
		return realProvider{
			issuer: "http://localhost:" + port,
			knows: func(people map[string]person) {
				claims := map[string]any{}
				for name, who := range people {
					claims[name] = map[string]any{"email": who.email, "email_verified": who.verified}
				}
				config := map[string]any{"port": port, "redirect": redirect, "people": claims}
				needs.Listen(t, "oidc-provider", providersFolder, "oidc-provider.js", config).Await(1, "listening", "")
			},
			signsIn: func(v *plainBrowser, name string) *plainBrowser {
				v.submits(map[string]string{"login": name, "password": "any"})
				for strings.Contains(v.page, `value="consent"`) {
					v.submits(nil)
				}
				return v
			},
			asksWith: `name="login"`,
		}
	})
	// Signing out at the provider ends the sessions that began with that sign-in there.
	base := strings.Replace(p.base, "127.0.0.1", "localhost", 1)
	first, second := newPlainBrowser(t), newPlainBrowser(t)
	for _, v := range []*plainBrowser{first, second} {
		at.signsIn(v.opens(base+"/console/signin/start?to=%2Fconsole%2Fsessions"), "agency").says(http.StatusOK, "your organization")
	}
	first.opens(base+"/console/signin/end").says(http.StatusOK, "op.logoutForm")
	first.submits(map[string]string{"logout": "yes"})
	require.Eventually(t, func() bool { return first.opens(base+"/console/sessions").at.Path == "/console/sign-in" }, readyWithin, pollEvery)
	second.opens(base+"/console/sessions").says(http.StatusOK, "your organization")
}
