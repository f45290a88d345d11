//go:build e2e

package e2e_test

import (
	"context"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

// holdSQL holds a rebuild at the stages that table e2e_holds names, inside its transaction.
const holdSQL = `
	create table public.e2e_holds (stage text primary key);
	create function public.e2e_hold() returns trigger language plpgsql as $$
	begin
		while exists (select from public.e2e_holds where stage = case tg_argv[0] when 'state' then to_jsonb(new) ->> 'state' else tg_argv[0] end) loop
			perform pg_sleep(0.01);
		end loop;
		return new;
	end $$;
	create trigger e2e_copy before update on lb_engine.checkpoints for each row
		when (old.state = 'copying' and new.state = 'copying') execute function public.e2e_hold('copy');
	create trigger e2e_state before update of state on lb_engine.rebuilds for each row
		when (old.state <> new.state) execute function public.e2e_hold('state');
	create trigger e2e_switch before update of state on lb_engine.generations for each row
		when (old.state <> new.state and new.state = 'live') execute function public.e2e_hold('switch');
	create constraint trigger e2e_commit after update on lb_engine.generations deferrable initially deferred for each row
		when (old.state <> new.state and new.state = 'live') execute function public.e2e_hold('commit');`

// A rebuild is killed or frozen at each stage: readers get the same answers, the next process ends it.
func TestRebuildIsKilled(t *testing.T) {
	awayFromMidnight(t, 5*time.Minute)
	k, u := startApart(t)
	k.exec(holdSQL)
	stop := u.hammer(k.api, false)
	defer stop()
	for _, at := range []struct{ stage, projection string }{
		{"copy", "post_insights"},
		{"indexing", "account_insights"},
		{"catching_up", "directory"},
		{"switching", "dashboards"},
		{"switch", "operations"},
		{"commit", "account_insights"},
	} {
		t.Run("killed at "+at.stage, func(*testing.T) {
			ended := k.rebuildUntil(at.projection, at.stage)
			k.runner.Kill()
			k.exec("delete from public.e2e_holds") // what the server was asked for before goes on, whoever asked
			k.runner = k.serve()
			k.done(<-ended)
		})
	}
	t.Run("frozen in copy and thawed after its takeover", func(*testing.T) {
		ended := k.rebuildUntil("post_insights", "copy")
		frozen := k.runner
		require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGSTOP))
		k.runner = k.serve()
		k.until("the takeover", "select exists (select from lb_engine.rebuilds where finished_at is null and lease > 1)")
		k.exec("delete from public.e2e_holds")
		k.done(<-ended)
		require.NoError(t, frozen.cmd.Process.Signal(syscall.SIGCONT))
		k.done(k.rebuild("post_insights")) // both are there now, and one of them runs it
		frozen.Stop()
	})
	stop()
	u.before.same(t, u.answers(k.api))
	require.Equal(t, []string{"0"}, k.api.column("select count(*)::text from lb_engine.rebuilds where state <> 'done'"))
	succeeds(t, k.api.variables(), "verify", "--tables")
	k.runner.Stop()
}

// startApart starts a service whose read models another process fills, and knows all its answers.
func startApart(t *testing.T) (*killed, *upgrade) {
	t.Helper()
	dir := t.TempDir()
	k := &killed{t: t, api: startDemo(t, dir, append([]string{"--rate-limit", "0"}, frozen...)...)}
	u := &upgrade{t: t, old: k.api}
	u.paths = k.api.analyticsPaths(pastRanges())
	u.before = u.answers(k.api)
	k.api.Stop()

	k.api = k.api.beside(dir, programPath, "api", map[string]string{"DATA_DIR": dir}) // broker and database are its own
	u.old = k.api
	k.api.await(readyWithin, "the port", func() bool { return k.api.get("", "/healthz").status == http.StatusOK })
	k.runner = k.serve()
	k.api.await(readyWithin, "the service", func() bool { return k.api.get("", "/readyz").status == http.StatusOK })
	k.conn = k.api.database()
	return k, u
}

type killed struct {
	t           *testing.T
	api, runner *program
	conn        *pgx.Conn
}

func (k *killed) serve() *program {
	p := k.api.beside(k.t.TempDir(), programPath, "projector", nil)
	p.await(patience, "the process that folds", func() bool { return p.get("", "/readyz").status == http.StatusOK })
	return p
}

// beside starts a process of a binary with a role, on the demo's log and database.
func (p *program) beside(dir, binary, roles string, more map[string]string) *program {
	settings := map[string]string{
		"KAFKA_BROKERS": strings.Join(p.info.Brokers, ","), "DATABASE_URL": p.info.DatabaseURL, "JWT_SECRET": demoSecret(p.t, p.dir),
		"JWT_ISSUER": "ledgerboard", "JWT_AUDIENCE": "ledgerboard", "DIRECTORY": "main_app",
		"MANAGED_SUBSCRIPTIONS": strings.Join(demo.ManagedSubscriptions(), ","), "RATE_LIMIT": "0",
	}
	if _, own := more["DATA_DIR"]; own {
		delete(settings, "KAFKA_BROKERS")
		delete(settings, "DATABASE_URL")
	}
	maps.Copy(settings, more)
	addr := freeAddress(p.t)
	started := launch(p.t, dir, []string{"serve", "--addr", addr, "--roles", roles}, func(cmd *exec.Cmd) {
		cmd.Path = binary
		for name, value := range settings {
			cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
		}
	})
	started.base, started.info = "http://"+addr, p.info
	return started
}

func (k *killed) rebuild(projection string) ran {
	return command(k.t, programPath, k.api.variables(), "rebuild", projection, "--yes", "--reason", "test")
}

// rebuildUntil asks for a rebuild and waits until the server holds it at a stage.
func (k *killed) rebuildUntil(projection, stage string) (ended chan ran) {
	k.until("a process that folds "+projection, `select exists (
		select from lb_engine.generations g join pg_stat_activity on application_name = 'ledgerboard ' || projection || '.g' || generation
		where projection = '`+projection+`' and g.state = 'live')`)
	k.exec("insert into public.e2e_holds values ($1)", stage)
	ended = make(chan ran, 1)
	go func() { ended <- k.rebuild(projection) }()
	k.until("the rebuild at "+stage, "select exists (select from pg_stat_activity where wait_event = 'PgSleep') or exists (select from lb_engine.rebuilds where state = 'failed')")
	require.Empty(k.t, k.api.column("select error from lb_engine.rebuilds where state = 'failed'"))
	return ended
}

func (k *killed) done(r ran) {
	require.Equal(k.t, done, r.code, "%s%s\n%s", r.out, r.err, k.runner.tails())
}

func (k *killed) exec(sql string, args ...any) {
	_, err := k.conn.Exec(context.Background(), sql, args...)
	require.NoError(k.t, err)
}

func (k *killed) until(what, query string) {
	k.api.await(patience, what, func() (ok bool) {
		require.NoError(k.t, k.conn.QueryRow(context.Background(), query).Scan(&ok))
		return ok
	})
}
