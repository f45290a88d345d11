package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
)

// AppendAgain appends what counts of keys of a compacted topic once more where another record lies over it, and tells how many: the cleaner keeps
// the last record of a key, whoever wrote it. drafts are what tables say that counts, each of its key; keys are others that it is looked at for.
//
// The record of ours that counts by its time is appended byte for byte, with the id and the header that it has, also where this program cannot
// decode it. Where the log has none as late as the draft is (the cleaner took a tombstone, or the draft stands for one that never was), the
// draft is encoded. Of a key whose last record is the one that counts, nothing is appended.
//
// The first look at a key reads its partition from the start. Who asks for it again, as every hour while its event is parked, reads only what has
// come since.
func (l *Log) AppendAgain(ctx context.Context, topic string, drafts []domain.Draft, keys []string) (appended int, err error) {
	asked := map[string]*counting{}
	for _, key := range keys {
		if checkText(key) == nil { // an invalid record may have any key
			asked[key] = &counting{}
		}
	}
	for i := range drafts {
		asked[drafts[i].Key] = &counting{draft: &drafts[i]}
	}
	l.again.mu.Lock()
	defer l.again.mu.Unlock()
	if len(asked) == 0 {
		delete(l.again.last, topic) // texts of people are not kept longer than they are looked for
		return 0, nil
	}
	if err := l.lookFor(ctx, topic, asked); err != nil {
		return 0, err
	}
	b := l.batchAgain(topic, asked)
	l.produce(ctx, b)
	for _, err := range b.errs {
		if err == nil {
			appended++
		}
	}
	return appended, errors.Join(b.errs...)
}

// counting is what counts of a key, while its partition is read.
type counting struct {
	draft  *domain.Draft // nil: tables say nothing
	record Record        // of ours; without a key: none
	last   bool          // nothing else lies over it
	next   int64         // the offset up to which its partition was read
}

// lookedFor is what was found of keys when they were looked for last, by topic. Of each topic it has the keys of one look.
type lookedFor struct {
	mu   sync.Mutex
	last map[string]look
}

type look struct {
	id   TopicID // of what was read
	keys map[string]*counting
}

// take looks at the next record of ours.
func (c *counting) take(r Record) {
	switch {
	case len(c.record.Key) == 0 || compacted(r).Replaces(compacted(c.record)):
		c.record, c.last = r.clone(), true
	default:
		c.last = r.sameAs(c.record)
	}
}

// missing tells whether the log has nothing that is as late as the draft.
func (c *counting) missing() bool {
	if c.draft == nil {
		return false
	}
	told := domain.CompactedRecord{At: c.draft.Envelope.Time, Erased: c.draft.Data == nil}
	return len(c.record.Key) == 0 || told.Replaces(compacted(c.record))
}

// compacted is what decides whether a record of a compacted topic counts.
func compacted(r Record) domain.CompactedRecord {
	return domain.CompactedRecord{At: r.Time(), Erased: len(r.Value) == 0}
}

// lookFor reads the partitions of keys for what counts of them.
func (l *Log) lookFor(ctx context.Context, topic string, asked map[string]*counting) error {
	spec, err := l.spec(topic)
	if err != nil {
		return err
	}
	ranges, id, err := l.Ranges(ctx, topic)
	if err != nil {
		return fmt.Errorf("look for what counts on %s: %w", topic, err)
	}
	from, to := map[int32]int64{}, map[int32]int64{}
	for key, c := range asked {
		partition := PartitionOf([]byte(key), spec.Partitions)
		end := ranges[partition].End
		if was := l.again.last[topic]; !id.IsZero() && was.id == id && was.keys[key] != nil && was.keys[key].next <= end {
			c.record, c.last, c.next = was.keys[key].record, was.keys[key].last, was.keys[key].next
		}
		if first, named := from[partition]; !named || c.next < first {
			from[partition] = c.next
		}
		to[partition] = end
	}
	err = l.Scan(ctx, ScanConfig{Topic: topic, TopicID: id, From: from, To: to, Handle: func(_ context.Context, run Run) error {
		for _, r := range run.Records {
			c := asked[string(r.Key)] // of this partition, so that no other goroutine writes to it
			if c != nil && r.Offset >= c.next {
				c.take(r)
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("look for what counts: %w", err)
	}
	for key, c := range asked {
		c.next = to[PartitionOf([]byte(key), spec.Partitions)]
	}
	l.again.last[topic] = look{id, asked}
	return nil
}

// batchAgain makes the records to append.
func (l *Log) batchAgain(topic string, asked map[string]*counting) *batch {
	b := &batch{}
	for key, c := range asked {
		var r Record
		var err error
		switch {
		case c.missing():
			r, err = l.encode(*c.draft)
		case len(c.record.Key) == 0 || c.last:
			continue
		default:
			r = c.record
		}
		b.drafts = append(b.drafts, domain.Draft{Topic: topic, Key: key})
		b.records = append(b.records, &kgo.Record{Topic: l.cfg.wireName(topic), Key: r.Key, Value: r.Value, Headers: r.Headers})
		b.errs, b.open = append(b.errs, nil), append(b.open, false)
		if err != nil {
			b.fail(len(b.errs)-1, false, err)
		}
	}
	return b
}

// clone is a record that does not hold the memory of the answer that it came in.
func (r Record) clone() Record {
	r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
	}
	return r
}

// sameAs reports whether two records of a key are the same bytes.
func (r Record) sameAs(other Record) bool {
	return bytes.Equal(r.Value, other.Value) && slices.EqualFunc(r.Headers, other.Headers, func(a, b Header) bool {
		return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
	})
}
