package proof

import (
	"fmt"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// check compares every checkpoint of the book that was not compared yet with the ledger, each after its
// predecessor. The leaf order of a checkpoint is defined by the vectors of its ancestors, so that two
// processes that once signed after the same one (a lost lock) are both borne out.
func (l *ledger) check(b *book) {
	for _, e := range b.list {
		e.children = 0
	}
	for _, e := range b.list {
		if prev, ok := b.byID[e.Prev]; ok {
			e.prev = prev
			prev.children++
		}
	}
	for _, e := range b.list {
		l.checkFrom(b, e)
	}
}

// checkFrom compares a checkpoint after those before it. No checkpoint can be its own ancestor: it names its predecessor's hash.
func (l *ledger) checkFrom(b *book, e *entry) {
	if e.checked {
		return
	}
	e.checked = true
	if prev, ok := b.byID[e.Prev]; ok {
		l.checkFrom(b, prev)
	}
	e.fault = l.bearsOut(b, e)
}

// bearsOut returns what of a checkpoint the ledger contradicts; nil when nothing.
func (l *ledger) bearsOut(b *book, e *entry) *Finding {
	if len(e.Positions) != len(l.parts) {
		return contradicted("it covers %d partitions, the topic has %d", len(e.Positions), len(l.parts))
	}
	for i, p := range l.parts {
		if e.Positions[i] > p.next {
			return new(found(KindTruncated, "tail", "the end was cut off: partition %d ends at offset %d, and was signed up to %d",
				i, p.next, e.Positions[i]).at(p.number, p.next))
		}
	}
	s := l.start()
	var before Checkpoint
	if e.Prev != (tlog.Hash{}) {
		prev, ok := b.byID[e.Prev]
		switch {
		case !ok:
			return contradicted("the checkpoint before it is missing, so that its order of records is not known")
		case !prev.checked || prev.end == nil:
			return contradicted("the checkpoint before it (%s) does not hold", prev.where)
		case !covers(e.Positions, prev.Positions):
			return contradicted("it goes back behind the one before it (%s)", prev.where)
		}
		before = prev.Checkpoint
		if s = prev.end; prev.children > 1 {
			s = s.clone()
		} else {
			prev.end = nil
		}
	}
	l.advance(s, e.Positions, nil)
	e.end = s
	if fault := l.operationsBearOut(e, before); fault != nil {
		e.beside = true
		return fault
	}
	var from []int64
	if s.operations != nil {
		from = slices.Clone(s.operations.positions)
		l.advanceOperations(s, e.Operations.Positions)
	}
	now := l.statement(s)
	if d := differences(e.Checkpoint, now); d != "" {
		e.differs, e.sameEnds = true, sameEnds(e.Checkpoint, now)
		return contradicted("%s", d)
	}
	if d := operationsDiffer(e.Operations, now.Operations, from); d != "" {
		e.beside, e.differs = true, true
		return contradicted("%s", d)
	}
	if e.Operations.Positions == nil && e.OutOfTime.Count == 0 { // of before such records were listed
		return nil
	}
	if listed, there := e.OutOfTime.text(), l.outOfTime(before, e.Checkpoint).text(); listed != there {
		return contradicted("of records that cannot be of their time it lists %s, the log has %s", listed, there)
	}
	return nil
}

func contradicted(format string, args ...any) *Finding {
	return new(found(KindCheckpoint, "", format, args...))
}

func covers(later, earlier []int64) bool {
	for i, at := range earlier {
		if at > later[i] {
			return false
		}
	}
	return true
}

// differences says what of a signed statement the log does not bear out.
func differences(signed, found Checkpoint) string {
	switch {
	case signed.Size != found.Size:
		return fmt.Sprintf("it covers %d records, the log has %d up to there", signed.Size, found.Size)
	case signed.Root != found.Root:
		return "the root over the records is another: a record that it covers was altered, replaced or moved"
	case signed.HeadCount != found.HeadCount || signed.HeadRoot != found.HeadRoot:
		return "the root over the streams' ends is another: the end of a stream was cut off or replaced"
	default:
		return ""
	}
}

// sameRecords returns what tells whether the records that a checkpoint covers are those that were signed, in whatever order: the tree
// over the ends of streams does not depend on the order, and an end names all records before it. Records that were moved over the
// border of a checkpoint show so in the one that covers most. For that the trees are grown once, at the first question that needs it.
func (l *ledger) sameRecords(b *book) func(e *entry) bool {
	var last *entry
	for _, e := range b.list {
		if last == nil || e.Size > last.Size {
			last = e
		}
	}
	holds := sync.OnceValue(func() bool {
		if len(last.Positions) != len(l.parts) || !covers(l.positions(), last.Positions) {
			return false
		}
		s := l.start()
		l.advance(s, last.Positions, nil)
		return sameEnds(last.Checkpoint, l.statement(s))
	})
	return func(e *entry) bool {
		return e.sameEnds || e.Size < last.Size && len(last.Positions) == len(e.Positions) && covers(last.Positions, e.Positions) && holds()
	}
}

// sameEnds tells whether a signed statement and what is found have as many records, and the same ends of streams.
func sameEnds(signed, found Checkpoint) bool {
	return found.Size == signed.Size && found.HeadCount == signed.HeadCount && found.HeadRoot == signed.HeadRoot
}

// chain is the checkpoints that count, in order: from the beginning on, of several successors the first in the log. The others
// are void: two processes signed at once, or an append was late. Who reads the same log so finds the same chain. Each entry
// says from then on whether it counts.
func (b *book) chain() (chain []*entry) {
	next := map[tlog.Hash]*entry{}
	for _, e := range b.list {
		e.counts = false
		if _, taken := next[e.Prev]; !taken && e.inLog && e.fault == nil {
			next[e.Prev] = e
		}
	}
	for e := next[tlog.Hash{}]; e != nil; e = next[e.id] {
		e.counts = true
		chain = append(chain, e)
	}
	return chain
}

// displaced are the checkpoints that the file has and that do not count, because another one after the same predecessor stands before
// them in the log, each with that one. The file gets a checkpoint only after it was read back as the one that counts, and a log only grows. So
// somebody moved records of `operations`, or put one between them, and two that were published may not continue each other any more. Where
// the file has the other one before it, both were published, and nothing was moved: whoever signed it with a new key did not know the old one.
func (b *book) displaced() (list [][2]*entry) {
	after := map[tlog.Hash]*entry{}
	for _, e := range b.chain() {
		after[e.Prev] = e
	}
	for _, e := range b.list {
		if other := after[e.Prev]; other != nil && other != e && e.inFile && e.inLog && e.fault == nil && (other.filed == 0 || other.filed > e.filed) {
			list = append(list, [2]*entry{e, other})
		}
	}
	return list
}

// displacedInWords says so of one, for people.
func displacedInWords(pair [2]*entry) string {
	return fmt.Sprintf("the checkpoint of %s at %s was published, as the file has it, and does not count any more: the one of %s at %s, after the same "+
		"predecessor, stands before it in the log. Either records of operations were moved, or somebody with the checkpoint key put one there, or two "+
		"signers did not know each other's keys (LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS). If you know that it was the last of these, move the file aside and "+
		"keep it: the signer writes another one from the log",
		pair[0].Time.Format(timeLayout), pair[0].where, pair[1].Time.Format(timeLayout), pair[1].where)
}

// tip is the checkpoint that the next one continues: the end of the chain. nil when there is none.
func (b *book) tip() *entry {
	if chain := b.chain(); len(chain) > 0 {
		return chain[len(chain)-1]
	}
	return nil
}
