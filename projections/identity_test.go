package projections_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// recreate deletes a topic and creates it again, as a careless operator might.
func (b *bench) recreate(topic string) {
	b.t.Helper()
	_, err := b.Admin.DeleteTopic(b.ctx(), topic)
	require.NoError(b.t, err)
	b.log = b.Open() // creates missing topics; the old client knows the old topic
}

func stopped(s operator.Projection) int {
	n := 0
	for _, p := range s.Partitions {
		if p.Stopped != "" {
			n++
		}
	}
	return n
}

// Another log under the same name is not folded into the tables of the first: its partitions stop,
// and Status says why.
func TestRecreatedTopicStopsPartitions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(2, 1), postRead(3, 1))
	e := b.followEngine(tally)
	b.recreate(domain.TopicMetrics)
	b.appendReadings(10, 90) // beyond every checkpoint
	s := b.awaitStatus(e, func(s operator.Projection) bool {
		return len(e.NotFollowed()) == len(s.Partitions) && stopped(s) == len(s.Partitions)
	})
	for _, p := range s.Partitions {
		require.Contains(t, p.Stopped, "the tables were built from another log")
		require.Contains(t, e.NotFollowed()[p.Partition], "the tables were built from another log")
	}
	b.eachOnce(3)
}

// Only the partition with missing records stops.
func TestLostRecordsStopTheirPartitionOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(2, 1))
	require.NotEqual(t, b.partitionOf(domain.TopicMetrics, "1"), b.partitionOf(domain.TopicMetrics, "2"))
	b.run(b.engine(tally))
	b.append(postRead(1, 2), postRead(1, 3), postRead(2, 2))
	lost := b.partitionOf(domain.TopicMetrics, "1")
	b.deleteBefore(domain.TopicMetrics, lost, 2)
	e := b.startEngine(tally)
	s := b.awaitStatus(e, func(s operator.Projection) bool { return len(e.NotFollowed()) == 1 && stopped(s) == 1 && s.Lag == 2 })
	require.Contains(t, s.Partitions[lost].Stopped, "required records are gone from the log")
	b.eachOnce(3)
}

// A process that only reads, without the role projector, detects another log too: it shows no lag.
func TestReadOnlyProcessDetectsOtherLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(2, 1))
	b.run(b.engine(tally))
	looker := b.engine(tally)
	p := b.partitionOf(domain.TopicMetrics, "1")
	b.exec("update checkpoints set next_offset = 5 where partition = $1", p)
	s := b.status(looker)
	require.Zero(t, s.Lag)
	require.Equal(t, 1, stopped(s))
	require.Equal(t, eventlog.ErrBeyondEnd.Error(), s.Partitions[p].Stopped)
	b.exec("update checkpoints set next_offset = 1 where partition = $1", p)
	b.append(postRead(1, 2), postRead(1, 3))
	b.deleteBefore(domain.TopicMetrics, p, 2)
	s = b.status(looker)
	require.Equal(t, eventlog.ErrBelowStart.Error(), s.Partitions[p].Stopped)
	b.recreate(domain.TopicMetrics)
	s = b.status(b.engine(tally))
	require.Zero(t, s.Lag)
	require.Len(t, s.Partitions, stopped(s))
	require.Equal(t, eventlog.ErrOtherLog.Error(), s.Partitions[p].Stopped)
}

// A paused projection folds nothing and reports it; not even a generation is created at its start.
// It continues without a restart.
func TestPausedProjectionFoldsNothingUntilResumed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var paused atomic.Bool
	paused.Store(true)
	e := b.engine(tally, waitingAtSwitch(&paused))
	isPaused := func(s operator.Projection) bool { return s.Problem == "projection is paused" }
	b.start(e)
	b.append(postRead(1, 1))
	b.awaitStatus(e, isPaused)
	require.Zero(t, b.count("select count(*) from generations"))
	paused.Store(false)
	s := b.status(e)
	require.Empty(t, s.Problem, "resumed, it is about to be folded")
	b.caughtUp(e)
	paused.Store(true)
	b.awaitStatus(e, isPaused)
	b.append(postRead(1, 2), postRead(2, 1))
	b.awaitStatus(e, func(s operator.Projection) bool { return s.Lag == 2 && isPaused(s) })
	require.Empty(t, b.group("tally.g1").Members, "its partitions are free for other processes")
	b.eachOnce(1)
	paused.Store(false)
	b.caughtUp(e)
	b.eachOnce(3)
}

// Lag is exact, in events and in time: end offset − next offset.
func TestLagIsExact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(2, 1))
	e := b.engine(tally)
	b.run(e)
	s := b.status(e)
	require.Zero(t, s.Lag)
	require.Zero(t, s.LagSeconds)
	one := b.partitionOf(domain.TopicMetrics, "1")
	require.Equal(t, day0, *s.Partitions[one].EventTime)
	b.append(postRead(1, 2), postRead(1, 3), postRead(1, 4), postRead(1, 5), postRead(1, 6), postRead(2, 2))
	b.exec("update checkpoints set progressed_at = now() - interval '1 hour' where partition = $1", one)
	s = b.status(e)
	require.Equal(t, int64(6), s.Lag)
	require.Equal(t, int64(5), s.Partitions[one].EndOffset-s.Partitions[one].NextOffset)
	require.Zero(t, s.LagSeconds, "an hour without records is not an hour of lag")
	standing := b.status(e)
	require.Positive(t, standing.LagSeconds)
	two := b.partitionOf(domain.TopicMetrics, "2")
	b.exec("update checkpoints set next_offset = next_offset + 1 where partition in ($1, $2)", one, two)
	moving := b.status(e)
	require.Equal(t, int64(4), moving.Lag)
	require.Zero(t, moving.LagSeconds, "it moves")
}

// A partition is added to a topic and written to: it is not followed and says why; the others
// continue.
func TestAddedPartitionIsNotFollowed(t *testing.T) {
	t.Parallel()
	b := setupReadings(t, 20)
	b.run(b.engine(tally))
	ranges, _, err := b.log.Ranges(b.ctx(), domain.TopicMetrics)
	require.NoError(t, err)
	added := int32(len(ranges))
	_, err = b.Admin.CreatePartitions(b.ctx(), 1, domain.TopicMetrics)
	require.NoError(t, err)
	b.Produce(b.encode(postRead(1, 900)), added)
	e := b.startEngine(tally)
	b.append(postRead(1, 901), postRead(2, 901), postRead(3, 901))
	ledgertest.Eventually(t, func() bool { return b.count("select count(*) from tally") == 23 })
	b.awaitStatus(e, func(s operator.Projection) bool {
		return len(s.Partitions) > int(added) && s.Partitions[added].Stopped != ""
	})
}

// restored is the topic that a restore created.
var restored = eventlog.TopicID{9}

// dropAll ends all generations, as a restore does.
func (b *bench) dropAll() {
	b.t.Helper()
	require.NoError(b.t, pgx.BeginFunc(b.ctx(), b.db.Pool, func(tx pgx.Tx) error {
		_, err := projections.DropAll(b.ctx(), tx)
		return err
	}))
}

// moveTables assigns all tables to another topic, as a restore does.
func (b *bench) moveTables(to eventlog.TopicID) {
	b.t.Helper()
	b.exec("with moved as (update generations set topic_id = $1) update checkpoints set topic_id = $1", [16]byte(to))
}

// Only a process that read the checkpoint's own topic can move a checkpoint.
func TestCheckpointIsBoundToTopicID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally))
	none, ours := eventlog.TopicID{}, eventlog.TopicID{1}
	for name, c := range map[string]struct {
		stored, read eventlog.TopicID
		why          error
		after        eventlog.TopicID
	}{
		"the same topic":                     {ours, ours, nil, ours},
		"another topic":                      {restored, ours, projections.ErrOtherTopic, restored},
		"a row without topic id is accepted": {none, ours, nil, ours},
		"brokers without ids":                {none, none, nil, none},
		"brokers that no longer report ids":  {ours, none, projections.ErrOtherTopic, ours},
	} {
		b.exec(`update checkpoints set next_offset = 5, topic_id = nullif($1, $2::uuid) where partition = 0`,
			[16]byte(c.stored), [16]byte(none))
		err := projections.Move(b.ctx(), b.db.Pool, "tally", 1, c.read, 0, 5, 7)
		require.ErrorIs(t, err, c.why, name)
		want := 5
		if c.why == nil {
			want = 7
		}
		require.Equal(t, want, b.count("select next_offset from checkpoints where partition = 0"), name)
		require.Equal(t, 1, b.count(`
			select count(*) from checkpoints where partition = 0 and coalesce(topic_id, $2) = $1`, [16]byte(c.after), [16]byte(none)), name)
	}
	b.dropAll() // an older state of the log was restored
	err := projections.Move(b.ctx(), b.db.Pool, "tally", 1, ours, 0, 5, 7)
	require.ErrorIs(t, err, projections.ErrMoved)
}

// A process was frozen with records in memory while the log was restored: it folds none of them,
// and says why.
func TestRecordsReadBeforeARestoreAreNotFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	b.run(b.engine(tally))
	frozen := b.engine(tally, func(c *projections.Config) {
		c.Log = hookedLog{Log: b.log, afterRecords: sync.OnceFunc(func() { b.moveTables(restored) })}
	})
	b.append(postRead(1, 2))
	b.start(frozen)
	b.awaitStatus(frozen, func(s operator.Projection) bool { return len(frozen.NotFollowed()) == len(s.Partitions) })
	for _, reason := range frozen.NotFollowed() {
		require.Contains(t, reason, "another log: configure the brokers of that log, or rebuild the tables")
	}
	b.eachOnce(1)
	require.Equal(t, 1, b.count("select sum(next_offset) from checkpoints"))
}
