package projections_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
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
func TestASwitchWaitsForNoReader(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	p := tally
	e := b.followEngine(p)
	readers := b.readers(p)
	begin := func(sql string) (pgx.Tx, func() int) {
		tx, err := readers.BeginTx(b.ctx(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return tx, func() (n int) {
			require.NoError(t, tx.QueryRow(b.ctx(), sql).Scan(&n))
			return n
		}
	}
	view, viewed := begin("select count(*) from tally")
	table, read := begin("select count(*) from lb_tally_g1.tally")
	require.Equal(t, 100, viewed())
	require.Equal(t, 100, read())
	rebuild := b.request(tally)
	b.awaitBuild(rebuild.ID, func(g operator.Generation) bool { return g.Waits == operator.WaitsReaders })
	b.appendReadings(100, 110)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"), "other readers continue")
	require.Equal(t, 100, viewed())
	require.NoError(t, view.Commit(b.ctx()))
	b.ends(rebuild.ID, operator.StateLive)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	require.Equal(t, "dropped", b.state("tally", 1))
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"))
	require.Equal(t, 100, read())
	require.Eventually(t, func() bool {
		return b.count("select count(*) from pg_locks where relation = 'lb_tally_g1.tally'::regclass and not granted") > 0
	}, patience, tick, "the drop waits for readers of the tables")
	require.Equal(t, 100, read())
	require.NoError(t, table.Commit(b.ctx()))
	b.awaitDropped("tally", 1)
	b.eachOnce(110)
}

// Readers do not lose rows: the switch waits until the new tables have passed the live ones.
func TestASwitchLosesNoVisibleRows(t *testing.T) {
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
func TestViewsForPeopleAreReplacedLater(t *testing.T) {
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
	require.Eventually(t, func() bool { return !exists("lb_tally_g1") && !exists("lb_tally_v1") }, patience, tick)
	require.Equal(t, 20, b.count("select count(*) from lb.tally"))
}

// shows waits until the view of a table in schema lb shows a table of the given schema.
func (b *bench) shows(table, schema string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return b.count(`
			select count(*) from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
			join pg_class t on t.oid = d.refobjid join pg_namespace n on n.oid = t.relnamespace
			where v.relnamespace = to_regnamespace('lb') and v.relname = $1 and n.nspname = $2`, table, schema) > 0
	}, patience, tick)
}

// Schema lb shows posts with their content, whichever of the two tables exists first.
func TestPostsAreShownWithTheirContent(t *testing.T) {
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
			require.Eventually(t, func() bool {
				var n int
				err := b.db.Pool.QueryRow(b.ctx(), "select count(*) from lb.tSPosts where content = 'as listed'").Scan(&n)
				return err == nil && n == 1
			}, patience, tick)
		})
	}
}
