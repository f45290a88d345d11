package projections_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// A skip is folded in bulk if it is before the rebuild's read of the log, otherwise by following.
func TestSkipDuringRebuildIsFolded(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]bool{"in the bulk": false, "after the bulk": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			g := b.newGate()
			l := live{b, b.chain(agencyA), b.startEngine(dashboards, func(c *projections.Config) {
				c.Log = hookedLog{Log: b.log, beforeScan: g.pass} // it knows the end of the log and has read nothing
			})}
			l.set("u1")
			l.put(l.spoilt(`{`))
			bad := l.head.Version
			l.put(l.spoilt(`[`))
			second := l.head.Version
			l.set("u3")
			if !during {
				l.put(l.next(skip(bad)))
			}
			r := l.request(dashboards)
			<-g.reached
			if during {
				l.put(l.next(skip(bad)))
			}
			l.put(l.next(skip(second)))
			const usersIn = "select count(*) from lb_dashboards_g%d.dashboard_preferences where users = '{%s}'"
			require.Equal(t, 1, l.count(fmt.Sprintf(usersIn, 1, "u3")), "live projection goes on")
			g.open()
			l.ends(r.ID, operator.StateLive)
			require.Equal(t, 2, l.caughtUp(l.engine).Generation)
			l.sameTables(dashboards, 2, l.another(l.engine))
			require.Zero(t, l.count("select count(*) from dead_letters where generation = 2"))
			l.set("u4")
			require.Equal(t, 1, l.count(fmt.Sprintf(usersIn, 2, "u4")))
		})
	}
}

// The switch does not wait for positions of a log that is gone.
func TestSwitchIgnoresPositionsOfReplacedLog(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	b.run(b.engine(tally))
	b.recreate(domain.TopicMetrics)
	b.appendReadings(500, 520)
	e := b.startEngine(tally)
	b.awaitStatus(e, func(s operator.Projection) bool { return len(e.NotFollowed()) == len(s.Partitions) })
	b.ends(b.request(tally).ID, operator.StateLive)
	require.Equal(t, 2, b.liveAt("tally"))
	require.Equal(t, 20, b.count("select count(*) from lb_tally_g2.tally"))
}

// With concurrent writes, and with poison, races and operators' records in the log.
func TestRebuiltTablesEqualLiveTables(t *testing.T) {
	t.Parallel()
	for _, p := range every() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.mixture()
			e := b.followEngine(p)
			stop := b.traffic()
			done := b.ends(b.request(p).ID, operator.StateLive)
			stop()
			require.Positive(t, done.EventsTotal, "it was copied, not only followed")
			require.Equal(t, 2, b.caughtUp(e).Generation)
			b.sameTables(p, 2, b.another(e)) // which is followed from the beginning
			// The new generation has one month more if a month ends in the meantime.
			const indexes = `select count(*) from pg_index i join pg_class c on c.oid = i.indrelid
				where c.relnamespace = to_regnamespace('lb_' || $1 || $2) and not c.relispartition`
			require.Equal(t, b.count(indexes, p.Name, "_g3"), b.count(indexes, p.Name, "_g2"), "all keys and indexes exist")
			b.awaitDropped(p.Name, 1)
			require.NoError(t, b.generations().Cancel(b.ctx(), p.Name+".g3"))

			r := b.request(p)
			b.awaitBuild(r.ID, func(g operator.Generation) bool { return g.StartedAt != nil })
			if err := b.generations().Cancel(b.ctx(), r.ID); err == nil { // otherwise it had already ended
				done = b.awaitBuild(r.ID, func(g operator.Generation) bool { return !g.Unfinished() })
				require.Equal(t, operator.StateDropped, done.State, "%s", done.Error)
				require.Equal(t, 2, b.caughtUp(e).Generation, "the live generation stays")
			}
		})
	}
}

// The next version continues from tables that were built in bulk next to the live ones.
func TestPreparedGenerationDoesNotAffectReaders(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 100)
	old := b.followEngine(tally)
	b.shows("tally", "lb_tally_v1")

	r := b.request(version2(tally))
	stop := b.start(b.engine(version2(tally), b.ownLog))
	done := b.ends(r.ID, operator.StateLive)
	stop()
	require.Equal(t, 2, done.Generation)
	require.Equal(t, 2, b.count("select count(*) from generations"), "no other one is followed from the beginning")
	require.Equal(t, 1, b.liveAt("tally"))
	require.Equal(t, 2, b.count("select generation from generations where projection = 'tally' and version = 2 and state = 'live'"))
	require.Equal(t, 100, b.count("select count(*) from lb_tally_v1.tally"))
	b.shows("tally", "lb_tally_v1")
	b.sameTally(100, "lb_tally_g1", "lb_tally_g2")

	b.appendReadings(100, 150)
	b.caughtUp(old)
	newer := b.startEngine(version2(tally), b.ownLog)
	require.Equal(t, 2, b.caughtUp(newer).Generation)
	b.sameTally(150, "lb_tally_g1", "lb_tally_g2")
}

// A generation that is built in bulk before any other is live shows in the status, but is not read.
func TestFirstBuildIsNotReadUntilLive(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 50)
	r := b.request(tally)
	g := b.newGate()
	e := b.startEngine(copies(tally, g.copying))
	<-g.reached
	readers, versions := b.readers(tally), []fold.Projector{tally}
	live, err := projections.Live(b.ctx(), readers, versions)
	require.NoError(t, err)
	require.False(t, live)
	_, err = readers.Exec(b.ctx(), "select from tally")
	require.True(t, pg.IsMissing(err), "%v", err)
	s := b.status(e)
	require.Equal(t, 1, s.Generation)
	require.Equal(t, operator.StateBuilding, s.State)
	g.open()
	b.ends(r.ID, operator.StateLive)
	live, err = projections.Live(b.ctx(), readers, versions)
	require.NoError(t, err)
	require.True(t, live)
	var n int
	require.NoError(t, readers.QueryRow(b.ctx(), "select count(*) from tally").Scan(&n))
	require.Equal(t, 50, n)
}
