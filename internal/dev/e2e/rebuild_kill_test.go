//go:build e2e

package e2e_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// holdSQL holds a build at the stages that table e2e_holds names, inside its transaction.
const holdSQL = `
	create table public.e2e_holds (stage text primary key);
	create function public.e2e_hold() returns trigger language plpgsql as $$
	begin
		while exists (select from public.e2e_holds where stage = tg_argv[0]) loop
			perform pg_sleep(0.01);
		end loop;
		return new;
	end $$;
	create trigger e2e_begin before update on lb_engine.generations for each row
		when (old.topic_id is null and new.topic_id is not null) execute function public.e2e_hold('begin');
	create function public.e2e_shard() returns trigger language plpgsql as $$
	begin
		if exists (select from lb_engine.generations g where g.projection = new.projection and g.generation = new.generation and g.state = 'building') then
			while exists (select from public.e2e_holds where stage = 'copy') loop
				perform pg_sleep(0.01);
			end loop;
		end if;
		return new;
	end $$;
	create trigger e2e_copy before update on lb_engine.checkpoints for each row execute function public.e2e_shard();
	create trigger e2e_follow before update on lb_engine.generations for each row
		when (old.state = 'building' and new.state = 'catching_up') execute function public.e2e_hold('catching_up');
	create trigger e2e_switch before update of state on lb_engine.generations for each row
		when (old.state <> new.state and new.state = 'live') execute function public.e2e_hold('switch');
	create constraint trigger e2e_commit after update on lb_engine.generations deferrable initially deferred for each row
		when (old.state <> new.state and new.state = 'live') execute function public.e2e_hold('commit');`

// A rebuild is killed or frozen at each stage: readers get the same answers, the next process ends it.
func TestRebuildSurvivesKillAtEveryStage(t *testing.T) {
	t.Parallel()
	awayFromQuarterHours(t, 5*time.Minute) // no day ends within one
	k := startApart(t)
	k.exec(holdSQL)
	stop := k.hammer(k.api, false)
	defer stop()
	for _, at := range []struct{ stage, projection string }{
		{"copy", "post_insights"},
		{"begin", "account_insights"},
		{"catching_up", "directory"},
		{"switch", "operations"},
		{"commit", "account_insights"},
	} {
		t.Run("killed at "+at.stage, func(*testing.T) {
			ended := k.rebuildUntil(at.projection, at.stage)
			k.runner.Kill()
			k.exec("delete from public.e2e_holds") // what the server was asked for before goes on
			k.runner = k.serve()
			k.done(<-ended)
		})
	}
	t.Run("frozen in copy and thawed after its takeover", func(*testing.T) {
		ended := k.rebuildUntil("post_insights", "copy")
		frozen := k.runner
		require.NoError(t, frozen.Process.Signal(syscall.SIGSTOP))
		k.runner = k.serve()
		k.until("the takeover", "select exists (select from lb_engine.generations where state in ('building', 'catching_up') and lease > 1)")
		k.exec("delete from public.e2e_holds")
		k.done(<-ended)
		require.NoError(t, frozen.Process.Signal(syscall.SIGCONT))
		k.done(k.rebuild("post_insights")) // both are there now, and one of them runs it
		frozen.Stop()
	})
	stop()
	k.before.same(t, k.api.look(k.paths))
	require.Equal(t, []string{"0"}, k.api.column("select count(*)::text from lb_engine.generations where state = 'failed' or state = 'dropped' and live_at is null"))
	succeeds(t, k.api.variables(), "verify", "--tables")
	k.runner.Stop()
}

// startApart starts a service whose read models another process fills, and knows all its answers.
func startApart(t *testing.T) *apart {
	t.Helper()
	dir := t.TempDir()
	k := &apart{t: t, api: startDemo(t, dir, append([]string{"--rate-limit", "0"}, frozen...)...)}
	k.paths = k.api.analyticsPaths(pastRanges())
	k.before = k.api.look(k.paths)
	k.api.Stop()

	k.api = k.api.beside(dir, programPath, "api", map[string]string{"DATA_DIR": dir}) // broker and database are its own
	k.api.await(readyWithin, "the port", func() bool { return k.api.get("", "/healthz").Status == http.StatusOK })
	k.conn = k.api.database() // the port opens before the database
	k.runner = k.serve()
	k.api.answers()
	return k
}

// apart is a process that serves, and one that folds.
type apart struct {
	t           *testing.T
	api, runner *program
	conn        *pgx.Conn
	paths       []string
	before      answers // to the paths
}

func (a *apart) serve() *program {
	p := a.api.beside(a.t.TempDir(), programPath, "projector", nil)
	p.answers()
	return p
}

// beside starts a process of a binary with a role, on the demo's log and database.
func (p *program) beside(dir, binary, roles string, more map[string]string) *program {
	settings := map[string]string{
		"KAFKA_BROKERS": strings.Join(p.info.Brokers, ","), "DATABASE_URL": p.info.DatabaseURL, "DATA_DIR": dir, "JWT_SECRET": demoSecret(p.t, p.dir),
		"JWT_ISSUER": "ledgerboard", "JWT_AUDIENCE": "ledgerboard", "DIRECTORY": "main_app",
		"MANAGED_SUBSCRIPTIONS": strings.Join(demo.ManagedSubscriptions(), ","), "RATE_LIMIT": "0",
	}
	if _, own := more["DATA_DIR"]; own {
		delete(settings, "KAFKA_BROKERS")
		delete(settings, "DATABASE_URL")
	}
	maps.Copy(settings, more)
	addr := ledgertest.FreeAddress(p.t)
	started := launch(p.t, dir, []string{"serve", "--addr", addr, "--roles", roles}, func(cmd *exec.Cmd) {
		cmd.Path = binary
		for name, value := range settings {
			cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
		}
	})
	started.base, started.info = "http://"+addr, p.info
	return started
}

func (a *apart) rebuild(projection string) ran {
	return command(a.t, programPath, a.api.variables(), "rebuild", projection, "--yes", "--reason", "test")
}

// rebuildUntil asks for a rebuild and waits until the server holds it at a stage.
func (a *apart) rebuildUntil(projection, stage string) (ended chan ran) {
	a.until("a process that folds "+projection, `select exists (
		select from lb_engine.generations g join pg_stat_activity on application_name = 'ledgerboard ' || projection || '.g' || generation
		where projection = '`+projection+`' and g.state = 'live')`)
	a.exec("insert into public.e2e_holds values ($1)", stage)
	ended = make(chan ran, 1)
	go func() { ended <- a.rebuild(projection) }()
	a.until("the rebuild at "+stage, "select exists (select from pg_stat_activity where wait_event = 'PgSleep') or exists (select from lb_engine.generations where state = 'failed')")
	require.Empty(a.t, a.api.column("select error from lb_engine.generations where state = 'failed'"))
	return ended
}

func (a *apart) done(r ran) {
	require.Equal(a.t, done, r.code, "%s%s\n%s", r.out, r.err, a.runner.tails())
}

func (a *apart) exec(sql string, args ...any) {
	_, err := a.conn.Exec(context.Background(), sql, args...)
	require.NoError(a.t, err)
}

func (a *apart) until(what, query string) {
	a.api.await(patience, what, func() (ok bool) {
		require.NoError(a.t, a.conn.QueryRow(context.Background(), query).Scan(&ok))
		return ok
	})
}

// How the fetchers are killed: with so many readings in flight at most in each process.
const (
	fetcherKills    = 6
	fetcherParallel = 32
	fetcherAccounts = 160
)

// Killed fetchers lose the readings in flight at most; nothing is there twice or by half.
func TestKilledFetchersLoseTheirReadingsInFlight(t *testing.T) {
	t.Parallel()
	f := newFetchers(t)
	running := []*program{f.start(), f.start()} // while one is dead the other goes on
	for range fetcherKills {
		f.awaitProgress(running)
		time.Sleep(rand.N(1500 * time.Millisecond)) // the moment is what is random here
		victim := rand.N(len(running))
		running[victim].Kill()
		running[victim] = f.start()
	}
	f.awaitProgress(running)
	since := time.Now()
	f.awaitAll(running, since)
	for _, p := range running {
		p.Stop()
	}

	f.stack.CatchUp(t)
	ledger := f.stack.Read(t)
	require.Empty(t, ledger.Wrong)
	require.Empty(t, ledger.Reconnects)
	var letters int
	require.NoError(t, f.stack.Pool.QueryRow(t.Context(), `select count(*) from dead_letters`).Scan(&letters))
	require.Zero(t, letters)
	// A reading of a TikTok account is one call: whose the tokens are was asked before.
	answered, read := int(f.sim.Stats().Calls["tiktok/user_info"]), 0
	for _, a := range f.world.Of(domain.TikTok) {
		read += len(ledger.Readings[a.SocialAccount])
	}
	t.Logf("%d answers, %d readings in the log, %d kills", answered, read, fetcherKills)
	require.LessOrEqual(t, read, answered)
	require.LessOrEqual(t, answered-read, fetcherKills*fetcherParallel)
}

// fetchers are processes with the role fetcher over a log and a database of the test's.
type fetchers struct {
	t     *testing.T
	world *soak.World
	sim   *simulator.Server
	stack *soak.Stack
	env   []string
}

func newFetchers(t *testing.T) *fetchers {
	t.Helper()
	postgres, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Logger: ledgertest.Quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Close()) })
	f := &fetchers{t: t, world: soak.NewWorld(fetcherAccounts), sim: simulator.New(simulator.Config{Seed: 7})}
	f.stack = soak.Open(t, soak.Config{
		DatabaseURL: postgres.URL(), Clock: soak.NewClock(time.Now(), 1), Sim: f.sim, World: f.world, Logger: ledgertest.Quiet,
		Connected: func(a soak.Account, _ *simulator.Account, tokens *commands.StoredTokens) {
			tokens.VerifiedAs = a.ExternalID
		},
	})
	f.env = append(ledgertest.Environ(),
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(f.stack.Brokers, ","), "LEDGERBOARD_DATABASE_URL="+f.stack.DatabaseURL,
		"LEDGERBOARD_JWT_SECRET="+strings.Repeat("s", 32), "LEDGERBOARD_DIRECTORY=main_app", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed", "LEDGERBOARD_SECRETS_KEY="+f.stack.SecretsKey,
		"LEDGERBOARD_PLATFORMS_URL="+ledgertest.Serve(t, f.sim), "LEDGERBOARD_LOG_LEVEL=error",
		"LEDGERBOARD_QUOTAS=facebook:none,instagram:none,linkedin:none,tiktok:none",
		"LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL=1s",
	)
	return f
}

func (f *fetchers) start() *program {
	return launch(f.t, f.t.TempDir(), []string{"serve", "--addr", "127.0.0.1:0", "--roles", "fetcher"}, func(cmd *exec.Cmd) { cmd.Env = f.env })
}

// awaitProgress waits until a platform is asked again: the dead process may have led the schedule.
func (f *fetchers) awaitProgress(running []*program) {
	before := f.sim.Stats().Calls["tiktok/user_info"]
	running[0].await(readyWithin, "the platforms to be asked", func() bool { return f.sim.Stats().Calls["tiktok/user_info"] > before+10 })
}

func (f *fetchers) awaitAll(running []*program, since time.Time) {
	running[0].await(readyWithin, "every connection to be read on", func() bool {
		var fresh int
		err := f.stack.Pool.QueryRow(f.t.Context(), `
			select count(distinct social_account_id) from tSAccountIns where captured_at > $1`, since).Scan(&fresh)
		return err == nil && fresh == fetcherAccounts
	})
}
