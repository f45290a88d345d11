package projections_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// restored is the topic that a restore has made.
var restored = eventlog.TopicID{9}

// moveTables makes all tables those of another topic, as a restore does.
func (b *bench) moveTables(to eventlog.TopicID) {
	b.t.Helper()
	b.exec("with moved as (update generations set topic_id = $1) update checkpoints set topic_id = $1", [16]byte(to))
}

// A checkpoint moves for who has read the topic that it is of, and for nobody else.
func TestACheckpointIsOfOneTopic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally{}))
	none, ours := eventlog.TopicID{}, eventlog.TopicID{1}
	for name, c := range map[string]struct {
		stored, read eventlog.TopicID
		state        string
		why          error
		after        eventlog.TopicID
	}{
		"the same topic":                                      {ours, ours, "live", nil, ours},
		"another topic":                                       {restored, ours, "live", projections.ErrOtherTopic, restored},
		"a row of before is taken":                            {none, ours, "live", nil, ours},
		"brokers that give no ids":                            {none, none, "live", nil, none},
		"brokers that give no ids any more":                   {ours, none, "live", projections.ErrOtherTopic, ours},
		"an older state was restored: the tables are no more": {restored, ours, "dropped", projections.ErrMoved, restored},
	} {
		b.exec(`update checkpoints set next_offset = 5, state = $1, topic_id = nullif($2, $3::uuid) where partition = 0`,
			c.state, [16]byte(c.stored), [16]byte(none))
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
}

// handing is a log whose followers hand over each batch as a test changes it.
type handing struct {
	*eventlog.Log
	over func(*eventlog.Batch)
}

func (l handing) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	f, err := l.Log.Follow(c)
	return handingFollower{f, l.over}, err
}

type handingFollower struct {
	eventlog.Follower
	over func(*eventlog.Batch)
}

func (f handingFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := f.Follower.Poll(ctx, wait)
	if err == nil && len(batch.Runs) > 0 {
		f.over(&batch)
	}
	return batch, err
}

// A process was frozen with records in its hands, and the log was restored meanwhile: it folds none of them, and says why.
func TestWhoHasReadBeforeARestoreFoldsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1))
	b.run(b.engine(tally{}))
	var once sync.Once
	frozen := b.engine(tally{}, func(c *projections.Config) {
		c.Log = handing{b.log, func(*eventlog.Batch) { once.Do(func() { b.moveTables(restored) }) }}
	})
	b.append(postRead(1, 2))
	b.start(frozen)
	b.awaitStatus(frozen, func(s projections.Status) bool { return len(frozen.NotFollowed()) == len(s.Partitions) })
	for _, reason := range frozen.NotFollowed() {
		require.Contains(t, reason, "another log: rebuild, or give this process the brokers that the tables are folded from")
	}
	b.eachOnce(1)
	require.Equal(t, 1, b.count("select sum(next_offset) from checkpoints"))
}

// Who copies for a rebuild when the log is restored rolls back what it has copied: the restored topic may end earlier.
func TestARebuildOfBeforeARestoreCopiesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 90)
	var once sync.Once
	e := b.engine(bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		once.Do(func() {
			b.exec(`
				with moved as (update generations set topic_id = $1 where generation = 2)
				update checkpoints set topic_id = $1 where generation = 2`, [16]byte(restored))
		})
		return nil
	}})
	b.follow(e)
	failed := b.ends(b.request("tally").ID, operator.RebuildFailed)
	require.Contains(t, failed.Error, "another log: rebuild")
	require.Equal(t, 1, b.liveAt("tally"))
	b.caughtUp(e)
	b.eachOnce(90)
}

// A parked event is folded again from the topic that it was parked of: at its offset in another one lies another record.
func TestAParkedEventOfAnotherTopicIsNotFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	eventType := domain.PostRead{}.EventType()
	b.append(postRead(1, 1))
	b.run(b.engine(projectors.PostInsights{}, b.olderBinary(domain.NewRegistry().Without(eventType))))
	before := b.parked("post_insights")
	require.Len(t, before, 1)
	b.moveTables(restored)
	e := b.engine(projectors.PostInsights{})
	_, err := e.RetryParked(b.ctx(), projections.ParkedFilter{})
	require.ErrorIs(t, err, projections.ErrOtherTopic)
	stop := b.start(e) // it would fold by itself what it knows now
	b.awaitStatus(e, func(s projections.Status) bool { return len(e.NotFollowed()) == len(s.Partitions) })
	stop()
	require.Equal(t, before, b.parked("post_insights"))
}
