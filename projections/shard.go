package projections

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/keysort"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// writeEvery is the number of events of a key after which rows that are final are written.
const writeEvery = 10_000

// sortMemory is the memory in bytes for sorting records by key, for all shards that a build or a
// check folds at a time. The heap grows to three times what is in use (main sets GOGC to 200).
const sortMemory = 128 << 20

// shard folds a partition from its first record for empty tables, with the result of sessions that
// fold batches. The records are sorted by key, and each key gets a [fold.Fold] of its own. If rows
// span partitions, they share one Fold, and the records are folded in the order of the log.
type shard struct {
	work
	partition int32
	fold      fold.Fold
	unwritten int // events of fold since rows were written
	streams   *streams
	withdrawn map[string]bool       // sources of records that do not count ([domain.ImportWithdrawn])
	letters   map[string]deadLetter // by key on a compacted topic, otherwise by event
	newest    *time.Time            // time of the newest readable event
}

func (w work) newShard(partition int32, state fold.Fold) *shard {
	return &shard{
		work: w, partition: partition, fold: state, streams: newStreams(w.partitions),
		withdrawn: map[string]bool{}, letters: map[string]deadLetter{},
	}
}

func (w work) scan(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, key string,
	handle func(context.Context, eventlog.Run) error,
) error {
	return w.log.Scan(ctx, eventlog.ScanConfig{
		Topic: w.projector.Topic, TopicID: id, Key: key, Handle: handle,
		From: map[int32]int64{r.Partition: r.Start}, To: map[int32]int64{r.Partition: r.End},
	})
}

// findSkips finds the skips among the records that scan passes to its argument.
func (s *shard) findSkips(scan func(func(eventlog.Record) error) error) (err error) {
	s.streams.skips, err = eventlog.FindSkips(scan, s.log.Decode, s.partitions)
	return err
}

// groups returns the partitions that are folded together.
func (w work) groups(ranges []eventlog.PartitionRange) [][]eventlog.PartitionRange {
	slices.SortFunc(ranges, func(a, b eventlog.PartitionRange) int { return cmp.Compare(a.Partition, b.Partition) })
	if w.projector.SpansPartitions && len(ranges) > 0 {
		return [][]eventlog.PartitionRange{ranges}
	}
	return slices.Collect(slices.Chunk(ranges, 1))
}

// foldGroup folds partitions, and calls folded with numbers of records while it does so.
func (w work) foldGroup(
	ctx context.Context, id eventlog.TopicID, ranges []eventlog.PartitionRange, into write.Sink, folded func(records int64),
) (shards []*shard, err error) {
	state := w.projector.Begin(0)
	for _, r := range ranges {
		s := w.newShard(r.Partition, state)
		if w.projector.SpansPartitions {
			err = s.foldInOrder(ctx, id, r, into, folded)
		} else {
			err = s.foldByKey(ctx, id, r, into, folded)
		}
		if err != nil {
			return nil, fmt.Errorf("fold partition %d of %s: %w", r.Partition, w.projector.Topic, err)
		}
		shards = append(shards, s)
	}
	if w.projector.SpansPartitions {
		err = state.Write(into, true)
	}
	return shards, err
}

// foldInOrder folds a range in the order of the log.
func (s *shard) foldInOrder(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, into write.Sink, folded func(records int64),
) error {
	at := r.Start
	err := s.scan(ctx, id, r, "", func(_ context.Context, run eventlog.Run) error {
		for _, raw := range run.Records {
			if err := s.add(raw, into); err != nil {
				return err
			}
		}
		folded(run.Next - at)
		at = run.Next
		return nil
	})
	if err == nil {
		folded(r.End - at)
	}
	return err
}

// foldByKey folds a range key by key.
func (s *shard) foldByKey(
	ctx context.Context, id eventlog.TopicID, r eventlog.PartitionRange, into write.Sink, folded func(records int64),
) error {
	sorted := keysort.New(s.sortDir, s.sortMemory)
	defer sorted.Close()
	var names headerNames
	kept, filled := int64(0), false
	fill := func(handle func(eventlog.Record) error) error {
		err := s.scan(ctx, id, r, "", eventlog.ByRecord(func(raw eventlog.Record) error {
			if !filled {
				s.noteWithdrawn(raw)
			}
			if !filled && (s.chained || !s.passesOver(raw)) {
				kept++
				order := binary.BigEndian.AppendUint64(s.orderOf(raw), uint64(raw.Offset))
				if err := sorted.Add(raw.Key, order, names.pack(raw)); err != nil {
					return err
				}
			}
			return handle(raw)
		}))
		filled = true
		return err
	}
	var err error
	if s.chained {
		err = s.findSkips(fill)
	} else {
		err = fill(func(eventlog.Record) error { return nil })
	}
	if err != nil {
		return err
	}
	folded(r.End - r.Start - kept)
	return s.foldSorted(ctx, sorted, &names, into, folded)
}

func (w work) orderOf(raw eventlog.Record) []byte {
	if w.projector.Order == nil {
		return nil
	}
	return w.projector.Order(raw)
}

func (s *shard) foldSorted(
	ctx context.Context, sorted *keysort.Sorter, names *headerNames, into write.Sink, folded func(records int64),
) error {
	var key []byte
	records := int64(0) // of the key
	err := sorted.Each(func(next, packed []byte) error {
		if records > 0 && !bytes.Equal(next, key) {
			if err := cmp.Or(s.fold.Write(into, true), into.Err(), ctx.Err()); err != nil {
				return err
			}
			folded(records)
			s.fold, s.unwritten, records = s.projector.Begin(0), 0, 0
		}
		if records == 0 {
			key = bytes.Clone(next)
		}
		records++
		return s.add(names.unpack(s.projector.Topic, s.partition, key, packed), into)
	})
	if err != nil {
		return err
	}
	folded(records)
	return s.fold.Write(into, true)
}

// add folds the next record.
func (s *shard) add(raw eventlog.Record, into write.Sink) error {
	if s.withdrawn[raw.Header("ce_source")] {
		return nil
	}
	ev, passed := s.eventOf(raw)
	if passed {
		return nil
	}
	s.addEvent(ev)
	return s.writeFinal(into)
}

// writeFinal writes rows that are final, each time after writeEvery events.
func (s *shard) writeFinal(into write.Sink) error {
	if s.unwritten++; s.unwritten < s.writeEvery {
		return nil
	}
	s.unwritten = 0
	return cmp.Or(s.fold.Write(into, false), into.Err())
}

// noteWithdrawn notes which records of the partition do not count.
func (s *shard) noteWithdrawn(raw eventlog.Record) {
	if raw.Header("ce_type") != (domain.ImportWithdrawn{}).EventType() {
		return
	}
	recorded, err := s.log.Decode(raw)
	if e, ok := recorded.Data.(domain.ImportWithdrawn); ok && err == nil {
		s.withdrawn[e.Source()] = true
	}
}

func (s *shard) addEvent(ev fold.Event) {
	if at := &ev.Envelope.Time; ev.Err == nil && (s.newest == nil || at.After(*s.newest)) {
		s.newest = at
	}
	id := strconv.FormatInt(ev.Raw.Offset, 10)
	if s.compacted {
		id = string(ev.Raw.Key)
		delete(s.letters, id) // a later record of the key replaces it
	}
	if letter, _ := s.apply(s.fold, s.streams, ev); letter != nil {
		s.letters[id] = *letter
	}
}

// rows returns the dead letters, in order.
func (s *shard) rows() []deadLetter {
	return slices.SortedFunc(maps.Values(s.letters), func(a, b deadLetter) int { return int(a.offset - b.offset) })
}

// headerNames are the names of headers in packed records. They are few.
type headerNames struct {
	list   []string
	places map[string]int
	packed []byte
}

// pack returns the offset, headers and value of a record. The result is valid until the next call.
func (h *headerNames) pack(r eventlog.Record) []byte {
	b := binary.AppendUvarint(h.packed[:0], uint64(r.Offset))
	b = binary.AppendUvarint(b, uint64(len(r.Headers)))
	for _, header := range r.Headers {
		place, known := h.places[header.Key]
		if !known {
			if h.places == nil {
				h.places = map[string]int{}
			}
			place = len(h.list)
			h.list, h.places[header.Key] = append(h.list, header.Key), place
		}
		b = binary.AppendUvarint(b, uint64(place))
		b = append(binary.AppendUvarint(b, uint64(len(header.Value))), header.Value...)
	}
	b = append(b, r.Value...)
	h.packed = b
	return b
}

// unpack is the reverse of pack. The record refers to the packed bytes.
func (h *headerNames) unpack(topic string, partition int32, key, packed []byte) eventlog.Record {
	uvarint := func() int {
		v, n := binary.Uvarint(packed)
		packed = packed[n:]
		return int(v)
	}
	r := eventlog.Record{Topic: topic, Partition: partition, Key: key, Offset: int64(uvarint())}
	r.Headers = make([]eventlog.Header, uvarint())
	for i := range r.Headers {
		r.Headers[i].Key = h.list[uvarint()]
		n := uvarint()
		r.Headers[i].Value, packed = packed[:n:n], packed[n:]
	}
	r.Value = packed
	return r
}
