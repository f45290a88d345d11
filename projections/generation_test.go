package projections_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Records that are appended while tables are built neither delay them nor make them live early.
func TestBuildEndsAtLogEndReadAtStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 0), postRead(1, 1), postRead(1, 2), postRead(1, 3))
	permits := make(chan struct{}, 100)
	e := b.engine(writes(tally, func(ctx context.Context, f folded) error {
		select {
		case <-permits:
			return f.next()
		case <-ctx.Done():
			return ctx.Err()
		}
	})).InBatchesOf(1)
	b.start(e)
	b.awaitStatus(e, func(s operator.Projection) bool { return s.Generation == 1 && s.Lag == 4 })
	b.append(postRead(1, 4), postRead(1, 5))
	for range 3 {
		permits <- struct{}{}
	}
	s := b.awaitStatus(e, func(s operator.Projection) bool { return s.Lag == 3 })
	require.False(t, s.Live())
	require.Equal(t, operator.StateCatchingUp, s.State)
	permits <- struct{}{}
	s = b.awaitStatus(e, func(s operator.Projection) bool { return s.Live() })
	require.Equal(t, int64(2), s.Lag, "live at the ends that were read at its start")
	permits <- struct{}{}
	permits <- struct{}{}
	b.caughtUp(e)
	b.eachOnce(6)
}

// every returns all projections.
func every() []fold.Projector {
	return projectors.All()
}

// mixture fills all topics, including poison and races.
func (b *bench) mixture() {
	for n := range 30 {
		b.append(postRead(int64(n%3+1), n+1), accountRead(int64(n%3+1), n+1), category(int64(n%4+1), fmt.Sprint("c", n)))
	}
	b.append(listed(2, "b"), listed(1, "late"), categoryErased(2), draft(domain.TopicOperations, agencyA, "op", domain.OperatorFinished{Of: "y"}))
	b.put(withValue(b.encode(postRead(1, 99)), `{`))
	b.put(withHeader(b.encode(category(1, "z")), "ce_type", []byte("directory.new.v1")))
	a, other := b.chain(agencyA), b.chain(agencyB)
	for _, user := range []string{"u1", "u2", "u3", "u4"} {
		b.put(a.next(a.lost(client1, []string{"before " + user}, user)))
		loser := other.clone()
		b.put(other.next(other.lost(client2, []string{"before " + user, "other"}, user)))
		b.put(loser.next(loser.usersSet(client2, "loser")))
	}
	b.put(a.spoilt(`{`))
	b.put(a.next(skip(a.head.Version)))
	b.put(a.next(a.usersSet(client1, "u6")))
	b.put(other.spoilt(`{`))
	b.put(other.next(other.lost(client2, []string{"behind"}, "u7")))
}

// The log is the only source of truth: everything else can be dropped.
func TestDroppedSchemasAreRebuiltFromLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mixture()
	everything := func() []string {
		var all []string
		for _, p := range every() {
			b.run(b.engine(p))
			all = append(all, state(t, b.db, p)...)
		}
		return all
	}
	before := everything()
	require.NotEmpty(t, before)
	notices := ledgertest.Dump(t, b.db, "access_notices")
	require.Len(t, notices, 12)
	b.exec(`insert into kept.secrets values ('ref', 'key', 'sealed', now())`)
	b.exec(`insert into kept.notice_cursors values ($1, 'u1', 3, now())`, agencyA)
	kept := ledgertest.Dump(t, b.db, "kept.secrets", "kept.notice_cursors")

	b.exec("drop schema lb_engine, lb cascade")
	require.NoError(t, migrations.Up(b.ctx(), b.db.URL))
	b.db.Pool.Reset() // prepared statements refer to the dropped tables
	require.Equal(t, before, everything())
	require.Equal(t, notices, ledgertest.Dump(t, b.db, "access_notices"))
	require.Equal(t, kept, ledgertest.Dump(t, b.db, "kept.secrets", "kept.notice_cursors"), "schema kept is not dropped")
}

// Entities that were erased while a compacted topic was not followed would remain forever.
func TestTablesIdleLongerThanTombstonesAreRebuilt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	b.run(b.engine(projectors.Directory).Looking(often, often, often))
	b.exec("insert into tDefaultCategories values (77, 'its tombstone is compacted away', 'epoch')")
	idle := func(generation, days int) {
		b.exec("update checkpoints set caught_up_at = now() - interval '1 day' * $2 where partition = 0 and generation = $1", generation, days)
	}
	idle(1, 29)
	e := b.engine(projectors.Directory).Looking(often, often, often)
	stop := b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation, "a day before the limit it is resumed")
	require.Equal(t, 2, b.count("select count(*) from tDefaultCategories"))
	stop()
	idle(1, 31)
	e = b.engine(projectors.Directory).Looking(often, often, often)
	b.start(e)
	b.awaitStatus(e, func(s operator.Projection) bool { return s.Generation == 2 })
	b.caughtUp(e)
	require.Equal(t, 1, b.count("select count(*) from tDefaultCategories where id = 1 and name = 'a'"))
	require.Zero(t, b.count("select count(*) from tDefaultCategories where id = 77"))
	require.Equal(t, 1, b.count("select count(*) from generations where state = 'failed'"))
	b.awaitStatus(e, func(s operator.Projection) bool { // a note of the engine may come in between
		idle(2, 31)
		return s.Generation == 3
	})
	b.caughtUp(e)

	b.append(postRead(1, 1))
	b.run(b.engine(projectors.PostInsights))
	b.exec("update checkpoints set caught_up_at = now() - interval '3 years' where projection = 'post_insights'")
	b.append(postRead(1, 2))
	posts := b.startEngine(projectors.PostInsights)
	require.Equal(t, 1, b.caughtUp(posts).Generation, "the topic is not compacted")
}

// A log without its beginning builds no read model: the error says what to do.
func TestLogWithoutFirstRecordsIsNotFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2))
	p := b.partitionOf(domain.TopicMetrics, "1")
	b.deleteBefore(domain.TopicMetrics, p, 1)
	e := b.startEngine(projectors.PostInsights)
	s := b.awaitStatus(e, func(s operator.Projection) bool { return strings.Contains(s.Problem, "first records are missing") })
	require.Contains(t, s.Problem, "restore the log from a backup")
	require.Zero(t, b.count("select count(*) from generations"))
}

// deleteBefore makes a partition begin at an offset, as retention would.
func (b *bench) deleteBefore(topic string, partition int32, offset int64) {
	b.t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	_, err := b.Admin.DeleteRecords(b.ctx(), offsets)
	require.NoError(b.t, err)
}

// Tables are dropped while no process folds: processes that only read detect it too.
func TestMissingTablesAreRebuilt(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]string{"a schema": "drop schema lb_tally_g1 cascade", "a table": "drop table lb_tally_g1.aside cascade"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupReadings(t, 50)
			b.run(b.engine(twoTables(tally)))
			reader := b.engine(twoTables(tally), b.ownLog)
			s := b.caughtUp(reader)
			require.Empty(t, s.TablesGone)
			b.exec(drop)
			s = b.status(reader)
			require.Contains(t, s.TablesGone, "aside")
			require.True(t, s.Live(), "the engine's own tables do not reflect it yet")

			g := b.newGate()
			b.startEngine(twoTables(tally), func(c *projections.Config) { c.Log = hookedLog{Log: c.Log, beforeFollow: g.pass} })
			<-g.reached
			s = b.awaitStatus(reader, func(s operator.Projection) bool { return s.Generation == 2 })
			require.False(t, s.Live())
			require.True(t, s.Rebuilding)
			require.Empty(t, s.TablesGone)
			g.open()
			s = b.caughtUp(reader)
			require.False(t, s.Rebuilding)
			b.exec(strings.Replace(drop, "g1", "g2", 1)) // under the process that folds
			b.awaitStatus(reader, func(s operator.Projection) bool { return s.Generation == 3 })
			b.caughtUp(reader)
			b.db.Pool.Reset() // prepared statements refer to the dropped tables
			b.eachOnce(50)
		})
	}
}

// A definition that never passes the check does not fill the disk, and the status has the reason.
func TestFailingGenerationsAreNotRecreatedEndlessly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := tally
	p.Tables = append(p.Tables, "absent")
	e := b.engine(p)
	looked := e.Signal("sessions")
	b.start(e)
	s := b.awaitStatus(e, func(s operator.Projection) bool {
		return strings.Contains(s.Problem, "generations failed within an hour")
	})
	require.Contains(t, s.Problem, "tables are missing: absent")
	require.NoError(t, looked(b.ctx()))
	require.Equal(t, 3, b.count("select count(*) from generations"))

	// When the time has come, the next one is created.
	b.exec("update generations set ended_at = ended_at - interval '11 seconds'")
	ledgertest.Eventually(t, func() bool { return b.count("select count(*) from generations") == 4 })
}

// Tables and checkpoints are set back under the process that follows them, as by a fail-over.
func TestTablesSetBackByFailoverAreFoldedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.startEngine(tally)
	b.appendReadings(0, 6)
	b.caughtUp(e)
	b.eachOnce(6)
	b.exec("with moved as (update checkpoints set next_offset = 0 where projection = 'tally') delete from tally")
	ledgertest.Eventually(t, func() bool { return b.count("select count(*) from tally") == 6 })
	b.caughtUp(e)
	b.eachOnce(6)
	b.append(postRead(1, 6))
	b.caughtUp(e)
	b.eachOnce(7)
}

// The tables of an unusable generation are dropped, even if another one can be followed.
func TestUnusableTablesAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	first := b.engine(projectors.Directory)
	stop := b.follow(first)
	require.Equal(t, 2, b.another(first))
	ledgertest.Eventually(t, func() bool { return b.count("select count(*) from lb_directory_g2.tDefaultCategories") == 1 })
	stop()
	b.exec("update checkpoints set caught_up_at = now() - interval '31 days' where generation = 1")
	b.exec(`update generations set targets = '{"0": 0}' where generation = 2`)
	e := b.startEngine(projectors.Directory)
	ledgertest.Eventually(t, func() bool { // the other one may go live before the first is found unusable
		return slices.Contains([]string{"failed", "dropped"}, b.state("directory", 1))
	})
	b.awaitDropped("directory", 1)
	require.Equal(t, 2, b.caughtUp(e).Generation)
}

// group describes the consumer group of a generation: dead if the broker does not know it.
func (b *bench) group(generation string) kadm.DescribedGroup {
	b.t.Helper()
	name := "ledgerboard." + generation + "." + b.text("select database_id::text from identity")
	groups, err := b.Admin.DescribeGroups(b.ctx(), name)
	require.NoError(b.t, err)
	return groups[name]
}

// Attaching a month while a report reads the table would queue every other reader after it.
func TestAttachingMonthWaitsForLongReports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(accountRead(1, 1))
	b.run(b.engine(projectors.AccountInsights))
	b.exec("drop table " + b.text(`
		select inhrelid::regclass::text from pg_inherits where inhparent = 'lb_account_insights_g1.account_readings'::regclass
		order by 1 desc offset 1 limit 1`))
	report, err := b.db.Pool.Begin(b.ctx())
	require.NoError(t, err)
	defer func() { _ = report.Rollback(context.Background()) }()
	_, err = report.Exec(b.ctx(), "select count(*) from lb_account_insights_g1.tSAccountIns")
	require.NoError(t, err)
	e := b.startEngine(projectors.AccountInsights)
	b.append(accountRead(1, 2))
	b.caughtUp(e) // next to the report
	require.Equal(t, 2, b.count("select count(*) from tSAccountIns"))
}

// The list of generations answers while a build holds the lock under which it creates keys.
func TestGenerationsAreListedWhileKeysAreCreated(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 10)
	e := b.engine(tally)
	b.run(e)
	number := b.another(e)
	b.exec("update generations set state = 'building' where generation = $1", number)
	err := pgx.BeginFunc(b.ctx(), b.db.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.ctx(), fmt.Sprintf("lock table lb_tally_g%d.tally in access exclusive mode", number)); err != nil {
			return err
		}
		all, err := b.generations().List(b.ctx())
		require.Len(t, all, 2)
		require.Positive(t, all[1].Bytes)
		require.Len(t, b.status(e).Building, 1)
		return err
	})
	require.NoError(t, err)
}
