package eventlog

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

// span is an epoch of the log's list, from its first offsets on and up to those of the next.
type span struct {
	domain.EpochBegun

	tagger *Tagger
}

// Epochs is the list by which this process judges records, in the order of their numbers; it never changes while the process lives.
func (l *Log) Epochs() (list []domain.EpochBegun) {
	for _, s := range l.epochs {
		list = append(list, s.EpochBegun)
	}
	return list
}

// adopt judges by a list of epochs from now on, and tags by the newest; none: nothing is tagged.
func (l *Log) adopt(list []domain.EpochBegun) {
	l.epochs, l.tagger = nil, nil
	for _, e := range list {
		l.tagger = NewTagger(l.cfg.TagKey, epochIn(e).Log)
		l.epochs = append(l.epochs, span{e, l.tagger})
	}
}

// taggerAt is the tagger of the epoch that a place lies in.
func (l *Log) taggerAt(topic string, partition int32, offset int64) *Tagger {
	for i := len(l.epochs) - 1; i > 0; i-- {
		if l.epochs[i].reaches(topic, partition, offset) {
			return l.epochs[i].tagger
		}
	}
	return l.epochs[0].tagger
}

// reaches tells whether a place lies in an epoch that a restore has begun, or behind it. A topic or partition that the restore did not know is
// younger.
func (s span) reaches(topic string, partition int32, offset int64) bool {
	from := s.Restored.From[topic]
	return int(partition) >= len(from) || offset >= from[partition]
}

// Continues tells whether a record says the next epoch of a list: the first is number 0. A later one stands at its own first offset, before
// anything else of it, and takes nothing from the epoch before the one that it follows: numbers of epochs that were themselves withdrawn are left out.
func Continues(list []domain.EpochBegun, said domain.EpochBegun, r Record) bool {
	if len(list) == 0 {
		return said.Number == 0
	}
	last := list[len(list)-1]
	if said.Number <= last.Number || said.Restored == nil || said.Restored.Follows != last.Number {
		return false
	}
	from := said.Restored.From
	if at := from[r.Topic]; int(r.Partition) >= len(at) || at[r.Partition] != r.Offset {
		return false
	}
	if last.Restored == nil {
		return true
	}
	for topic, was := range last.Restored.From {
		if !slices.EqualFunc(was, from[topic], func(before, after int64) bool { return before <= after }) {
			return false
		}
	}
	return true
}

// epochIn is the short form of what a record says.
func epochIn(said domain.EpochBegun) Epoch {
	id, _ := ParseLogID(said.Log) // Validate has seen its form
	return Epoch{Number: said.Number, Log: id, Key: said.Key}
}
