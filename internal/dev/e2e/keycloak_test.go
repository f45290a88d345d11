//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	demolaunch "github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

// Keycloak signs each person in to the console with a client that authenticates in the body only, and
// its access tokens with four mappers are bearer tokens of the API.
func TestKeycloakSignInAndBearerTokens(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(ledgertest.FreeAddress(t))
	require.NoError(t, err)
	k := &keycloak{t: t, base: "http://localhost:" + port}
	k.start(port)
	realm := k.base + "/realms/north"
	p, at, people := consoleSignIn(t, func(_ *testing.T, redirect string) realProvider {
		k.logout = strings.Replace(redirect, "callback", "logout", 1)
		return realProvider{
			issuer: realm, knows: k.knows, asksWith: `name="password"`,
			signsIn: func(v *plainBrowser, name string) *plainBrowser {
				if restart := regexp.MustCompile(`id="reset-login"[^>]*href="([^"]+)"`).FindStringSubmatch(v.page); restart != nil {
					to, err := v.at.Parse(html.UnescapeString(restart[1]))
					require.NoError(t, err)
					v.opens(to.String()) // it knows the person who was refused
				}
				return v.submits(map[string]string{"username": name, "password": "a password"})
			},
		}
	}, "--jwt-keys", realm+"/protocol/openid-connect/certs", "--jwt-issuer", realm, "--jwt-audience", "ledgerboard-api")

	for name, want := range map[string]struct {
		path   string
		status int
	}{
		"agency": {"/api/me", http.StatusOK}, "client": {"/api/me", http.StatusOK}, "auditor": {"/api/audit/history", http.StatusOK},
		"operator": {"/api/ops/projections", http.StatusOK}, "withdrawn": {"/api/ops/projections", http.StatusForbidden},
		"unknown": {"/api/me", http.StatusUnauthorized},
	} {
		p.get(k.token(name, "frontend", "a secret of the frontend"), want.path).Says(t, want.status)
	}
	require.NotEmpty(t, people)
	p.get(k.token("agency", "unmapped", "a secret of another application"), "/api/me").Says(t, http.StatusUnauthorized)
	logged, err := os.ReadFile(filepath.Join(p.dir, demolaunch.LogFile))
	require.NoError(t, err)
	require.Contains(t, string(logged), `claim=aud expected=ledgerboard-api`, "the log says why")
	k.endsSessions(at, strings.Replace(p.base, "127.0.0.1", "localhost", 1))
}

// endsSessions has sessions end here that end at Keycloak.
func (k *keycloak) endsSessions(at realProvider, base string) {
	t, sessions := k.t, base+"/console/sessions"
	t.Helper()
	signedOut := func(v *plainBrowser) bool { return v.opens(sessions).at.Path == "/console/sign-in" }
	v := newPlainBrowser(t)
	at.signsIn(v.opens(base+"/console/signin/start"), "agency")
	v.opens(sessions).says(http.StatusOK, "your organization")
	v.send(http.MethodPost, base+"/console/sign-out", url.Values{}).says(http.StatusOK, "You are signed out here.")
	v.opens(base+"/console/signin/start").opens(sessions).says(http.StatusOK, "your organization") // Keycloak still knows the browser
	v.send(http.MethodPost, base+"/console/sign-out", url.Values{})
	v.opens(base + "/console/signin/end").submits(nil)
	require.Contains(t, v.opens(base+"/console/signin/start").page, at.asksWith)

	at.signsIn(v, "agency")
	v.opens(sessions).says(http.StatusOK, "your organization")
	var found []struct {
		ID string `json:"id"`
	}
	k.ask(http.MethodGet, "/users?exact=true&username=agency", "", http.StatusOK).Into(t, &found)
	require.Len(t, found, 1)
	k.ask(http.MethodPost, "/users/"+found[0].ID+"/logout", "", http.StatusNoContent)
	require.Eventually(t, func() bool { return signedOut(v) }, readyWithin, pollEvery, "Keycloak reports the logout of a user")

	callback := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(callback.Close)
	provider := signin.NewProvider(signin.ProviderConfig{
		Issuer: at.issuer, ClientID: "ledgerboard", RedirectURL: callback.URL,
		ClientSecret: func() (string, error) { return "a secret of the console", nil },
	})
	flow := signin.FlowOf("a word")
	address, err := provider.Address(t.Context(), flow, 0)
	require.NoError(t, err)
	came := at.signsIn(newPlainBrowser(t).opens(address), "agency").at.Query()
	who, err := provider.Identity(t.Context(), flow, came.Get("code"), came.Get("iss"))
	require.NoError(t, err)
	refresh, err := provider.Renew(t.Context(), who.Refresh)
	require.NoError(t, err)
	k.ask(http.MethodPut, "/users/"+found[0].ID, `{"enabled":false}`, http.StatusNoContent)
	_, err = provider.Renew(t.Context(), refresh)
	require.ErrorIs(t, err, signin.ErrEnded, "Keycloak reports no logout of a user whom it disables")
}

// ask sends a request to the administration of the realm.
func (k *keycloak) ask(method, path, body string, want int) ledgertest.Answer {
	k.t.Helper()
	admin := k.grant("master", url.Values{"client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}})
	return ledgertest.Send(http.DefaultClient, method, k.base+"/admin/realms/north"+path, body,
		"Authorization: Bearer "+admin, "Content-Type: application/json").Says(k.t, want)
}

// keycloak is a Keycloak server in development mode.
type keycloak struct {
	t      *testing.T
	base   string
	logout string // the address of the console for sessions that end
	child  *ledgertest.Child
}

// start runs Keycloak of testdata/providers/pom.xml from a copy, because it writes to its directory.
func (k *keycloak) start(port string) {
	t := k.t
	t.Helper()
	needs.Programs(t, "java", "mvn")
	home := t.TempDir()
	require.NoError(t, os.CopyFS(home, os.DirFS(providersFolder))) // Maven writes next to the project's file
	unpack := exec.Command("mvn", "-q", "-B", "-f", filepath.Join(home, "pom.xml"),
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack-dependencies", "-DoutputDirectory="+home)
	out, err := unpack.CombinedOutput()
	require.NoError(t, err, "%s", out)
	found, err := filepath.Glob(filepath.Join(home, "keycloak-*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	realm, err := os.ReadFile(providersFolder + "/north.json")
	require.NoError(t, err)
	imported := filepath.Join(found[0], "data", "import")
	require.NoError(t, os.MkdirAll(imported, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(imported, "north.json"), realm, 0o600))
	server := exec.Command("bash", filepath.Join(found[0], "bin", "kc.sh"), "start-dev", "--import-realm",
		"--http-host", "127.0.0.1", "--http-port", port, "--db", "dev-mem", "--hostname", k.base, "--log-level", "warn")
	server.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=admin",
		"JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1")
	child, err := ledgertest.Start(server)
	require.NoError(t, err)
	k.child = child
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_, _ = child.Await(stopWithin)
	})
}

// knows waits for Keycloak and adds people.
func (k *keycloak) knows(people map[string]person) {
	k.t.Helper()
	require.Eventually(k.t, func() bool {
		require.True(k.t, k.child.Running(), "Keycloak ended")
		return ledgertest.Send(http.DefaultClient, http.MethodGet, k.base+"/realms/north/.well-known/openid-configuration", "").Status == http.StatusOK
	}, readyWithin, 10*pollEvery)
	var clients []map[string]any
	k.ask(http.MethodGet, "/clients?clientId=ledgerboard", "", http.StatusOK).Into(k.t, &clients)
	require.Len(k.t, clients, 1)
	attributes, _ := clients[0]["attributes"].(map[string]any)
	attributes["backchannel.logout.url"], attributes["backchannel.logout.session.required"] = k.logout, "true"
	raw, err := json.Marshal(clients[0])
	require.NoError(k.t, err)
	k.ask(http.MethodPut, fmt.Sprintf("/clients/%s", clients[0]["id"]), string(raw), http.StatusNoContent)
	for name, who := range people {
		user := map[string]any{
			"username": name, "enabled": true, "firstName": "First", "lastName": name, "email": who.email, "emailVerified": who.verified,
			"credentials": []any{map[string]any{"type": "password", "value": "a password"}},
			"attributes":  map[string]any{"user_id": []string{who.id}, "account_id": []string{who.account}, "role": []string{who.role}},
		}
		raw, err := json.Marshal(user)
		require.NoError(k.t, err)
		k.ask(http.MethodPost, "/users", string(raw), http.StatusCreated)
	}
}

// token returns an access token that an application gets for a person.
func (k *keycloak) token(name, client, secret string) string {
	k.t.Helper()
	return k.grant("north", url.Values{"client_id": {client}, "client_secret": {secret}, "username": {name}, "password": {"a password"}, "scope": {"openid email"}})
}

func (k *keycloak) grant(realm string, form url.Values) string {
	k.t.Helper()
	form.Set("grant_type", "password")
	answer := ledgertest.Send(http.DefaultClient, http.MethodPost, k.base+"/realms/"+realm+"/protocol/openid-connect/token", form.Encode(),
		"Content-Type: application/x-www-form-urlencoded")
	require.Equal(k.t, http.StatusOK, answer.Status, answer.Body)
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(k.t, json.Unmarshal([]byte(answer.Body), &granted))
	return granted.AccessToken
}
