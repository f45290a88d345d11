//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// byRole is a service of one process for each role, which log in to the database with the rights of that role alone.
type byRole struct {
	*connecting
	operator string   // token
	fold     *program // the projector
}

// The logins of the test, and the groups of each.
var databaseLogins = map[string]string{
	"lb_web": "connect", "lb_fetch": "fetcher", "lb_fold": "projector", "lb_sign": "signer", "lb_desk": "operator",
}

// Each role of a process works with the rights that deploy/roles.sql grants it: the server refuses nothing that it does.
func TestProcessesWithTheRightsOfTheirRoles(t *testing.T) {
	b := startByRole(t)
	client := b.client("Harbour Ltd")
	b.signIn(client, 6, simulator.Mara)
	b.awaitRead(time.Time{}, baker)
	b.p.do(http.MethodPut, b.north.Token, "/api/projects/dashboard/"+client, `{"allow_client_dashboard":true}`, "Content-Type", "application/json").ok(t, http.StatusOK)
	for _, path := range []string{"/api/projects/dashboard/" + client, "/api/platforms", "/api/audit/history", "/api/members", "/getAccountFollowers/" + today() + "/0?account=" + client} {
		b.p.get(b.north.Token, path).ok(t, http.StatusOK)
	}
	b.act()
	b.forgets(client)
	b.onTheCommandLine()
	require.Empty(t, b.refusals(), "the server refused what a role is for")
}

func startByRole(t *testing.T) *byRole {
	t.Helper()
	needs.Programs(t, "psql")
	b := &byRole{connecting: newConnecting(t)}
	b.settings["LOG_LEVEL"] = "warn"
	succeeds(t, map[string]string{"DATABASE_URL": b.postgres.URL()}, "migrate")
	psql := []string{b.postgres.URL(), "-v", "ON_ERROR_STOP=1", "--single-transaction", "-f", "../../../deploy/roles.sql"}
	for login, group := range databaseLogins {
		psql = append(psql, "-c", fmt.Sprintf("create role %s login password 'of-%s' in role ledgerboard_%s", login, login, group))
	}
	out, err := exec.CommandContext(t.Context(), "psql", psql...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	b.north = b.beginAgency(b.as("lb_desk"))
	var keys map[string]string
	require.NoError(t, json.Unmarshal([]byte(succeeds(t, nil, "keygen", "--json").out), &keys))
	b.settings["CHECKPOINT_PUBLIC_KEYS"] = keys["public_key"]
	sign := b.as("lb_sign")
	sign["CHECKPOINT_KEY"] = keys["private_key"]
	b.fold = b.serve(b.as("lb_fold"), "127.0.0.1:0", "--roles", "projector")
	b.serve(sign, "127.0.0.1:0", "--roles", "signer", "--checkpoint-every", "1s")
	b.serve(b.as("lb_fetch"), "127.0.0.1:0", "--roles", "fetcher")
	b.p = b.serve(b.as("lb_web"), b.addr, "--roles", "api")
	b.awaitReady()
	b.operator = strings.TrimSpace(succeeds(t, b.settings, "token", "--user", b.north.User, "--role", "operator").out)
	return b
}

// as are the settings of a process that logs in so.
func (b *byRole) as(login string) map[string]string {
	u, err := url.Parse(b.postgres.URL())
	require.NoError(b.t, err)
	u.User = url.UserPassword(login, "of-"+login)
	settings := maps.Clone(b.settings)
	settings["DATABASE_URL"] = u.String()
	return settings
}

var toThePlatform = regexp.MustCompile(`class="go" href="([^"]+)"`)

func (b *byRole) signIn(account string, platform int, person string) {
	jar, err := cookiejar.New(nil)
	require.NoError(b.t, err)
	browser := &http.Client{Jar: jar, Timeout: patience}
	read := func(answer *http.Response, err error) (string, string) {
		require.NoError(b.t, err)
		defer answer.Body.Close()
		raw := new(strings.Builder)
		_, err = io.Copy(raw, answer.Body)
		require.NoError(b.t, err)
		require.Equal(b.t, http.StatusOK, answer.StatusCode, raw.String())
		return raw.String(), answer.Request.URL.String()
	}
	start, _ := b.begin(platform, account)
	page, _ := read(browser.Get(start)) //nolint:bodyclose // read closes it
	dialog := html.UnescapeString(toThePlatform.FindStringSubmatch(page)[1])
	asks, err := url.Parse(dialog)
	require.NoError(b.t, err)
	page, at := read(browser.PostForm(dialog+"&as="+person, url.Values{ //nolint:bodyclose // read closes it
		"decision": {"consent"}, "page": {jonasPage}, "scope": strings.Split(asks.Query().Get("scope"), ","),
	}))
	form := url.Values{}
	for _, field := range regexp.MustCompile(`name="(seen|page)" value="([^"]*)"|id="page\d+" name="(page)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add(field[1]+field[3], html.UnescapeString(field[2]+field[4]))
	}
	require.True(b.t, form.Has("page"), page)
	read(browser.PostForm(at, form)) //nolint:bodyclose // read closes it
}

// act does over HTTP what operators do with a service whose api owns no tables.
func (b *byRole) act() {
	post := func(path string) response {
		return b.p.do(http.MethodPost, b.operator, "/api/ops/"+path, `{"reason":"test"}`, "Content-Type", "application/json")
	}
	rebuild := post("projections/operations/rebuild")
	require.Less(b.t, rebuild.status, 300, "%s", rebuild.body)
	for of, seen := range map[string]string{"projections/contents/": "Read model contents is paused", "platforms/tiktok/": `"paused_platforms"`} {
		post(of+"pause").ok(b.t, http.StatusOK)
		require.Contains(b.t, string(b.p.get("", "/readyz").body), seen, "at once")
		require.Equal(b.t, http.StatusConflict, post(of+"pause").status, "it is paused already")
		post(of+"resume").ok(b.t, http.StatusOK)
	}
	for _, path := range []string{"projections", "generations", "dead-letters", "pauses", "connections", "actions", "log"} {
		b.p.get(b.operator, "/api/ops/"+path).ok(b.t, http.StatusOK)
	}
	owner := b.p.database()
	b.p.await(patience, "the rebuild", func() (done bool) {
		require.NoError(b.t, owner.QueryRow(b.t.Context(), "select exists (select from lb_engine.generations where requested_by is not null and state = 'live')").Scan(&done))
		return done
	})
}

const jonasPage = "90014"

// forgets has a person ask Meta to be forgotten: the process that hears it owns no tables.
func (b *byRole) forgets(account string) {
	b.signIn(account, 1, simulator.Jonas)
	owner := b.p.database()
	known := func() (n int) {
		require.NoError(b.t, owner.QueryRow(b.t.Context(), "select count(*) from lb.members where name like '%Jonas%'").Scan(&n))
		return n
	}
	b.p.await(patience, "the member", func() bool { return known() == 1 })
	answer, err := http.PostForm(b.pages+simulator.PathFacebook+simulator.PathApps, url.Values{ //nolint:noctx // a browser's
		"as": {simulator.Jonas}, "decision": {"erase"}, "delete": {b.p.base + "/connect/meta/delete"},
	})
	require.NoError(b.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	at := regexp.MustCompile(`"url":"[^"]*(/connect/meta/delete/[0-9a-f]+)"`).FindStringSubmatch(html.UnescapeString(string(raw)))
	require.NotNil(b.t, at, "%s", raw)
	b.p.await(patience, "the person to be forgotten", func() bool { return strings.Contains(string(b.p.get("", at[1]).body), "Your data has been deleted") })
	require.Zero(b.t, known())
}

// onTheCommandLine makes tables as operators do: they are the projectors' all the same.
func (b *byRole) onTheCommandLine() {
	for _, args := range [][]string{
		{"verify", "--all"},
		{"actions"},
		{"secrets", "rotate"},
		{"rebuild", "directory", "--yes", "--reason", "test"},
	} {
		succeeds(b.t, b.as("lb_desk"), args...)
	}
	b.fold.Stop() // without a projector the command line makes the tables
	require.NotContains(b.t, succeeds(b.t, b.as("lb_desk"), "rebuild", "contents", "--yes", "--reason", "test").err, "runs in a service")
	require.Empty(b.t, b.p.column(`
		select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where (n.nspname = 'lb' or n.nspname ~ '^lb_.*_g[0-9]+') and pg_get_userbyid(c.relowner) <> 'ledgerboard_projector'`),
		"tables that projectors do not own")
}

func (b *byRole) refusals() (lines []string) {
	raw, err := os.ReadFile(filepath.Join(b.dir, "pg", "postgres.log"))
	require.NoError(b.t, err)
	for line := range strings.SplitSeq(string(raw), "\n") {
		if strings.Contains(line, `to examine "data_directory"`) {
			continue // a rebuild asks how much disk is free, and does without where it may not
		}
		if strings.Contains(line, "permission denied") || strings.Contains(line, "must be ") {
			lines = append(lines, line)
		}
	}
	return lines
}
