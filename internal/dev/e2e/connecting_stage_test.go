//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// The app that the service has at each simulated platform.
const (
	connectingApp    = "4711"
	connectingSecret = "app-secret-of-the-connecting-test"
)

// connecting is a service that began empty, the simulated platforms, and what must show up nowhere.
type connecting struct {
	t       *testing.T
	p       *program // its base is the public address
	sim     *simulator.Server
	heard   *overheard
	pages   string // base address of the platforms
	north   agencyBegun
	south   agencyBegun
	visited []visited
}

// agencyBegun is what init prints.
type agencyBegun struct {
	Agency string `json:"parent_account"`
	User   string `json:"user_id"`
	Token  string `json:"token"`
}

// startConnecting makes two agencies in an empty log, and starts the service.
func startConnecting(t *testing.T) *connecting {
	t.Helper()
	c := &connecting{t: t, heard: &overheard{}}
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	postgres, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Close()) })
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: filepath.Join(dir, "broker"), Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })

	addr := freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	public := "http://localhost:" + port
	redirects := make([]string, 0, 4)
	for _, number := range []int{1, 3, 4, 6} {
		redirects = append(redirects, fmt.Sprintf("%s/connect/%d", public, number))
	}
	c.sim = simulator.New(simulator.Config{Seed: 7, ClientID: connectingApp, ClientSecret: connectingSecret, Redirects: redirects})
	c.sim.AddPeople(time.Now().AddDate(0, 0, -10))
	platforms := httptest.NewServer(c.heard.listen(c.sim))
	t.Cleanup(platforms.Close)
	c.pages = platforms.URL

	settings := connectingSettings(platforms.URL, public)
	settings["KAFKA_BROKERS"], settings["DATABASE_URL"] = strings.Join(broker.Addrs(), ","), postgres.URL()
	c.north, c.south = beginAgency(t, dir, settings, "North Star"), beginAgency(t, dir, settings, "South Star")
	c.p = launch(t, dir, []string{"serve", "--addr", addr}, func(cmd *exec.Cmd) {
		for name, value := range settings {
			cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
		}
	})
	c.p.base, c.p.info.Brokers, c.p.info.DatabaseURL = public, broker.Addrs(), postgres.URL()
	c.p.await(readyWithin, "/readyz to answer 200", func() bool { return c.p.get("", "/readyz").status == http.StatusOK })
	c.heard.secret(c.north.Token, c.south.Token, connectingSecret)
	return c
}

// connectingSettings are those of a service whose platforms are simulated, and which says all that it can in its log lines.
func connectingSettings(platforms, public string) map[string]string {
	settings := map[string]string{
		"PUBLIC_URL": public, "DIRECTORY": "local", "SUBSCRIPTIONS": "none", "MANAGED_SUBSCRIPTIONS": "managed", "LOG_LEVEL": "debug",
		"JWT_SECRET": strings.Repeat("connecting", 4), "SECRETS_KEY": strings.Repeat("5e", 32),
		"QUOTAS":                    "facebook:none,instagram:none,linkedin:none,tiktok:none",
		"ACCOUNT_INSIGHTS_INTERVAL": "2s", "POST_INSIGHTS_INTERVAL": "5s", "PLATFORMS_URL": platforms,
	}
	for _, name := range []string{"FACEBOOK", "INSTAGRAM", "LINKEDIN", "TIKTOK"} {
		id, secret := name+"_APP_ID", name+"_APP_SECRET"
		switch name {
		case "LINKEDIN":
			id, secret = name+"_CLIENT_ID", name+"_CLIENT_SECRET"
		case "TIKTOK":
			id, secret = name+"_CLIENT_KEY", name+"_CLIENT_SECRET"
		}
		settings[id], settings[secret] = connectingApp, connectingSecret
	}
	return settings
}

func beginAgency(t *testing.T, dir string, settings map[string]string, name string) (made agencyBegun) {
	t.Helper()
	init := commandIn(t, dir, settings, "init", "--agency", name, "--name", "Anna Berg", "--email", "anna@agency.example.com", "--json")
	require.Equal(t, done, init.code, "%s", init.err)
	require.NoError(t, json.Unmarshal([]byte(init.out), &made))
	return made
}

// post sends a body of JSON and returns the data of the answer.
func (c *connecting) post(token, path string, body any, into any) {
	c.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(c.t, err)
	answer := c.p.do(http.MethodPost, token, path, string(raw), "Content-Type", "application/json").ok(c.t, http.StatusOK)
	answer.into(c.t, &struct{ Data any }{into})
}

// client adds a client to an agency.
func (c *connecting) client(of agencyBegun, name string) (id string) {
	c.t.Helper()
	var made struct{ ID string }
	c.post(of.Token, "/api/accounts", map[string]any{"name": name}, &made)
	return made.ID
}

// begin asks for a sign-in and returns the address to open.
func (c *connecting) begin(of agencyBegun, platform int, account string, again ...int64) (start, id string) {
	c.t.Helper()
	body := map[string]any{"platform": platform, "account": account}
	for _, page := range again {
		body["social_account"] = page
	}
	var begun struct {
		ID       string
		StartURL string `json:"start_url"`
	}
	c.post(of.Token, "/api/connect", body, &begun)
	c.heard.opener(lastSegment(begun.StartURL))
	return begun.StartURL, begun.ID
}

func lastSegment(address string) string { return address[strings.LastIndex(address, "/")+1:] }

// connectedPage is a row of /api/platforms.
type connectedPage struct {
	ID         int64
	P          int    `json:"p_id"`
	AccountID  string `json:"account_id"`
	ProfileID  string `json:"profile_id"`
	State      string
	Reason     string
	LastReadAt *time.Time `json:"last_read_at"`
	Ungranted  []struct {
		Of, Figure string
		Scopes     []string
	} `json:"ungranted_figures"`
}

// connected are the pages of an agency, by the platforms' ids.
func (c *connecting) connected(of agencyBegun) map[string]connectedPage {
	c.t.Helper()
	var all struct{ Data []connectedPage }
	c.p.get(of.Token, "/api/platforms").ok(c.t, http.StatusOK).into(c.t, &all)
	pages := map[string]connectedPage{}
	for _, page := range all.Data {
		pages[page.ProfileID] = page
	}
	return pages
}

// awaitPage polls until a page of an agency is as it should be.
func (c *connecting) awaitPage(of agencyBegun, profile, what string, is func(connectedPage) bool) (page connectedPage) {
	c.t.Helper()
	c.p.await(patience, profile+" "+what, func() bool {
		page = c.connected(of)[profile]
		return is(page)
	})
	return page
}

// awaitRead waits until pages are read after a moment.
func (c *connecting) awaitRead(of agencyBegun, since time.Time, profiles ...string) {
	c.t.Helper()
	for _, profile := range profiles {
		c.awaitPage(of, profile, "to be read", func(page connectedPage) bool { return page.LastReadAt != nil && page.LastReadAt.After(since) })
	}
}
