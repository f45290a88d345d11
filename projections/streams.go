package projections

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// streams judges the records of a topic with hash chains, so that a fold gets effective events of
// streams that have not stopped. A stream stops at the first event that cannot be folded, and at a
// skip of an event that the tables contain: later events wait until the stream is folded again from
// its start ([session.foldAgain]). The head moves past events that wait, so that a skip can be
// appended.
type streams struct {
	partitions int32
	known      map[string]*stream // by key
	// skips are the versions that operators have skipped, by key, as far as they are known before
	// the events are folded: they have no effect.
	skips map[string]domain.Skips
}

type stream struct {
	partition int32
	head      domain.StreamHead
	stoppedAt int64 // the first version that is not in the tables; 0: all are
	foldAgain bool  // to be folded again from its start
	changed   bool  // since it was loaded
}

func newStreams(partitions int32) *streams {
	return &streams{partitions: partitions, known: map[string]*stream{}, skips: map[string]domain.Skips{}}
}

// of returns the stream of a record, or nil if the key is not the id of an agency.
func (s *streams) of(r eventlog.Record) *stream {
	key := string(r.Key)
	if id, ok := domain.HexID(key); !ok || id != key {
		return nil
	}
	if s.known[key] == nil {
		s.known[key] = &stream{
			partition: eventlog.PartitionOf(r.Key, s.partitions),
			head:      domain.StreamHead{Hash: eventlog.Genesis(r.Topic, key)},
		}
	}
	return s.known[key]
}

// judge decides whether an event is folded, and sets its head. The verdict depends only on raw
// bytes: an event that cannot be decoded is effective too.
func (s *streams) judge(ev *fold.Event) (verdict eventlog.Verdict, folded bool) {
	st := s.of(ev.Raw)
	if st == nil {
		return eventlog.Invalid, false
	}
	verdict, head, _ := eventlog.Judge(st.head, ev.Raw, s.partitions)
	if ev.Head = head; verdict != eventlog.Effective {
		return verdict, false
	}
	st.head, st.changed = head, true
	key := string(ev.Raw.Key)
	if s.skips[key] == nil {
		s.skips[key] = domain.Skips{}
	}
	switch {
	case s.skips[key].Add(head.Version, ev.Data):
		st.stoppedAt, st.foldAgain = cmp.Or(st.stoppedAt, head.Version), true
		return verdict, false
	case s.skips[key].LeaveOut(head.Version, ev.Data):
		return verdict, false
	}
	return verdict, st.stoppedAt == 0
}

// stop stops the stream of an event that cannot be folded. It returns false if the stream has
// stopped before.
func (s *streams) stop(ev fold.Event, verdict eventlog.Verdict) bool {
	st := s.of(ev.Raw)
	if st.stoppedAt > 0 {
		return false
	}
	if st.stoppedAt, st.changed = st.head.Version, true; verdict == eventlog.Broken {
		st.stoppedAt++ // the head is the last event before the break
	}
	return true
}

// queueLoad queues a query for the streams of a batch.
func (s *streams) queueLoad(batch *pgx.Batch, projection string, generation int, events []fold.Event) {
	for _, ev := range events {
		s.of(ev.Raw)
	}
	batch.Queue(`
		select stream_key, version, hash, time, coalesce(stopped_at, 0), fold_again from streams
		where projection = $1 and generation = $2 and stream_key = any($3)`, projection, generation, slices.Collect(maps.Keys(s.known))).
		Query(func(rows pgx.Rows) error {
			var key string
			var hash []byte
			var st stream
			targets := []any{&key, &st.head.Version, &hash, &st.head.Time, &st.stoppedAt, &st.foldAgain}
			_, err := pgx.ForEachRow(rows, targets, func() error {
				copy(st.head.Hash[:], hash)
				st.partition = s.known[key].partition
				*s.known[key] = st
				return nil
			})
			return err
		})
}

type streamRow struct {
	projection string
	generation int
	key        string
	stream
}

var streamsTable = write.NewTable("streams",
	`projection text, generation int, stream_key text, partition int,
	 version bigint, hash bytea, time timestamptz, stopped_at bigint, fold_again boolean`,
	write.Clause(`on conflict (projection, generation, stream_key) do update set
		version = excluded.version, hash = excluded.hash, time = excluded.time, stopped_at = excluded.stopped_at,
		fold_again = streams.fold_again or excluded.fold_again`), // an operator may ask for it at the same time
	func(r streamRow) []any {
		var stoppedAt *int64
		if r.stoppedAt > 0 {
			stoppedAt = &r.stoppedAt
		}
		return []any{
			r.projection, r.generation, r.key, r.partition,
			r.head.Version, r.head.Hash[:], r.head.Time, stoppedAt, r.foldAgain,
		}
	})

// rows returns the streams that have changed.
func (s *streams) rows(projection string, generation int) (rows []streamRow) {
	for key, st := range s.known {
		if st.changed {
			rows = append(rows, streamRow{projection, generation, key, *st})
		}
	}
	return rows
}

// due reports whether one of the streams is to be folded again.
func (s *streams) due() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(s.known)), func(st *stream) bool { return st.changed && st.foldAgain })
}
