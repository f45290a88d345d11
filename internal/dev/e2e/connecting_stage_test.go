//go:build e2e

package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
	t            *testing.T
	p            *program // its base is the public address
	postgres     *embedded.Postgres
	dir          string            // of the log and the database
	addr, public string            // where the service listens, and as browsers know it
	settings     map[string]string // of its processes, which say all that they can in their log lines
	sim          *simulator.Server
	heard        *overheard
	pages        string // base address of the platforms
	north        agencyBegun
	visited      []visited
}

type agencyBegun struct {
	Agency string `json:"parent_account"`
	User   string `json:"user_id"`
	Token  string `json:"token"`
}

// newConnecting is an empty log, an empty database and the simulated platforms.
func newConnecting(t *testing.T) *connecting {
	t.Helper()
	c := &connecting{t: t, heard: &overheard{}, addr: ledgertest.FreeAddress(t)}
	dir, err := os.MkdirTemp("", "ledgerboard-connecting-") // t.TempDir is closed to the server's user
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	c.dir = dir
	c.postgres, err = embedded.StartPostgres(t.Context(), embedded.PostgresConfig{DataDir: filepath.Join(dir, "pg"), Logger: ledgertest.Quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.postgres.Close()) })
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: filepath.Join(dir, "broker"), Logger: ledgertest.Quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })

	c.public = strings.Replace("http://"+c.addr, "127.0.0.1", "localhost", 1)
	var redirects []string
	for _, number := range []string{"1", "3", "4", "6"} {
		redirects = append(redirects, c.public+"/connect/"+number)
	}
	c.sim = simulator.New(simulator.Config{Seed: 7, ClientID: connectingApp, ClientSecret: connectingSecret, Redirects: redirects})
	c.sim.AddPeople(time.Now().AddDate(0, 0, -10))
	c.pages = ledgertest.Serve(t, c.heard.listen(c.sim))
	c.settings = map[string]string{
		"KAFKA_BROKERS": strings.Join(broker.Addrs(), ","), "DATABASE_URL": c.postgres.URL(), "PUBLIC_URL": c.public, "PLATFORMS_URL": c.pages,
		"DIRECTORY": "local", "SUBSCRIPTIONS": "none", "MANAGED_SUBSCRIPTIONS": "managed", "LOG_LEVEL": "debug",
		"JWT_SECRET": strings.Repeat("connecting", 4), "SECRETS_KEY": strings.Repeat("5e", 32),
		"QUOTAS":                    "facebook:none,instagram:none,linkedin:none,tiktok:none",
		"ACCOUNT_INSIGHTS_INTERVAL": "2s", "POST_INSIGHTS_INTERVAL": "5s",
	}
	for _, name := range []string{"FACEBOOK_APP_ID", "INSTAGRAM_APP_ID", "LINKEDIN_CLIENT_ID", "TIKTOK_CLIENT_KEY"} {
		network, _, _ := strings.Cut(name, "_")
		secret := network + "_CLIENT_SECRET"
		if strings.HasSuffix(name, "_APP_ID") {
			secret = network + "_APP_SECRET"
		}
		c.settings[name], c.settings[secret] = connectingApp, connectingSecret
	}
	return c
}

func (c *connecting) serve(settings map[string]string, addr string, args ...string) *program {
	dir := c.t.TempDir()
	p := launch(c.t, dir, append([]string{"serve", "--addr", addr}, args...), func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "LEDGERBOARD_DATA_DIR="+dir)
		for name, value := range settings {
			cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
		}
	})
	p.base, p.info.Brokers, p.info.DatabaseURL = c.public, strings.Split(settings["KAFKA_BROKERS"], ","), c.postgres.URL()
	return p
}

func startConnecting(t *testing.T) *connecting {
	t.Helper()
	c := newConnecting(t)
	c.north = c.beginAgency(c.settings)
	c.p = c.serve(c.settings, c.addr)
	c.p.answers()
	c.heard.secret(c.north.Token, connectingSecret)
	return c
}

func (c *connecting) beginAgency(settings map[string]string) (made agencyBegun) {
	init := succeeds(c.t, settings, "init", "--agency", "North Star", "--name", "Anna Berg", "--email", "anna@agency.example.com", "--json")
	require.NoError(c.t, json.Unmarshal([]byte(init.out), &made))
	return made
}

func (c *connecting) post(path string, body, into any) {
	raw, err := json.Marshal(body)
	require.NoError(c.t, err)
	c.p.do(http.MethodPost, c.north.Token, path, string(raw)).Says(c.t, http.StatusOK).Data(c.t, into)
}

func (c *connecting) client(name string) (id string) {
	var made struct{ ID string }
	c.post("/api/accounts", map[string]any{"name": name}, &made)
	return made.ID
}

func (c *connecting) begin(platform int, account string) (start, id string) {
	var begun struct {
		ID       string
		StartURL string `json:"start_url"`
	}
	c.post("/api/connect", map[string]any{"platform": platform, "account": account}, &begun)
	c.heard.opener(lastSegment(begun.StartURL))
	return begun.StartURL, begun.ID
}

func lastSegment(address string) string { return address[strings.LastIndex(address, "/")+1:] }

type connectedPage struct {
	ID         int64
	P          int    `json:"p_id"`
	AccountID  string `json:"account_id"`
	ProfileID  string `json:"profile_id"`
	Status     string
	LastReadAt *time.Time `json:"last_read_at"`
	Ungranted  []struct {
		Of, Figure string
		Scopes     []string
	} `json:"ungranted_figures"`
}

func (c *connecting) connected() map[string]connectedPage {
	var all []connectedPage
	c.p.get(c.north.Token, "/api/platforms").Says(c.t, http.StatusOK).Data(c.t, &all)
	pages := map[string]connectedPage{}
	for _, page := range all {
		pages[page.ProfileID] = page
	}
	return pages
}

func (c *connecting) awaitPage(profile, what string, is func(connectedPage) bool) (page connectedPage) {
	c.p.await(patience, profile+" "+what, func() bool {
		page = c.connected()[profile]
		return is(page)
	})
	return page
}

func (c *connecting) awaitRead(since time.Time, profiles ...string) {
	for _, profile := range profiles {
		c.awaitPage(profile, "to be read", func(page connectedPage) bool { return page.LastReadAt != nil && page.LastReadAt.After(since) })
	}
}
