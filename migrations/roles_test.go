package migrations_test

import (
	"context"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// Users in the groups of deploy/roles.sql can do the work of their process, and nothing else.
func TestDatabaseRoleGrantsAreSufficientAndMinimal(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	script, err := os.ReadFile("../deploy/roles.sql")
	require.NoError(t, err)
	admin, err := pgx.Connect(t.Context(), db.Superuser())
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	for range 2 { // the second time changes nothing
		_, err = admin.Exec(t.Context(), string(script), pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	}
	groups := []string{"connect", "api", "fetcher", "projector", "signer", "operator"}
	t.Cleanup(func() {
		for _, group := range groups {
			_, err := admin.Exec(context.Background(), "drop owned by test_"+group+" cascade; drop role test_"+group)
			require.NoError(t, err)
		}
	})
	exec := map[string]func(sql string) error{}
	for _, group := range groups {
		_, err := admin.Exec(t.Context(), "create role test_"+group+" login password 'secret' in role ledgerboard_"+group)
		require.NoError(t, err)
		u, err := url.Parse(db.URL)
		require.NoError(t, err)
		u.User = url.UserPassword("test_"+group, "secret")
		conn, err := pgx.Connect(t.Context(), u.String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		exec[group] = func(sql string) error {
			_, err := conn.Exec(t.Context(), sql)
			return err
		}
	}

	const (
		secret   = "select sealed from kept.secrets"
		engine   = "update lb_engine.checkpoints set next_offset = 0"
		creation = "create schema lb_mine_g1"
		derived  = "delete from lb_dashboards_g1.dashboard_listed"
		read     = "select * from lb_dashboards_g1.dashboard_listed"
		rebuild  = "delete from lb_engine.generations where state = 'failed'"
		dump     = `do $$ declare kept regclass; begin
			for kept in select oid from pg_class where relnamespace = 'kept'::regnamespace and relkind in ('r', 'S') loop
				execute format('select * from %s', kept);
			end loop;
		end $$`
	)
	for group, work := range map[string][]string{
		"api":       {read, rebuild, "delete from kept.pauses", "select * from kept.ticket_key", "update kept.sessions set seen_at = now()"},
		"connect":   {read, rebuild, secret, "update kept.secrets set ref = 'x'", "delete from kept.connect_links"},
		"fetcher":   {read, secret, "update kept.secrets set ref = 'x'", "update kept.fetch_state set p_id = 1", "delete from kept.fetch_budgets"},
		"projector": {read, engine, derived, creation, "create view lb.mine as select 1", "drop schema lb_contents_g1 cascade"},
		"signer":    {read, "select * from lb_engine.checkpoints"},
		"operator":  {read, rebuild, secret, engine, derived, "delete from kept.pauses", dump},
	} {
		for _, sql := range work {
			require.NoError(t, exec[group](sql), "%s: %s", group, sql)
		}
	}
	for group, statements := range map[string][]string{
		"api": {
			secret, engine, creation, derived, "insert into kept.secrets (ref) values ('x')", "update kept.grants set person = 'x'",
			"select * from kept.connect_links", "drop schema lb_dashboards_g1 cascade", "create view lb.mine as select 1",
			"update lb_engine.generations set targets = '{}'",
		},
		"connect":   {engine, creation, derived, "update lb_engine.generations set lease = 0", "set role ledgerboard_projector"},
		"fetcher":   {engine, creation, derived, rebuild, "select * from kept.connect_attempts", "select * from kept.ticket_key", "delete from kept.pauses"},
		"projector": {secret, "update kept.secrets set ref = 'x'", "select * from kept.ticket_key", "delete from kept.pauses", "drop schema kept cascade"},
		"signer":    {secret, engine, creation, derived, rebuild, "select * from kept.ticket_key"},
		"operator":  {"drop schema kept cascade", "create role mine", "delete from kept.schema_migrations", "copy kept.secrets to program 'cat'"},
	} {
		for _, sql := range statements {
			require.ErrorContains(t, exec[group](sql), "SQLSTATE 42501", "%s: %s", group, sql)
		}
	}
}
