package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Every projection gives the same digests, table by table and tenant by tenant, whatever order its topic leaves open and however often
// a record comes: readings in any order; of the other topics the streams mixed in any way, each in its own order, with a repetition
// before the next record of the stream, on dashboards also long after it.
func TestEveryProjectionFoldsAnyOrderWithDuplicates(t *testing.T) {
	t.Parallel()
	topics := testTopics(t)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	frozen := frozenLogs(t, codec)
	for _, p := range every() {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			streams := streamsOf(frozen[p.Topic()])
			if p.Topic() == domain.TopicDashboards { // the frozen one has skips, which name positions
				streams = honestStreams(codec)
			}
			random := rand.New(rand.NewPCG(11, 12))
			inOrder := newMemLog(codec, p.Topic())
			for _, r := range mixed(random, streams) {
				inOrder.put(r)
			}
			live := folding{db: pgtest.New(t), topics: topics, projector: p}
			live.run(t, &reader{memLog: inOrder})
			want := digestsOf(t, &live)
			other := folding{db: pgtest.New(t), topics: topics, projector: p}
			for round := range 3 {
				log := newMemLog(codec, p.Topic())
				for _, r := range disordered(random, p.Topic(), streams) {
					log.put(r)
				}
				require.Greater(t, records(log), records(inOrder), "some come twice")
				other.run(t, log.reader(uint64(round)))
				require.Equal(t, want, digestsOf(t, &other), "round %d", round)
			}
		})
	}
}

// digestsOf are the digests of all tables that a fold has made, by table and tenant; every table has rows.
func digestsOf(t *testing.T, f *folding) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, table := range f.projector.Tables() {
		digests, err := projections.Digests(context.Background(), f.db.Pool, f.projector.Name(), 1, table)
		require.NoError(t, err)
		require.NotEmpty(t, digests, table)
		all[table] = digests
	}
	return all
}

func records(l *memLog) (n int) {
	for _, of := range l.partitions {
		n += len(of)
	}
	return n
}

// streamsOf are the records of a log by key, each in its order.
func streamsOf(l *memLog) (streams [][]eventlog.Record) {
	at := map[string]int{}
	for _, partition := range l.partitions {
		for _, r := range partition {
			i, known := at[string(r.Key)]
			if !known {
				i = len(streams)
				at[string(r.Key)], streams = i, append(streams, nil)
			}
			streams[i] = append(streams[i], r)
		}
	}
	return streams
}

// honestStreams are changes of three agencies, with races that were lost.
func honestStreams(codec eventlog.Codec) (streams [][]eventlog.Record) {
	for _, key := range []string{agencyA, agencyB, agenciesIn(1, 1)[0]} {
		c := &chain{codec: codec, key: key, seen: map[string]bool{}}
		var of []eventlog.Record
		for n := range 20 {
			account := []string{client1, client2}[n%2]
			loser := c.clone()
			of = append(of, c.next(c.lost(account, []string{fmt.Sprint("left ", n)}, fmt.Sprint("user ", n))))
			if n%4 == 3 {
				of = append(of, loser.next(loser.usersSet(account, "loser")))
			}
		}
		streams = append(streams, of)
	}
	return streams
}

// mixed are the records of streams in an order drawn at random, each stream in its own.
func mixed(random *rand.Rand, streams [][]eventlog.Record) (all []eventlog.Record) {
	left := slices.Clone(streams)
	for len(left) > 0 {
		i := random.IntN(len(left))
		all, left[i] = append(all, left[i][0]), left[i][1:]
		if len(left[i]) == 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return all
}

// disordered is what a topic may hold of streams.
func disordered(random *rand.Rand, topic string, streams [][]eventlog.Record) []eventlog.Record {
	if topic == domain.TopicMetrics {
		all := slices.Concat(streams...)
		all = append(all, all[:len(all)/3]...)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	repeated := make([][]eventlog.Record, len(streams))
	for i, of := range streams {
		for n, r := range of {
			repeated[i] = append(repeated[i], r)
			if n == 0 || random.IntN(3) == 0 {
				repeated[i] = append(repeated[i], r)
			}
			if topic == domain.TopicDashboards && random.IntN(4) == 0 {
				repeated[i] = append(repeated[i], of[random.IntN(n+1)])
			}
		}
	}
	return mixed(random, repeated)
}
