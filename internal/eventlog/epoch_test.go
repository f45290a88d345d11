package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// otherKey is one that nobody else has.
func otherKey(t testing.TB) eventlog.TagKey {
	t.Helper()
	key, err := eventlog.ParseTagKeys(strings.Repeat("ab", eventlog.TagKeySize))
	require.NoError(t, err)
	return key
}

// start opens the log as another process would.
func (b *bench) start(t testing.TB, change ...func(*eventlog.Config)) (*eventlog.Log, error) {
	t.Helper()
	cfg := b.cfg
	for _, c := range change {
		c(&cfg)
	}
	log, err := eventlog.Open(testContext(t), cfg)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, log.Close()) })
	}
	return log, err
}

func tagging(key eventlog.TagKey) func(*eventlog.Config) {
	return func(c *eventlog.Config) { c.TagKey = key }
}

func existing(c *eventlog.Config) { c.Existing = true }

// knowing is a process whose database has a copy of an epoch.
func knowing(epoch eventlog.Epoch) func(*eventlog.Config) {
	return func(c *eventlog.Config) {
		c.KnownEpoch = func(context.Context) (eventlog.Epoch, error) { return epoch, nil }
	}
}

// notBegun has topics and no epoch: what a process without a key leaves.
func notBegun(t testing.TB, opts ...kfake.Opt) (*bench, *kfake.Cluster) {
	t.Helper()
	cluster, brokers := newCluster(t, opts...)
	b := setup(t, brokers, tagging(eventlog.TagKey{}))
	require.Zero(t, b.Epoch())
	b.cfg.TagKey = tags.Key()
	return b, cluster
}

// epochs are the well-formed records of epochs in the log, tagged or not by whomever.
func (b *bench) epochs(t testing.TB) (said []domain.EpochBegun) {
	t.Helper()
	log, err := b.start(t, tagging(eventlog.TagKey{}))
	require.NoError(t, err)
	ranges, _, err := log.Ranges(testContext(t), domain.TopicOperations)
	require.NoError(t, err)
	from := map[int32]int64{0: ranges[0].Start}
	for _, r := range scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicOperations, From: from})[0] {
		recorded, err := log.Decode(r)
		require.NoError(t, err)
		if epoch, ok := recorded.Data.(domain.EpochBegun); ok {
			said = append(said, epoch)
		}
	}
	return said
}

// say puts a record of an epoch into the log that a holder of a key could write, for a log of that id.
func (b *bench) say(t testing.TB, key eventlog.TagKey, said, taggedFor eventlog.LogID) {
	t.Helper()
	d := paused(0)
	d.Data = domain.EpochBegun{Log: said.String(), Key: key.ID()}
	r, err := b.Codec().Encode(d)
	require.NoError(t, err)
	r = eventlog.NewTagger(key, taggedFor).Tag(r)
	b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers})
}

// The first start gives a log its id; every later one finds it, whether the first has ended well or not.
func TestTheFirstStartBeginsALog(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	epoch := b.Epoch()
	require.NotZero(t, epoch.Log)
	require.Equal(t, tags.Key().ID(), epoch.Key)
	for range 2 {
		log, err := b.start(t)
		require.NoError(t, err)
		require.Equal(t, epoch, log.Epoch())
	}
	require.Equal(t, []domain.EpochBegun{{Number: 0, Log: epoch.Log.String(), Key: epoch.Key}}, b.epochs(t))
	require.NotEqual(t, epoch.Log, setup(t, brokers).Epoch().Log, "another log of the same key has another id")
}

// Of several first processes the record that the log has first counts for all.
func TestFirstStartsThatRaceTakeOneEpoch(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	epochs := make([]eventlog.Epoch, 8)
	var starting sync.WaitGroup
	for i := range epochs {
		starting.Go(func() {
			log, err := eventlog.Open(testContext(t), b.cfg)
			if err == nil {
				epochs[i] = log.Epoch()
				_ = log.Close()
			}
		})
	}
	starting.Wait()
	require.NotZero(t, epochs[0])
	for _, epoch := range epochs {
		require.Equal(t, epochs[0], epoch)
	}
	require.Equal(t, epochs[0].Log.String(), b.epochs(t)[0].Log)
}

// A first start that ends before it appends leaves nothing, and one that ends before it heard of its record leaves that: the next start takes it.
func TestAFirstStartThatIsCut(t *testing.T) {
	t.Parallel()
	b, cluster := notBegun(t)
	away := errors.New("the database is away")
	_, err := b.start(t, func(c *eventlog.Config) {
		c.KnownEpoch = func(context.Context) (eventlog.Epoch, error) { return eventlog.Epoch{}, away }
	})
	require.ErrorIs(t, err, away)
	require.Empty(t, b.epochs(t))

	held, release := holdProduce(t, cluster, b.wire(domain.TopicOperations))
	ctx, cancel := context.WithCancel(testContext(t))
	go func() {
		<-held
		cancel()
		release()
	}()
	_, err = eventlog.Open(ctx, b.cfg)
	require.ErrorIs(t, err, context.Canceled) // where the answer was quicker than the end: in what comes after the append
	b.awaitEnd(t, domain.TopicOperations, 0, 1)
	log, err := b.start(t)
	require.NoError(t, err)
	require.Len(t, b.epochs(t), 1)
	require.Equal(t, log.Epoch().Log.String(), b.epochs(t)[0].Log)
}

// Copies and later records of an epoch say nothing, and one that names a log which its tag is not of is nobody's.
func TestTheFirstEpochCounts(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	one, two, three := eventlog.LogID{1}, eventlog.LogID{2}, eventlog.LogID{3}
	b.say(t, tags.Key(), three, two) // foreign to all
	b.say(t, tags.Key(), one, one)
	b.say(t, tags.Key(), two, two)
	b.say(t, tags.Key(), one, one)
	log, err := b.start(t)
	require.NoError(t, err)
	require.Equal(t, eventlog.Epoch{Log: one, Key: tags.Key().ID()}, log.Epoch())
	require.Len(t, b.epochs(t), 4, "nothing was appended")
	for _, reader := range []func(*eventlog.Config){existing, knowing(eventlog.Epoch{Log: two, Key: tags.Key().ID()})} {
		log, err = b.start(t, reader)
		require.NoError(t, err)
		require.Equal(t, one, log.Epoch().Log, "the log goes before the copy, which assembly compares with it")
	}
}

// What somebody without a key put into an empty log is no reason not to start; what looks tagged may be the log of others.
func TestPlantedRecordsBeforeTheFirstStart(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	b.produce(t, domain.TopicMetrics, 0, kgo.Record{Key: []byte("x"), Value: []byte("{}")})
	plain, err := b.Codec().Encode(paused(1))
	require.NoError(t, err)
	b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: plain.Key, Value: plain.Value, Headers: plain.Headers})
	begun := paused(2)
	begun.Data = domain.EpochBegun{Log: eventlog.LogID{9}.String(), Key: tags.Key().ID()}
	plain, err = b.Codec().Encode(begun)
	require.NoError(t, err)
	b.produce(t, domain.TopicOperations, 0, kgo.Record{Key: plain.Key, Value: plain.Value, Headers: plain.Headers})
	log, err := b.start(t)
	require.NoError(t, err)
	require.NotEqual(t, eventlog.LogID{9}, log.Epoch().Log)
	require.Len(t, scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicOperations})[0], 1, "its own epoch")

	b, _ = notBegun(t)
	b.produce(t, domain.TopicMetrics, 4, b.forgeFor(t, eventlog.LogID{7}, postRead(b.keyOf(t, 4), 1)))
	_, err = b.start(t)
	require.ErrorIs(t, err, eventlog.ErrOtherKey)
	require.ErrorContains(t, err, "metrics, partition 4, offset 0")
	require.Zero(t, b.end(t, domain.TopicOperations, 0), "nothing was appended")
}

// A process with another key learns that before it appends, also where nothing but the log can tell it.
func TestAnotherKeyIsNoticed(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	end := b.end(t, domain.TopicOperations, 0)
	for _, looking := range []bool{false, true} {
		_, err := b.start(t, tagging(otherKey(t)), func(c *eventlog.Config) { c.Existing = looking })
		require.ErrorIs(t, err, eventlog.ErrOtherKey)
		require.ErrorContains(t, err, otherKey(t).ID())
		require.ErrorContains(t, err, tags.Key().ID(), "it is named in the record of the epoch")
		require.ErrorContains(t, err, "LEDGERBOARD_TAG_KEYS")
	}
	require.Equal(t, end, b.end(t, domain.TopicOperations, 0))
}

// Two first processes with different keys: the one whose record is the later one ends, unless its database knows better.
func TestTwoKeysThatBeginALog(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	mine := eventlog.Epoch{Log: eventlog.LogID{1}, Key: tags.Key().ID()}
	b.say(t, otherKey(t), eventlog.LogID{2}, eventlog.LogID{2})
	b.say(t, tags.Key(), mine.Log, mine.Log)
	_, err := b.start(t)
	require.ErrorIs(t, err, eventlog.ErrOtherKey)
	require.ErrorContains(t, err, "operations, partition 0, offset 0")
	log, err := b.start(t, tagging(otherKey(t)))
	require.NoError(t, err)
	require.Equal(t, eventlog.LogID{2}, log.Epoch().Log)
	log, err = b.start(t, knowing(mine))
	require.NoError(t, err)
	require.Equal(t, mine, log.Epoch())
}

// The record was lost: the database's copy counts, and is written to the log again. Without one nobody can tell whose the records are.
func TestALostEpochIsTheDatabases(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	epoch := b.Epoch()
	account := b.keyOf(t, 4)
	require.NoError(t, b.Append(testContext(t), postRead(account, 1)))
	b.deleteBefore(t, domain.TopicOperations, 0, b.end(t, domain.TopicOperations, 0))
	_, err := b.start(t)
	require.ErrorIs(t, err, eventlog.ErrOtherKey)
	require.ErrorContains(t, err, "restore the database")
	_, err = b.start(t, knowing(eventlog.Epoch{Log: epoch.Log, Key: otherKey(t).ID()}))
	require.ErrorIs(t, err, eventlog.ErrOtherKey)
	require.ErrorContains(t, err, "the database says")

	log, err := b.start(t, knowing(epoch), existing)
	require.NoError(t, err)
	require.Equal(t, epoch, log.Epoch())
	require.Empty(t, b.epochs(t), "who only looks writes nothing")
	log, err = b.start(t, knowing(epoch))
	require.NoError(t, err)
	require.Equal(t, epoch, log.Epoch())
	require.Len(t, b.epochs(t), 1)
	log, err = b.start(t)
	require.NoError(t, err)
	require.Equal(t, epoch, log.Epoch())
	require.Len(t, scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[4], 1, "what was tagged before is ours still")
}

// A database's copy makes nobody start on a log that others have begun: a wrong address of the brokers would mix two logs. Only records of the
// copy's own log say that it is that one, whatever else was planted there.
func TestACopyDoesNotMakeAnotherLogOurs(t *testing.T) {
	t.Parallel()
	mine := eventlog.Epoch{Log: eventlog.LogID{1}, Key: tags.Key().ID()}
	_, brokers := newCluster(t)
	others := setup(t, brokers, tagging(otherKey(t)))
	sameKey, _ := notBegun(t)
	sameKey.produce(t, domain.TopicMetrics, 4, sameKey.forgeFor(t, eventlog.LogID{7}, postRead(sameKey.keyOf(t, 4), 1)))
	for name, b := range map[string]*bench{"begun with another key": others, "records of another log": sameKey} {
		end := b.end(t, domain.TopicOperations, 0)
		for _, looking := range []bool{false, true} {
			_, err := b.start(t, tagging(tags.Key()), knowing(mine), func(c *eventlog.Config) { c.Existing = looking })
			require.ErrorIs(t, err, eventlog.ErrOtherKey, name)
			require.ErrorContains(t, err, mine.Log.String(), name)
			require.ErrorContains(t, err, "LEDGERBOARD_KAFKA_BROKERS", name)
		}
		require.Equal(t, end, b.end(t, domain.TopicOperations, 0), "nothing was appended: %s", name)

		b.produce(t, domain.TopicMetrics, 3, b.forgeFor(t, mine.Log, postRead(b.keyOf(t, 3), 1)))
		log, err := b.start(t, tagging(tags.Key()), knowing(mine))
		require.NoError(t, err, name)
		require.Equal(t, mine, log.Epoch(), name)
	}
}

// An empty log of a database that knows an epoch goes on under the same id: a restored, older log is no other one.
func TestAnEmptyLogOfAKnownEpoch(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	epoch := eventlog.Epoch{Log: eventlog.LogID{5}, Key: tags.Key().ID()}
	log, err := b.start(t, knowing(epoch))
	require.NoError(t, err)
	require.Equal(t, epoch, log.Epoch())
	require.Equal(t, epoch.Log.String(), b.epochs(t)[0].Log)
	failing := errors.New("no database")
	_, err = b.start(t, func(c *eventlog.Config) {
		c.KnownEpoch = func(context.Context) (eventlog.Epoch, error) { return eventlog.Epoch{}, failing }
	})
	require.NoError(t, err, "it is asked only when the log does not say it")
}

// Who only looks begins nothing, and neither does anybody in a log that would forget.
func TestWhoMayNotBegin(t *testing.T) {
	t.Parallel()
	b, _ := notBegun(t)
	log, err := b.start(t, existing)
	require.NoError(t, err)
	require.Zero(t, log.Epoch())
	require.ErrorIs(t, log.Append(testContext(t), paused(1)), eventlog.ErrNotBegun)

	alter(t, b, domain.TopicMetrics, "retention.ms", "1000")
	log, err = b.start(t, func(c *eventlog.Config) { c.Unsafe = func(error) {} })
	require.NoError(t, err)
	require.Zero(t, log.Epoch())
	require.Zero(t, b.end(t, domain.TopicOperations, 0))
}

// A process without the key reads what has some tag and can append nothing.
func TestWithoutAKeyNothingIsAppended(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	b := setup(t, brokers)
	account := b.keyOf(t, 4)
	require.NoError(t, b.Append(testContext(t), postRead(account, 1)))
	plain, err := b.Codec().Encode(postRead(account, 2))
	require.NoError(t, err)
	malformed := plain
	malformed.Headers = append(malformed.Headers, eventlog.Header{Key: "ce_tag", Value: []byte(strings.Repeat("!", 43))})
	for _, r := range []eventlog.Record{plain, malformed} {
		b.produce(t, domain.TopicMetrics, 4, kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	log, err := b.start(t, tagging(eventlog.TagKey{}))
	require.NoError(t, err)
	for _, err := range []error{log.Append(testContext(t), postRead(1, 2)), log.AppendBulk(testContext(t), []domain.Draft{postRead(1, 2)})} {
		require.ErrorIs(t, err, eventlog.ErrRefused)
		require.ErrorIs(t, err, eventlog.ErrNoTagKey)
		require.ErrorContains(t, err, "LEDGERBOARD_TAG_KEYS")
	}
	require.Len(t, scanAll(t, log, eventlog.ScanConfig{Topic: domain.TopicMetrics})[4], 1)
	require.Equal(t, int64(2), log.ForeignCounts()[domain.TopicMetrics])
	require.Zero(t, log.Epoch())
}
