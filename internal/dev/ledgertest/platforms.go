package ledgertest

import (
	"context"
	"html"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// Serve serves until the test ends, and returns the base URL.
func Serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

var (
	dialogLink    = regexp.MustCompile(`class="go" href="([^"]+)"`)
	scopeBox      = regexp.MustCompile(`name="scope" value="([^"]+)" checked`)
	deletionAt    = regexp.MustCompile(`"url":"([^"]+)"`)
	choiceOfPages = regexp.MustCompile(`name="(seen)" value="([^"]*)"|name="(page)" value="([^"]*)" aria-describedby="[^"]*"(?: checked)?>`)
)

// SignIn goes through a sign-in in a browser with cookies of its own: a person of the simulator grants
// all scopes for these pages, and connects all that is then offered.
func SignIn(t testing.TB, start, person string, pages ...string) (offered Answer) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Transport: Once.Transport, Timeout: Patience}
	submit := func(address string, form url.Values) Answer {
		return Send(browser, http.MethodPost, address, form.Encode(), "Content-Type: application/x-www-form-urlencoded").Says(t, http.StatusOK)
	}
	begun := Send(browser, http.MethodGet, start, "").Says(t, http.StatusOK)
	dialog := html.UnescapeString(dialogLink.FindStringSubmatch(begun.Body)[1]) + "&as=" + person
	consent, choice := url.Values{"decision": {"consent"}, "page": pages}, url.Values{}
	for _, box := range scopeBox.FindAllStringSubmatch(Send(browser, http.MethodGet, dialog, "").Body, -1) {
		consent.Add("scope", box[1])
	}
	offered = submit(dialog, consent)
	for _, field := range choiceOfPages.FindAllStringSubmatch(offered.Body, -1) {
		choice.Add(field[1]+field[3], html.UnescapeString(field[2]+field[4]))
	}
	_, address, _ := strings.Cut(offered.Request, " ")
	submit(address, choice)
	return offered
}

// EraseAtMeta has a person of the simulator ask the service for the deletion of their data, and returns
// the address that the service has given for it.
func EraseAtMeta(t testing.TB, simulated, person, service string) (address string) {
	t.Helper()
	form := url.Values{"as": {person}, "decision": {"erase"}, "deauthorize": {service + "/connect/meta/deauthorize"}, "delete": {service + "/connect/meta/delete"}}
	list := Send(Once, http.MethodPost, simulated+simulator.PathFacebook+simulator.PathApps, form.Encode(), "Content-Type: application/x-www-form-urlencoded")
	found := deletionAt.FindStringSubmatch(html.UnescapeString(list.Says(t, http.StatusOK).Body))
	require.NotNil(t, found, list.Body)
	return found[1]
}

// Pipes is a listener whose connections are of this process, have no buffer, and go by the clock of a
// bubble.
type Pipes chan net.Conn

// Accept waits for a connection that was put in; a closed channel is the end.
func (p Pipes) Accept() (net.Conn, error) {
	if conn, open := <-p; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (Pipes) Close() error { return nil }

// Addr implements net.Listener.
func (Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// At is the configuration of clients for a simulator, with our app's id and secret at all platforms.
func At(base, app, secret string) platforms.Config {
	endpoint := func(path string) platforms.Endpoint {
		return platforms.Endpoint{BaseURL: base + path, ClientID: app, ClientSecret: secret}
	}
	return platforms.Config{
		Facebook: endpoint(simulator.PathFacebook), Instagram: endpoint(simulator.PathInstagram),
		LinkedIn: endpoint(simulator.PathLinkedIn), TikTok: endpoint(simulator.PathTikTok),
		Logger: Quiet,
	}
}

// Clients are the real clients of the platforms, which end with the test.
func Clients(t testing.TB, config platforms.Config) *platforms.Set {
	t.Helper()
	clients, err := platforms.New(config)
	require.NoError(t, err)
	t.Cleanup(clients.Close)
	return clients
}

// Unlimited are the quotas of platforms that take any number of calls.
func Unlimited(t require.TestingT) []domain.Quota {
	return Limits(t, "facebook:none", "instagram:none", "linkedin:none", "tiktok:none")
}

// Limits are quotas as an operator writes them.
func Limits(t require.TestingT, texts ...string) []domain.Quota {
	limits, err := domain.ParseQuotas(texts)
	require.NoError(t, err)
	return limits
}

// Collect is the configuration of the real fetching of what a log's tables say.
func (l *Log) Collect(pool *pgxpool.Pool, secrets *vault.Secrets, clients *platforms.Set, gate *collect.Gate, now func() time.Time) collect.Config {
	return collect.Config{
		Schedule:    collect.Schedule{Pauses: vault.Pauses{Pool: pool}.List},
		Connections: directory.Connections{Pool: l.DB.ReadOnly}, States: vault.Fetching{Pool: pool}, Client: clients.For, Budget: gate,
		Secrets: secrets, Log: l, Operations: l, Now: now, Logger: Quiet, GrowthWindow: 7 * 24 * time.Hour,
	}
}

// Key seals the tokens of tests.
var Key = strings.Repeat("ab", vault.KeySize)

// OpenVault opens the schema of a database that a rebuild keeps, as the service does.
func OpenVault(t testing.TB, databaseURL string) *pgxpool.Pool {
	t.Helper()
	return opened(t, vault.Open, databaseURL)
}

// OpenFetching opens it as fetchers do.
func OpenFetching(t testing.TB, databaseURL string) *pgxpool.Pool {
	t.Helper()
	return opened(t, vault.OpenFetching, databaseURL)
}

func opened(t testing.TB, open func(context.Context, string) (*pgxpool.Pool, error), databaseURL string) *pgxpool.Pool {
	t.Helper()
	pool, err := open(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Secrets are the tokens in that schema that a key seals.
func Secrets(t testing.TB, pool *pgxpool.Pool, key string) *vault.Secrets {
	t.Helper()
	keys, err := vault.ParseKeys(key)
	require.NoError(t, err)
	secrets, err := vault.NewSecrets(pool, keys)
	require.NoError(t, err)
	return secrets
}
