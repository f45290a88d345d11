package eventlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ends are where all partitions of the log end.
func (b *bench) ends(t testing.TB) map[string][]int64 {
	t.Helper()
	ends := map[string][]int64{}
	for _, spec := range b.cfg.Topics {
		ranges, _, err := b.Ranges(testContext(t), spec.Name)
		require.NoError(t, err)
		for _, r := range ranges {
			ends[spec.Name] = append(ends[spec.Name], r.End)
		}
	}
	return ends
}

// next is the record of an epoch that follows the bench's newest from where the log ends now.
func (b *bench) next(t testing.TB, number int) domain.EpochBegun {
	t.Helper()
	return domain.EpochBegun{Number: number, Log: eventlog.NewLogID().String(), Key: tags.Key().ID(), Restored: &domain.LogRestored{
		Follows: b.Epoch().Number, From: b.ends(t), Backup: time.Now().UTC(), Time: time.Now().UTC(), Actor: "system:operator",
		Reason: domain.Reason{Code: domain.ReasonIncident},
	}}
}

// beginEpoch begins one as a restore does.
func (b *bench) beginEpoch(t testing.TB, begun domain.EpochBegun) error {
	t.Helper()
	target, err := eventlog.OpenTarget(testContext(t), b.cfg, b.Epochs())
	require.NoError(t, err)
	t.Cleanup(target.Close)
	return target.BeginEpoch(testContext(t), begun)
}

// likes are the records on metrics that count for a log.
func likes(t testing.TB, log *eventlog.Log) (found []eventlog.Record) {
	t.Helper()
	for _, records := range scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicMetrics}) {
		found = append(found, records...)
	}
	return found
}

// A record is judged by the list at its offset: what was there before an epoch counts for ever, what a process of before still writes counts for
// nobody but itself, and whoever starts finds the list in the log.
func TestARecordIsJudgedByTheListAtItsOffset(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	zombie := setup(t, brokers)
	require.NoError(t, zombie.Append(testContext(t), postRead(1, 1)))
	begun := zombie.next(t, 1)
	require.NoError(t, zombie.beginEpoch(t, begun))
	log, err := zombie.start(t)
	require.NoError(t, err)
	require.Equal(t, 1, log.Epoch().Number)
	require.Equal(t, begun.Log, log.Epoch().Log.String())
	require.Equal(t, []string{zombie.Epoch().Log.String(), begun.Log}, []string{log.Epochs()[0].Log, log.Epochs()[1].Log})
	require.Len(t, likes(t, log), 1, "the epoch before keeps its records")

	require.NoError(t, zombie.Append(testContext(t), postRead(1, 2)))
	require.NoError(t, log.Append(testContext(t), postRead(1, 3)))
	require.Len(t, likes(t, log), 2)
	require.Equal(t, int64(1), log.ForeignCounts()[domain.TopicMetrics], "the zombie's")
	require.Len(t, likes(t, zombie.Log), 2, "its own list says otherwise")

	further := (&bench{Log: log, cfg: zombie.cfg}).next(t, 3) // number 2 was withdrawn with its log
	require.NoError(t, (&bench{Log: log, cfg: zombie.cfg}).beginEpoch(t, further))
	last, err := zombie.start(t)
	require.NoError(t, err)
	require.Equal(t, 3, last.Epoch().Number)
	require.Len(t, likes(t, last), 2)
}

// What only looks like the record of the next epoch begins none.
func TestWhatBeginsNoEpoch(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	require.NoError(t, b.Append(testContext(t), postRead(1, 1)))
	plant := func(said domain.EpochBegun, key eventlog.TagKey, taggedFor string) {
		d := paused(0)
		d.Data = said
		r, err := b.Codec().Encode(d)
		require.NoError(t, err)
		id, err := eventlog.ParseLogID(taggedFor)
		require.NoError(t, err)
		r = eventlog.NewTagger(key, id).Tag(r)
		b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	for name, c := range map[string]struct {
		change func(*domain.EpochBegun)
		key    eventlog.TagKey
	}{
		"by a stranger":                  {func(*domain.EpochBegun) {}, otherKey(t)},
		"at another offset than it says": {func(e *domain.EpochBegun) { e.Restored.From[domain.TopicOperations][0]-- }, tags.Key()},
		"of the same number":             {func(e *domain.EpochBegun) { e.Number, e.Restored = 0, nil }, tags.Key()},
		"that no restore has begun":      {func(e *domain.EpochBegun) { e.Restored = nil }, tags.Key()},
		"behind one that is not there":   {func(e *domain.EpochBegun) { e.Number, e.Restored.Follows = 3, 2 }, tags.Key()},
	} {
		said := b.next(t, 1)
		c.change(&said)
		plant(said, c.key, said.Log)
		log, err := b.start(t)
		require.NoError(t, err, name)
		require.Equal(t, b.Epoch(), log.Epoch(), name)
	}
	said := b.next(t, 1)
	plant(said, tags.Key(), b.Epoch().Log.String())
	log, err := b.start(t)
	require.NoError(t, err)
	require.Equal(t, b.Epoch(), log.Epoch(), "tagged for the log of before")

	begun := b.next(t, 1)
	require.NoError(t, b.Append(testContext(t), paused(1)), "something else writes there")
	require.ErrorContains(t, b.beginEpoch(t, begun), "something else writes there")
	log, err = b.start(t)
	require.NoError(t, err)
	require.Equal(t, b.Epoch(), log.Epoch())
}

// What counts of a key is appended again once, also when the record that lay under another is of an epoch before: a tag that was made anew since is no
// other content.
func TestWhatCountsIsAppendedAgainOnceAcrossEpochs(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	d := eventlog.HeartbeatDraft(domain.TopicDirectory, 0, 2, noon)
	require.NoError(t, b.Append(testContext(t), d))
	r, err := b.Codec().Encode(d)
	require.NoError(t, err)
	b.produce(t, domain.TopicDirectory, 0, kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers}) // no tag: foreign
	require.NoError(t, b.beginEpoch(t, b.next(t, 1)))
	log, err := b.start(t)
	require.NoError(t, err)
	for turn, want := range []int{1, 0, 0} {
		appended, err := log.AppendAgain(testContext(t), domain.TopicDirectory, nil, []string{d.Key})
		require.NoError(t, err)
		require.Equal(t, want, appended, "turn %d", turn)
	}
}
