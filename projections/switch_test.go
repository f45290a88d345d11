package projections_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func (b *bench) state(projection string, number int) string {
	b.t.Helper()
	return b.text("select state from generations where projection = $1 and generation = $2", projection, number)
}

// While the projection is paused, readers stay with the tables that they use. The replaced
// generation is not followed, and its tables are dropped.
func TestSwitchDropsTheReplacedTables(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	var paused atomic.Bool
	e := b.followEngine(tally, waitingAtSwitch(&paused))
	paused.Store(true)
	request := b.request(tally)
	b.awaitBuild(request.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsResume })
	require.Equal(t, 1, b.liveAt("tally"))
	paused.Store(false)
	b.ends(request.ID, operator.StateLive)
	require.Equal(t, "dropped", b.state("tally", 1))
	require.ErrorContains(t, e.ReassignPartitions(t.Context(), 1, 0), "has ended")
	require.NoError(t, e.ReassignPartitions(t.Context(), 2, 0))
	b.awaitDropped("tally", 1)
	b.appendReadings(100, 150)
	b.caughtUp(e)
	require.Equal(t, 150, b.count("select count(*) from lb.tally"))
	b.eachOnce(150)
}

// A transaction that reads the live tables delays the switch. One that reads a generation's own
// tables, as with psql, delays only their drop.
func TestSwitchIsNotDelayedByReaders(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	p := tally
	e := b.followEngine(p)
	readers := b.readers(p)
	begin := func(level pgx.TxIsoLevel, sql string) (pgx.Tx, func() int) {
		tx, err := readers.BeginTx(b.ctx(), pgx.TxOptions{IsoLevel: level})
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return tx, func() (n int) {
			// The simple protocol leaves no portal, which would hold a snapshot.
			require.NoError(t, tx.QueryRow(b.ctx(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&n))
			return n
		}
	}
	view, viewed := begin(pgx.ReadCommitted, "select count(*) from tally")
	table, read := begin(pgx.RepeatableRead, "select count(*) from lb_tally_g1.tally")
	require.Equal(t, 100, viewed())
	require.Equal(t, 100, read())
	rebuild := b.request(tally)
	b.awaitBuild(rebuild.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsReaders })
	b.appendReadings(100, 110)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"), "other readers continue")
	require.Equal(t, 110, viewed())
	require.NoError(t, view.Commit(b.ctx()))
	b.ends(rebuild.ID, operator.StateLive)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	require.Equal(t, "dropped", b.state("tally", 1))
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"))
	require.Equal(t, 100, read())
	ledgertest.Eventually(t, func() bool {
		return b.count("select count(*) from pg_locks where relation = 'lb_tally_g1.tally'::regclass and not granted") > 0
	}, "the drop waits for readers of the tables")
	require.Equal(t, 100, read())
	require.NoError(t, table.Commit(b.ctx()))
	b.awaitDropped("tally", 1)
	b.eachOnce(110)
}

// report begins a report of a person who may only read schema lb: one transaction that reads several
// views. It has read the view of texts.
func (b *bench) report() (count func(view string) int, end func()) {
	b.t.Helper()
	b.followEngine(projectors.Contents)
	b.shows("post_contents", ddl.ViewSchema(projectors.Contents.Name, projectors.Contents.Version))
	person, err := pgx.Connect(b.ctx(), b.db.WriterURL(b.t, "lb"))
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = person.Close(context.Background()) })
	tx, err := person.BeginTx(b.ctx(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(b.t, err)
	count = func(view string) (n int) {
		require.NoError(b.t, tx.QueryRow(b.ctx(), "select count(*) from lb."+view).Scan(&n))
		return n
	}
	require.Zero(b.t, count("post_contents"))
	return count, func() { require.NoError(b.t, tx.Rollback(b.ctx())) }
}

// A report that began before the rows of the new tables were written would see these tables empty. The
// switch waits for it, and says for whom. Reports that began later do not delay it.
func TestSwitchWaitsForReportsOlderThanTables(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	e := b.followEngine(tally)
	b.shows("tally", "lb_tally_v1")
	count, end := b.report()
	rebuild := b.request(tally)
	waits := b.awaitBuild(rebuild.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsReports })
	require.Contains(t, waits.Error, "process ")
	b.appendReadings(100, 110)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 100, count("tally"), "the rows of its snapshot")
	end()
	_, endLater := b.report()
	b.ends(rebuild.ID, operator.StateLive)
	endLater()
	require.Equal(t, 110, b.count("select count(*) from lb.tally"))
}

// Likewise, the views for people show the tables of a new version only after the older reports. After
// an hour they do anyway, and the log says which session sees them empty.
func TestViewsForPeopleWaitForOlderReports(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.follow(b.engine(tally))
	b.shows("tally", "lb_tally_v1")
	count, end := b.report()
	waits, late := make(chan struct{}), make(chan struct{})
	newer := func(atMost time.Duration, message string, reached chan struct{}) *projections.Engine {
		return b.engine(version2(tally), func(c *projections.Config) {
			c.Logger = slog.New(onMessage{message, sync.OnceFunc(func() { close(reached) })})
		}).WaitingForReports(atMost)
	}
	stop := b.follow(newer(time.Hour, "the views of schema lb are not updated to this version yet", waits))
	ledgertest.Receive(t, waits)
	require.Equal(t, 100, count("tally"))
	stop()
	end()
	_, end = b.report()
	b.follow(newer(0, "transactions that began before the switch will see empty tables", late))
	ledgertest.Receive(t, late)
	b.shows("tally", "lb_tally_v2")
	end()
}

// Readers do not lose rows: the switch waits until the new tables have passed the live ones.
func TestSwitchWaitsUntilNewTablesPassLiveTables(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	p, copying := b.newHeldTally(false), b.newGate()
	p.generation.Store(2)
	e := b.followEngine(copies(p.Projector, copying.copying))
	rebuild := b.request(tally)
	<-copying.reached
	b.appendReadings(100, 110)
	b.caughtUp(e)
	copying.open()
	b.awaitBuild(rebuild.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsTables })
	require.Equal(t, 1, b.liveAt("tally"))
	p.gate.open()
	b.ends(rebuild.ID, operator.StateLive)
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"))
}

// The views for people that could not be replaced at a switch, because one of them was being read, are
// replaced later.
func TestBusyViewsForPeopleAreReplacedLater(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	stop := b.follow(b.engine(tally))
	b.shows("tally", "lb_tally_v1")
	stop()
	reading, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	_, err = reading.Exec(b.ctx(), "select from lb.tally")
	require.NoError(t, err)
	failed := make(chan struct{})
	newer := b.engine(version2(tally), func(c *projections.Config) {
		c.Logger = slog.New(onMessage{"the views of schema lb are not updated to this version yet", sync.OnceFunc(func() { close(failed) })})
	})
	b.follow(newer)
	ledgertest.Receive(t, failed)
	require.Equal(t, 10, b.count("select count(*) from lb_tally_v2.tally"), "the program's own views are replaced")
	require.NoError(t, reading.Rollback(b.ctx()))
	b.shows("tally", "lb_tally_v2")
}

// The process that switched may be interrupted before it has replaced the views for people. A process
// that runs on replaces them.
func TestViewsForPeopleAreReplacedByAnotherProcess(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	b.follow(b.engine(tally))
	b.shows("tally", "lb_tally_v1")
	b.exec("create or replace view lb.tally as select * from lb_tally_g1.tally")
	b.shows("tally", "lb_tally_v1")
}

// onMessage calls a function when a message is logged.
type onMessage struct {
	message string
	call    func()
}

func (onMessage) Enabled(context.Context, slog.Level) bool { return true }

func (o onMessage) Handle(_ context.Context, r slog.Record) error {
	if r.Message == o.message {
		o.call()
	}
	return nil
}

func (o onMessage) WithAttrs([]slog.Attr) slog.Handler { return o }

func (o onMessage) WithGroup(string) slog.Handler { return o }

// The views for people are updated, even if somebody who hears of the switch stops the process before it has
// the answer to its commit.
func TestSwitchIsCompletedDuringShutdown(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 20)
	proxy, pool := b.proxied()
	request := b.request(tally)
	live := func() bool { return b.state("tally", request.Generation) == string(operator.StateLive) }
	ctx, stop := context.WithCancel(t.Context())
	proxy.Committed.Store(new(func() {
		if live() {
			stop()
		}
	}))
	require.NoError(t, b.engine(tally, func(c *projections.Config) { c.Pool = pool }).Run(ctx))
	require.True(t, live())
	require.Equal(t, 20, b.count("select count(*) from lb.tally"))
}

// Earlier versions are kept for a day.
func TestOldGenerationsAreDropped(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	old := b.engine(tally)
	stop := b.follow(old)
	exists := func(schema string) bool {
		return b.count("select count(*) from pg_namespace where nspname = $1", schema) == 1
	}
	newer := b.engine(version2(tally))
	tidied := newer.Signal("tidy")
	b.follow(newer)
	b.shows("tally", "lb_tally_v2")
	list, err := b.generations().List(b.ctx())
	require.NoError(t, err)
	require.Equal(t, []int{2, 1}, []int{list[0].Generation, list[1].Generation})
	for _, g := range list {
		require.Equal(t, operator.StateLive, g.State)
		require.Positive(t, g.Bytes)
		require.True(t, g.Folded)
	}
	b.exec("update generations set live_at = now() - interval '25 hours' where version = 2")
	b.appendReadings(10, 20)
	b.caughtUp(newer)
	require.NoError(t, tidied(b.ctx()))
	require.True(t, exists("lb_tally_v1"), "a process still folds it")
	stop()
	ledgertest.Eventually(t, func() bool { return !exists("lb_tally_g1") && !exists("lb_tally_v1") })
	require.Equal(t, 20, b.count("select count(*) from lb.tally"))
}

// A dump that was restored with errors may lack checkpoints of tables that exist. The tables are built
// again, as if they were missing.
func TestTablesWithoutCheckpointsAreRebuilt(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"delete from checkpoints", "delete from checkpoints where partition = 3"} {
		b := setupReadings(t, 100)
		b.run(b.engine(tally))
		b.exec(lost)
		status, err := b.engine(tally).Status(b.ctx())
		require.NoError(t, err)
		require.Equal(t, []string{"checkpoints"}, status.TablesGone)
		e := b.followEngine(tally)
		ledgertest.Eventually(t, func() bool { return b.liveNow("tally") == 2 }, lost)
		b.caughtUp(e)
		b.eachOnce(100)
	}
}

// liveNow returns the generation that readers of version 1 use; 0 without one.
func (b *bench) liveNow(projection string) int {
	return b.count("select coalesce(max(generation), 0) from generations where projection = $1 and version = 1 and state = 'live'", projection)
}

// shows waits until the view of a table in schema lb shows a table of the given schema.
func (b *bench) shows(table, schema string) {
	b.t.Helper()
	ledgertest.Eventually(b.t, func() bool {
		return b.count(`
			select count(*) from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
			join pg_class t on t.oid = d.refobjid join pg_namespace n on n.oid = t.relnamespace
			where v.relnamespace = to_regnamespace('lb') and v.relname = $1 and n.nspname = $2`, table, schema) > 0
	})
}

// Schema lb shows posts with their content, whichever of the two tables exists first.
func TestPostsViewIncludesContent(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]fold.Projector{
		"posts first": {projectors.PostInsights, projectors.Contents}, "texts first": {projectors.Contents, projectors.PostInsights},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tenant := tenantOf(somePost.SocialAccount)
			tenant.ParentAccount = somePost.ParentAccount
			b.append(listed(1, "as listed"), draft(domain.TopicMetrics, tenant.Key(), "registered", domain.PostRegistered{
				Tenant: tenant, Platform: domain.Facebook, ExternalID: somePost.ExternalID, Origin: domain.OriginListing, RegisteredAt: day0,
			}))
			for _, p := range order {
				b.followEngine(p)
			}
			ledgertest.Eventually(t, func() bool {
				var n int
				err := b.db.Pool.QueryRow(b.ctx(), "select count(*) from lb.tSPosts where content = 'as listed'").Scan(&n)
				return err == nil && n == 1
			})
		})
	}
}
