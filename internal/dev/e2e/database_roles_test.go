//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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
func TestProcessRolesWorkWithDocumentedDatabaseGrants(t *testing.T) {
	t.Parallel()
	b := startByRole(t)
	client := b.client("Harbour Ltd")
	start, _ := b.begin(6, client)
	ledgertest.SignIn(t, start, simulator.Mara)
	b.awaitRead(time.Time{}, baker)
	b.p.do(http.MethodPut, b.north.Token, "/api/projects/dashboard/"+client, `{"allow_client_dashboard":true}`).Says(t, http.StatusOK)
	for _, path := range []string{"/api/projects/dashboard/" + client, "/api/platforms", "/api/audit/history", "/api/members", "/getAccountFollowers/" + today() + "/0?account=" + client} {
		b.p.get(b.north.Token, path).Says(t, http.StatusOK)
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
	b.p.answers()
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

// act does over HTTP what operators do with a service whose api owns no tables.
func (b *byRole) act() {
	post := func(path string) ledgertest.Answer {
		return b.p.do(http.MethodPost, b.operator, "/api/ops/"+path, `{"reason":"test"}`)
	}
	rebuild := post("projections/operations/rebuild")
	require.Less(b.t, rebuild.Status, 300, "%s", rebuild.Body)
	for of, seen := range map[string]string{"projections/contents/": `"code":"paused"`, "platforms/tiktok/": `"kind":"platform"`} {
		post(of+"pause").Says(b.t, http.StatusOK)
		require.Contains(b.t, b.p.get(b.operator, "/api/ops/health").Body, seen, "at once")
		require.Equal(b.t, http.StatusConflict, post(of+"pause").Status, "it is paused already")
		post(of+"resume").Says(b.t, http.StatusOK)
	}
	for _, path := range []string{"projections", "generations", "dead-letters", "pauses", "connections", "actions", "log"} {
		b.p.get(b.operator, "/api/ops/"+path).Says(b.t, http.StatusOK)
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
	start, _ := b.begin(1, account)
	ledgertest.SignIn(b.t, start, simulator.Jonas, jonasPage)
	owner := b.p.database()
	known := func() (n int) {
		err := owner.QueryRow(b.t.Context(), "select count(*) from lb.members where name like '%Jonas%'").Scan(&n)
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42P01" {
			return 0 // the views for people wait for transactions that began before the build
		}
		require.NoError(b.t, err)
		return n
	}
	b.p.await(patience, "the member", func() bool { return known() == 1 })
	at := lastSegment(ledgertest.EraseAtMeta(b.t, b.pages, simulator.Jonas, b.p.base))
	b.p.await(patience, "the person to be forgotten", func() bool {
		return strings.Contains(b.p.get("", "/connect/meta/delete/"+at).Body, "Your data has been deleted")
	})
	require.Zero(b.t, known())
}

// onTheCommandLine makes tables as operators do: they are the projectors' all the same.
func (b *byRole) onTheCommandLine() {
	at := map[string]string{"DATA_DIR": b.p.dir} // of the service, and nothing else
	succeeds(b.t, at, "actions")
	require.Contains(b.t, succeeds(b.t, at, "rebuild", "directory", "--yes", "--reason", "test").err, "runs in a service")
	succeeds(b.t, b.as("lb_desk"), "verify", "--all")
	succeeds(b.t, b.as("lb_desk"), "secrets", "rotate")
	b.fold.Stop()
	_, err := b.p.database().Exec(b.t.Context(), "update lb_engine.generations set version = 999 where projection = 'contents'")
	require.NoError(b.t, err)
	succeeds(b.t, b.as("lb_desk"), "prepare", "contents", "--yes", "--reason", "test")
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
