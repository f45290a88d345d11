package projections_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func (b *bench) state(projection string, number int) string {
	b.t.Helper()
	return b.text("select state from generations where projection = $1 and generation = $2", projection, number)
}

// The replaced generation retires and is not followed. On a switch back it catches up, and readers
// are switched to it.
func TestRetireAndSwitchBack(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	var paused atomic.Bool
	e := b.followEngine(tally{}.projector(), waitingAtSwitch(&paused))
	_, err := b.switchBack(requestOf("tally"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err), "there is no earlier generation")
	b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" }, patience, tick)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1.tally"))
	require.ErrorContains(t, e.ReassignPartitions(t.Context(), 1, 0), "retired")
	require.NoError(t, e.ReassignPartitions(t.Context(), 2, 0))
	b.appendReadings(100, 150)
	b.caughtUp(e)
	require.Equal(t, 100, b.count("select count(*) from lb_tally_g1.tally"), "it is not followed")

	paused.Store(true)
	canceled, err := b.switchBack(requestOf("tally"))
	require.NoError(t, err)
	b.awaitRebuild(canceled.ID, func(r operator.Rebuild) bool { return strings.Contains(r.Error, "the projection is paused") })
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), canceled.ID))
	b.ends(canceled.ID, operator.RebuildCanceled)
	require.Equal(t, "retired", b.state("tally", 1), "as before")
	require.Equal(t, "live", b.state("tally", 2))
	paused.Store(false)
	back, err := b.switchBack(requestOf("tally"))
	require.NoError(t, err)
	require.Equal(t, 1, b.ends(back.ID, operator.RebuildDone).Generation)
	require.Equal(t, 1, b.liveAt("tally"))
	require.Equal(t, 150, b.count("select count(*) from lb_tally_g1.tally"))
	require.Equal(t, 150, b.count("select count(*) from lb.tally"))
	require.Eventually(t, func() bool { return b.state("tally", 2) == "retired" }, patience, tick)

	b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
	require.Eventually(t, func() bool { return b.state("tally", 1) == "retired" && b.state("tally", 2) == "dropped" }, patience, tick,
		"only the newest retired generation is kept")
	require.Zero(t, b.count("select count(*) from pg_namespace where nspname like 'lb_tally_g2%'"))
}

// A transaction that reads the live tables delays the switch. One that reads a generation's own
// tables, as with psql, delays only their drop.
func TestASwitchWaitsForNoReader(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	p := tally{}.projector()
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
	rebuild := b.request(tally{}.projector())
	b.awaitRebuild(rebuild.ID, func(r operator.Rebuild) bool { return strings.Contains(r.Error, "a transaction reads the tables") })
	b.appendReadings(100, 110)
	require.Equal(t, 1, b.caughtUp(e).Generation)
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"), "other readers continue")
	require.Equal(t, 100, viewed())
	require.NoError(t, view.Commit(b.ctx()))
	b.ends(rebuild.ID, operator.RebuildDone)
	require.Equal(t, 2, b.caughtUp(e).Generation)
	require.Equal(t, "retired", b.state("tally", 1))
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"))
	require.Equal(t, 100, read())
	b.exec("update generations set retired_at = now() - interval '25 hours' where state = 'retired'")
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
	p.copying = copying.copying
	p.generation.Store(2)
	e := b.followEngine(p.projector())
	rebuild := b.request(tally{}.projector())
	<-copying.reached
	b.appendReadings(100, 110)
	b.caughtUp(e)
	copying.open()
	b.awaitRebuild(rebuild.ID, func(r operator.Rebuild) bool { return strings.Contains(r.Error, "behind the live ones") })
	require.Equal(t, 1, b.liveAt("tally"))
	p.gate.open()
	b.ends(rebuild.ID, operator.RebuildDone)
	require.Equal(t, 110, b.count("select count(*) from lb_tally_v1.tally"))
}

// Retired generations and earlier versions are kept for a day.
func TestOldGenerationsAreDropped(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	old := b.engine(tally{}.projector())
	stop := b.follow(old)
	b.ends(b.request(tally{}.projector()).ID, operator.RebuildDone)
	list, err := projections.Generations(b.ctx(), b.db.Pool)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []operator.State{projections.StateRetired, projections.StateLive}, []operator.State{list[0].State, list[1].State})
	require.Positive(t, list[0].Bytes)
	require.Positive(t, list[1].Bytes)
	exists := func(schema string) bool {
		return b.count("select count(*) from pg_namespace where nspname = $1", schema) == 1
	}
	b.exec("update generations set retired_at = now() - interval '23 hours' where state = 'retired'")
	newer := b.followEngine(version2{tally{}.projector()}.projector())
	b.shows("tally", "lb_tally_v2")
	require.True(t, exists("lb_tally_g1"))
	b.exec("update generations set retired_at = now() - interval '25 hours' where state = 'retired'")
	require.Eventually(t, func() bool { return !exists("lb_tally_g1") }, patience, tick)

	b.exec("update generations set live_at = now() - interval '25 hours' where version = 2")
	b.appendReadings(10, 20)
	b.caughtUp(newer)
	require.True(t, exists("lb_tally_v1"), "a process still folds it")
	stop()
	require.Eventually(t, func() bool { return !exists("lb_tally_g2") && !exists("lb_tally_v1") }, patience, tick)
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
