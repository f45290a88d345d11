package projections_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// A start with no generation rebuilds to the end offsets read at start, and is `building`
// until then: what is appended meanwhile neither holds it up nor makes it live early.
func TestBuildingUntilTheEndsReadAtStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for n := range 4 {
		b.append(postRead(1, n))
	}
	permits := make(chan struct{}, 100)
	e := b.engine(faulty{tally{}, func(ctx context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
		select {
		case <-permits:
			return next()
		case <-ctx.Done():
			return ctx.Err()
		}
	}}).InBatchesOf(1)
	b.start(e)
	b.awaitStatus(e, func(s projections.Status) bool { return s.Generation == 1 && s.Lag == 4 })
	b.append(postRead(1, 4), postRead(1, 5))
	for range 3 {
		permits <- struct{}{}
	}
	s := b.awaitStatus(e, func(s projections.Status) bool { return s.Lag == 3 })
	require.False(t, s.Live())
	require.Equal(t, projections.StateBuilding, s.State)
	permits <- struct{}{}
	s = b.awaitStatus(e, func(s projections.Status) bool { return s.Live() })
	require.Equal(t, int64(2), s.Lag, "live at the ends that were read at its start")
	permits <- struct{}{}
	permits <- struct{}{}
	b.caughtUp(e)
	b.eachOnce(6)
}

// every is all projections.
func every() []fold.Projector {
	return projectors.All(partitions[domain.TopicDashboards])
}

// mixture fills all topics, poison and races included.
func (b *bench) mixture() {
	for n := range 30 {
		b.append(postRead(int64(n%3+1), n+1), accountRead(int64(n%3+1), n+1), category(int64(n%4+1), fmt.Sprint("c", n)))
	}
	b.append(said(2, "b"), said(1, "late"), categoryErased(2), draft(domain.TopicOperations, agencyA, "op", domain.ProjectionPaused{Projection: "x", Reason: "y"}))
	b.put(withValue(b.encode(postRead(1, 99)), `{`))
	b.put(withHeader(b.encode(category(1, "z")), "ce_type", []byte("directory.new.v1")))
	a, other := b.chain(agencyA), b.chain(agencyB)
	for _, user := range []string{"u1", "u2", "u3", "u4"} {
		b.put(a.next(a.lost(client1, []string{"before " + user}, user)))
		loser := other.clone()
		b.put(other.next(other.lost(client2, []string{"before " + user, "other"}, user)))
		b.put(loser.next(loser.usersSet(client2, "loser")))
	}
	bad := b.put(a.spoilt(`{`))
	b.put(a.next(a.usersSet(client1, "u6")))
	b.put(a.next(skip(bad)))
	b.put(other.spoilt(`{`))
	b.put(other.next(other.lost(client2, []string{"behind"}, "u7")))
}

// Dropping what the engine knows and starting again gives the same tables and the same
// notices: the log is the truth.
func TestDroppedSchemaComesBackTheSame(t *testing.T) {
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
	notices := foldtest.Dump(t, b.db, "access_notices")
	require.Len(t, notices, 12)
	b.exec(`insert into kept.secrets values ('ref', 'key', 'sealed', now())`)
	b.exec(`insert into kept.notice_cursors values ($1, 'u1', 3, now())`, agencyA)
	kept := foldtest.Dump(t, b.db, "kept.secrets", "kept.notice_cursors")

	b.exec("drop schema lb_engine, lb cascade")
	require.NoError(t, migrations.Up(b.ctx(), b.db.URL))
	b.db.Pool.Reset() // prepared statements know the dropped tables
	require.Equal(t, before, everything())
	require.Equal(t, notices, foldtest.Dump(t, b.db, "access_notices"))
	require.Equal(t, kept, foldtest.Dump(t, b.db, "kept.secrets", "kept.notice_cursors"), "what the log does not hold outlives it")
}

// A checkpoint of a compacted topic that was idle longer than tombstones are kept is
// rebuilt, not resumed: what was erased meanwhile would stay for ever.
func TestIdleLongerThanTombstonesAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(category(1, "a"))
	e := b.engine(projectors.Directory{}).Looking(often, often, often)
	stop := b.follow(e)
	stop()
	b.exec("insert into tDefaultCategories values (77, 'its tombstone is compacted away', 'epoch')")
	idle := func(days int) {
		b.exec("update checkpoints set caught_up_at = now() - interval '1 day' * $1 where partition = 0 and state = 'live'", days)
	}
	idle(29)
	e = b.engine(projectors.Directory{}).Looking(often, often, often)
	stop = b.start(e)
	require.Equal(t, 1, b.caughtUp(e).Generation, "a day before that it is resumed")
	require.Equal(t, 2, b.count("select count(*) from tDefaultCategories"))
	stop()
	idle(31)
	e = b.engine(projectors.Directory{}).Looking(often, often, often)
	b.start(e)
	b.awaitStatus(e, func(s projections.Status) bool { return s.Generation == 2 })
	b.caughtUp(e)
	require.Equal(t, 1, b.count("select count(*) from tDefaultCategories where id = 1 and name = 'a'"))
	require.Zero(t, b.count("select count(*) from tDefaultCategories where id = 77"))
	require.Equal(t, 1, b.count("select count(*) from generations where state = 'dropped'"))
	b.awaitStatus(e, func(s projections.Status) bool { // a note of the engine may be in between
		idle(31)
		return s.Generation == 3
	})
	b.caughtUp(e)

	b.append(postRead(1, 1))
	b.run(b.engine(projectors.PostInsights{}))
	b.exec("update checkpoints set caught_up_at = now() - interval '3 years' where projection = 'post_insights'")
	b.append(postRead(1, 2))
	posts := b.engine(projectors.PostInsights{})
	b.start(posts)
	require.Equal(t, 1, b.caughtUp(posts).Generation, "nothing is compacted there")
}

// A log that has lost its beginning makes no read model: it is refused with what to do.
func TestLogWithoutItsBeginning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2))
	p := b.partitionOf(domain.TopicMetrics, "1")
	b.deleteBefore(domain.TopicMetrics, p, 1)
	e := b.engine(projectors.PostInsights{})
	b.start(e)
	s := b.awaitStatus(e, func(s projections.Status) bool { return strings.Contains(s.Problem, "first records are gone") })
	require.Contains(t, s.Problem, "restore the log from a backup")
	require.Zero(t, b.count("select count(*) from generations"))
	require.Zero(t, b.count("select count(*) from tSPostInsights"))
}

// deleteBefore makes a partition begin at an offset, as retention would.
func (b *bench) deleteBefore(topic string, partition int32, offset int64) {
	b.t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	_, err := b.admin.DeleteRecords(b.ctx(), offsets)
	require.NoError(b.t, err)
}
