package proof

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Source is the part of the log's interface that proofs use; *eventlog.Log implements it.
type Source interface {
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	Scan(ctx context.Context, cfg eventlog.ScanConfig) error
	Decode(r eventlog.Record) (domain.Recorded, error)
}

// reader reads `dashboards` from the beginning, in one scan of all partitions or in several
// consecutive ones. Partitions are read concurrently and share no state.
type reader struct {
	source  Source
	topicID eventlog.TopicID
	parts   []*partition
}

type partition struct {
	number    int32
	count     int32 // partitions of the topic
	next      int64 // offset to read next
	records   int64
	effective int64
	stale     int64
	skipped   int64 // records that belong to no stream
	heads     heads
	due       []*signed // checkpoints still to compare, by the number of covered records
	fits      int64     // where the newest matching checkpoint ends in this log; 0 if none exists
	kept      *keptHead // of an agency of this partition; nil: none

	findings []Finding
	broken   map[agencyID]int // index in findings of the record that broke the stream
	more     int64            // findings beyond maxFindings
}

// maxFindings bounds the findings per partition; further ones are only counted.
const maxFindings = 100

func newReader(source Source, id eventlog.TopicID, partitions int) *reader {
	r := &reader{source: source, topicID: id}
	for i := range partitions {
		r.parts = append(r.parts, newPartition(int32(i), int32(partitions)))
	}
	return r
}

func newPartition(number, count int32) *partition {
	return &partition{number: number, count: count, heads: newHeads(), broken: map[agencyID]int{}}
}

// expect schedules the comparison of a checkpoint with each partition for when the reader has read
// as many effective records as the checkpoint covers. Offsets do not matter: a copy of the log may
// have others. It returns false if a partition was already read further.
func (r *reader) expect(c *signed) (ahead bool) {
	ahead = true
	for i, p := range r.parts {
		ahead = ahead && c.Partitions[i].Records >= p.effective
		p.due = append(p.due, c)
	}
	return ahead
}

// compareKept schedules the comparison with the last record of a kept bundle; nil: none.
func (r *reader) compareKept(kept *keptHead) {
	if kept != nil {
		r.parts[eventlog.PartitionOf([]byte(kept.agency.String()), int32(len(r.parts)))].kept = kept
	}
}

// read reads up to the ends of the ranges and compares the expected checkpoints on the way.
// progress, if set, receives the number of processed offsets; several goroutines call it
// concurrently.
func (r *reader) read(ctx context.Context, ranges []eventlog.PartitionRange, progress func(offsets int)) error {
	from, to := map[int32]int64{}, map[int32]int64{}
	for i, p := range r.parts {
		slices.SortStableFunc(p.due, func(a, b *signed) int {
			return cmp.Compare(a.Partitions[i].Records, b.Partitions[i].Records)
		})
		if p.next > ranges[i].End { // what was read is gone, and nothing of it may be signed again
			return fmt.Errorf("%w: partition %d ends at %d, but was read up to %d",
				eventlog.ErrBeyondEnd, p.number, ranges[i].End, p.next)
		}
		p.compareDue()
		from[p.number], to[p.number] = p.next, ranges[i].End
	}
	err := r.source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, TopicID: r.topicID, From: from, To: to,
		Handle: func(_ context.Context, run eventlog.Run) error {
			p := r.parts[run.Partition]
			before := p.next
			for _, record := range run.Records {
				p.add(record)
			}
			p.next = run.Next
			if progress != nil {
				progress(int(p.next - before))
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	for i, p := range r.parts {
		p.next = ranges[i].End
		for _, c := range p.due {
			p.found(Finding{Partition: &p.number, Offset: new(p.next), Detail: fmt.Sprintf(
				"the partition ends here with %d effective records, but the checkpoint of %s covers %d: "+
					"records were removed from its end, or their chain is broken",
				p.effective, c.Time.Format(timeLayout), c.Partitions[p.number].Records)})
			c.fails = true
		}
		p.due = nil
	}
	return nil
}

// compareDue compares the checkpoints that cover as many effective records as were read.
func (p *partition) compareDue() {
	for len(p.due) > 0 && p.due[0].Partitions[p.number].Records <= p.effective {
		p.compare(p.due[0])
		p.due = p.due[1:]
	}
}

func (p *partition) compare(c *signed) {
	if c.Partitions[p.number] == p.covered() {
		p.fits = p.next
		return
	}
	c.fails = true
	p.found(Finding{Partition: &p.number, Offset: new(p.fits), Detail: fmt.Sprintf(
		"from this offset up to %d, the first %d effective records differ from the checkpoint of %s: "+
			"a record was altered, replaced, inserted, removed or moved",
		p.next, p.effective, c.Time.Format(timeLayout))})
}

func (p *partition) covered() Covered {
	return Covered{Records: p.effective, Agencies: p.heads.size(), Root: p.heads.root()}
}

func (p *partition) add(r eventlog.Record) {
	p.next = r.Offset + 1
	p.records++
	id, ok := agencyOf(r.Key)
	if !ok {
		p.skipped++
		return
	}
	before := p.heads.of(id)
	verdict, head, reason := eventlog.Judge(before.head, r, p.count)
	switch verdict {
	case eventlog.Effective:
		p.heads.set(id, head, r.Offset)
		p.effective++
		p.compareDue()
		if detail := p.kept.compare(id, head); detail != "" {
			p.found(Finding{
				Agency: string(r.Key), Version: head.Version, Partition: &p.number, Offset: new(r.Offset), Detail: detail,
			})
		}
	case eventlog.Stale:
		p.stale++
	case eventlog.Broken:
		p.breaks(before, r, reason)
	default:
		p.skipped++
	}
}

func (p *partition) breaks(s stream, r eventlog.Record, reason string) {
	if i, known := p.broken[s.agency]; known {
		p.findings[i].More++
		return
	}
	f := Finding{
		Agency: string(r.Key), Version: s.head.Version + 1, Partition: &p.number, Offset: new(r.Offset), Detail: reason,
	}
	if s.head.Version > 0 {
		f.Detail += fmt.Sprintf("; version %d, the last valid one, is at offset %d: one of the two was altered, "+
			"or records between them were added or removed", s.head.Version, s.offset)
	}
	if p.found(f) {
		p.broken[s.agency] = len(p.findings) - 1
	}
}

func (p *partition) found(f Finding) bool {
	if len(p.findings) == maxFindings {
		p.more++
		return false
	}
	p.findings = append(p.findings, f)
	return true
}

func (r *reader) checkpoint(at time.Time) Checkpoint {
	c := Checkpoint{Time: at}
	for _, p := range r.parts {
		c.Partitions = append(c.Partitions, p.covered())
	}
	return c
}
