package proof

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// newOperationsLedger keeps what proofs need of `operations`: who read and exported the history, what operators did, states of
// connections. It has no chains: the tree over its records is all that shows a change of it. Checkpoints lie there too; they
// name each other, and no statement can cover itself, so they are left out.
func newOperationsLedger(partitions int, id eventlog.TopicID) *ledger {
	l := newLedger(partitions, id)
	l.topic = domain.TopicOperations
	return l
}

// cover takes in a record of a topic without chains; its stream says whose it is, and no more. Its leaf is over
// [eventlog.RecordHash] with the key's genesis hash.
func (p *partition) cover(r eventlog.Record) {
	p.next = r.Offset + 1
	p.records++
	if r.Header("ce_type") == checkpointType && string(r.Key) == domain.OperationsKeyAll {
		return
	}
	n, known := p.index[string(r.Key)]
	if !known {
		n = int32(len(p.streams))
		p.streams = append(p.streams, stream{key: string(r.Key)})
		p.index[p.streams[n].key] = n
	}
	hash := eventlog.RecordHash(eventlog.Genesis(r.Topic, string(r.Key)), r)
	p.rows.add(row{offset: r.Offset, leaf: tlog.RecordHash(hash[:]), owner: n, time: seconds(r.Time())})
}

// readOperationsLog reads `operations` up to its end.
func (l *ledger) readOperationsLog(ctx context.Context, src Source) error {
	to, id, err := endsOf(ctx, src, domain.TopicOperations)
	if err != nil {
		return fmt.Errorf("read ends of operations: %w", err)
	}
	if l.operations == nil {
		l.operations = newOperationsLedger(len(to), id)
	}
	if err := l.operations.continuedBy(to, id); err != nil {
		return fmt.Errorf("operations: %w", err)
	}
	return l.operations.read(ctx, src, to, nil)
}

// advanceOperations brings the tree over `operations` to what a checkpoint covers.
func (l *ledger) advanceOperations(s *state, to []int64) {
	if s.operations != nil && to != nil {
		l.operations.advance(s.operations, to, nil)
	}
}

// operationsBearOut returns what the log of `operations` contradicts of a checkpoint, before its tree is compared; nil when nothing.
func (l *ledger) operationsBearOut(e *entry, prev Checkpoint) *Finding {
	o := e.Operations
	switch {
	case l.operations == nil:
		return nil
	case o.Positions == nil && prev.Operations.Positions != nil:
		return contradicted("it does not cover operations, and the one before it does")
	case o.Positions == nil:
		return nil
	case len(o.Positions) != len(l.operations.parts):
		return contradicted("it covers %d partitions of operations, the topic has %d", len(o.Positions), len(l.operations.parts))
	case prev.Operations.Positions != nil && !covers(o.Positions, prev.Operations.Positions):
		return contradicted("it goes back behind the one before it in operations")
	}
	for i, p := range l.operations.parts {
		if o.Positions[i] > p.next {
			return new(found(KindTruncated, "tail", "the end of operations was cut off: its partition %d ends at offset %d, and was signed up to %d",
				i, p.next, o.Positions[i]))
		}
	}
	return nil
}

// operationsDiffer says what of a signed statement about `operations` the log does not bear out, and where; from is what the
// checkpoint before it covers.
func operationsDiffer(signed, found Covered, from []int64) string {
	if signed.Positions == nil || found.Positions == nil || signed.Size == found.Size && signed.Root == found.Root {
		return ""
	}
	var places []string
	for i, to := range signed.Positions {
		if at := slices.Concat(from, make([]int64, len(signed.Positions)))[i]; to > at {
			places = append(places, fmt.Sprintf("%d/[%d,%d)", i, at, to))
		}
	}
	return fmt.Sprintf("it covers %d records of operations, and up to there the log has %d, or others, or in another order: what somebody read or "+
		"exported, or what an operator did, was altered, removed, added or moved in %s (partition/offsets)",
		signed.Size, found.Size, strings.Join(places, " "))
}
