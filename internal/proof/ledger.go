package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ledger is what proofs need of `dashboards`: of every effective record a row (48 bytes, in files), of every stream its head, and what
// was not effective. It is read in one scan of all partitions at a time; partitions share nothing while it runs. Close it.
type ledger struct {
	topic   string
	topicID eventlog.TopicID
	parts   []*partition
	order   []streamRef // all streams by key

	operations *ledger // of topic `operations`, which is covered beside; see [newOperationsLedger]
}

type streamRef struct {
	key       string
	partition int32
	stream    int32
}

// partition is what one partition holds of the ledger.
type partition struct {
	number  int32
	count   int32 // partitions of the topic
	next    int64 // offset to read next
	index   map[string]int32
	streams []stream

	rows rows // of effective records

	decisions *decisions // in a verification

	records int64
	strays  []int64 // offsets of records that are not effective, the first maxStrays of them
	stale   int64
	invalid int64 // records that are in no chain

	firstInvalid int64 // its offset
	whyInvalid   string
}

type stream struct {
	key    string
	head   domain.StreamHead
	broken bool
}

// maxStrays bounds what is remembered of a partition's records that are not effective.
const maxStrays = 10_000

func newLedger(partitions int, id eventlog.TopicID) *ledger {
	l := &ledger{topic: domain.TopicDashboards, topicID: id, parts: make([]*partition, partitions)}
	for i := range l.parts {
		l.parts[i] = &partition{number: int32(i), count: int32(partitions), index: map[string]int32{}}
	}
	return l
}

// failed says why rows could not be kept or read: what was made of them then means nothing.
func (l *ledger) failed() (err error) {
	for _, p := range l.parts {
		err = errors.Join(err, p.rows.err)
	}
	if err == nil && l.operations != nil {
		return l.operations.failed()
	}
	return err
}

// close gives up the files; a ledger that nobody made has none.
func (l *ledger) close() {
	if l == nil {
		return
	}
	for _, p := range l.parts {
		p.rows.close()
	}
	l.operations.close()
}

// positions is the vector that was read up to.
func (l *ledger) positions() []int64 {
	vector := make([]int64, len(l.parts))
	for i, p := range l.parts {
		vector[i] = p.next
	}
	return vector
}

// continuedBy says why the log with these ends is not the one that was read so far.
func (l *ledger) continuedBy(to []int64, id eventlog.TopicID) error {
	if l.topicID != id || len(to) != len(l.parts) {
		return errors.New("the topic was deleted and created again: everything is read anew next time")
	}
	for i, p := range l.parts {
		if to[i] < p.next {
			return fmt.Errorf("partition %d ends at %d and was read up to %d: everything is read anew next time", i, to[i], p.next)
		}
	}
	return nil
}

// read goes on from where it stands up to the vector. progress, if given, is told of offsets, also of those that no record was handed out of.
func (l *ledger) read(ctx context.Context, src Source, to []int64, progress func(offsets int)) error {
	told := l.positions()
	tell := func(partition int32, next int64) {
		if progress != nil && next > told[partition] {
			progress(int(next - told[partition]))
			told[partition] = next
		}
	}
	err := src.Scan(ctx, eventlog.ScanConfig{
		Topic: l.topic, From: byPartition(l.positions()), To: byPartition(to), TopicID: l.topicID,
		Handle: func(_ context.Context, run eventlog.Run) error {
			p := l.parts[run.Partition]
			for _, r := range run.Records {
				if l.topic == domain.TopicDashboards {
					p.add(r)
				} else {
					p.cover(r)
				}
			}
			tell(run.Partition, run.Next)
			return p.rows.err
		},
	})
	if err != nil {
		return err
	}
	l.order = l.order[:0]
	for i, p := range l.parts {
		p.next = max(p.next, to[i])
		tell(p.number, p.next)
		for n, s := range p.streams {
			l.order = append(l.order, streamRef{s.key, p.number, int32(n)})
		}
	}
	slices.SortFunc(l.order, func(a, b streamRef) int { return strings.Compare(a.key, b.key) })
	return nil
}

func (p *partition) add(r eventlog.Record) {
	p.next = r.Offset + 1
	p.records++
	n, known := p.index[string(r.Key)]
	if !known {
		if reason := p.misplaced(r); reason != "" {
			p.skip(r, reason)
			return
		}
		n = int32(len(p.streams))
		p.streams = append(p.streams, stream{key: string(r.Key)})
		p.index[p.streams[n].key] = n
	}
	s := &p.streams[n]
	verdict, head, reason := eventlog.Judge(s.head, r, p.count)
	if verdict != eventlog.Effective {
		switch verdict {
		case eventlog.Broken:
			s.broken = true
		case eventlog.Stale:
			p.stale++
		case eventlog.Invalid:
			p.skip(r, reason)
			return
		}
		p.stray(r.Offset)
		return
	}
	p.rows.add(row{offset: r.Offset, leaf: LeafHash(s.key, head), owner: n, time: seconds(head.Time), pushed: follows(s.head, head)})
	s.head = head
	if p.decisions != nil {
		p.decisions.take(s.key, r, head)
	}
}

// misplaced says why a record can belong to no stream of its partition; "" when it can.
func (p *partition) misplaced(r eventlog.Record) string {
	key := string(r.Key)
	if id, ok := domain.HexID(key); !ok || id != key {
		return fmt.Sprintf("key %.40q is not the id of an agency", key)
	}
	if want := eventlog.PartitionOf(r.Key, p.count); want != r.Partition {
		return fmt.Sprintf("the record lies in partition %d, its key belongs to %d", r.Partition, want)
	}
	return ""
}

// skip counts a record that is in no chain.
func (p *partition) skip(r eventlog.Record, reason string) {
	if p.invalid++; p.invalid == 1 {
		p.firstInvalid, p.whyInvalid = r.Offset, reason
	}
	p.stray(r.Offset)
}

func (p *partition) stray(offset int64) {
	if len(p.strays) < maxStrays {
		p.strays = append(p.strays, offset)
	}
}

// forgetBefore drops what lies before a vector from which every later [ledger.advance] starts. Heads stay.
func (l *ledger) forgetBefore(vector []int64) {
	for i, p := range l.parts {
		p.rows.forget(p.rows.search(vector[i]))
		p.strays = nil
	}
}

// follow forgets what a checkpoint covers.
func (l *ledger) follow(c Checkpoint) {
	l.forgetBefore(c.Positions)
	if l.operations != nil && c.Operations.Positions != nil {
		l.operations.forgetBefore(c.Operations.Positions)
	}
}

// state is the two trees at one vector, reached by one sequence of checkpoints.
type state struct {
	positions []int64
	tree      frontier
	heads     [][]tlog.Hash // by partition and stream; zero: no record yet

	operations *state // of `operations`; nil where that is not covered
}

func (l *ledger) start() *state {
	s := &state{positions: make([]int64, len(l.parts)), heads: make([][]tlog.Hash, len(l.parts))}
	if l.operations != nil {
		s.operations = l.operations.start()
	}
	return s
}

func (s *state) clone() *state {
	c := &state{positions: slices.Clone(s.positions), tree: s.tree, heads: make([][]tlog.Hash, len(s.heads))}
	for i, list := range s.heads {
		c.heads[i] = slices.Clone(list)
	}
	if s.operations != nil {
		c.operations = s.operations.clone()
	}
	return c
}

// advance adds the effective records from the state's vector to the given one, partitions ascending,
// offsets ascending. grow, if given, sees the row of each leaf as it is added.
func (l *ledger) advance(s *state, to []int64, grow func(p *partition, x row)) {
	for i, p := range l.parts {
		for len(s.heads[i]) < len(p.streams) {
			s.heads[i] = append(s.heads[i], tlog.Hash{})
		}
		p.rows.between(s.positions[i], to[i], func(x row) {
			s.tree.add(x.leaf)
			s.heads[i][x.owner] = x.leaf
			if grow != nil {
				grow(p, x)
			}
		})
		s.positions[i] = max(s.positions[i], to[i])
	}
}

// headTree calls yield for the leaf of each stream that has a record, by key.
func (l *ledger) headTree(s *state, yield func(ref streamRef, leaf tlog.Hash)) {
	for _, ref := range l.order {
		list := s.heads[ref.partition]
		if int(ref.stream) < len(list) && list[ref.stream] != (tlog.Hash{}) {
			yield(ref, list[ref.stream])
		}
	}
}

// statement is what a checkpoint at the state says of the log; time and predecessor are the caller's.
func (l *ledger) statement(s *state) Checkpoint {
	var heads frontier
	l.headTree(s, func(_ streamRef, leaf tlog.Hash) { heads.add(leaf) })
	c := Checkpoint{
		TopicID: l.topicID, Size: s.tree.size, Root: s.tree.root(),
		HeadCount: heads.size, HeadRoot: heads.root(), Positions: slices.Clone(s.positions),
	}
	if o := s.operations; o != nil {
		c.Operations = Covered{TopicID: l.operations.topicID, Size: o.tree.size, Root: o.tree.root(), Positions: slices.Clone(o.positions)}
	}
	return c
}
