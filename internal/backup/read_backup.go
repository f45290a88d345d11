package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotEmpty means that the target topics contain records.
var ErrNotEmpty = errors.New("the brokers already have a log; nothing was changed")

// Files is a locked backup. The lock ensures that the files that were checked are the ones that are
// restored.
type Files struct {
	Manifest *Manifest

	dir     string
	release func()
}

// Open opens a backup and locks it until Close is called. The error wraps [ErrNoBackup],
// [ErrDamaged] or [ErrInUse].
func Open(dir string) (*Files, error) {
	release, err := lock(dir)
	if err != nil {
		return nil, err
	}
	m, err := Load(dir)
	if err != nil {
		release()
		return nil, err
	}
	return &Files{Manifest: m, dir: dir, release: release}, nil
}

// Close unlocks the backup.
func (f *Files) Close() { f.release() }

// CheckTarget returns an error if the backup cannot be restored to the target. It changes nothing.
// If a topic of the target is neither missing nor empty, the error wraps [ErrNotEmpty].
func (f *Files) CheckTarget(ctx context.Context, target *eventlog.Target) error {
	specs := target.Topics()
	for _, s := range specs {
		if f.Manifest.Topic(s.Name) == nil {
			return fmt.Errorf("the backup does not contain topic %s: restore it with the version that wrote it (%s)",
				s.Name, f.Manifest.Tool)
		}
	}
	contents, err := target.ExistingRanges(ctx)
	if err != nil {
		return err
	}
	for _, t := range f.Manifest.Topics {
		// With another partition count, keys would belong to other partitions than in the log.
		index := slices.IndexFunc(specs, func(s eventlog.TopicSpec) bool { return s.Name == t.Name })
		if index < 0 || int(specs[index].Partitions) != len(t.Partitions) || specs[index].Compacted != t.Compacted {
			return fmt.Errorf("topic %s of the backup (%d partitions) does not match this program: "+
				"restore the backup with the version that wrote it (%s)",
				t.Name, len(t.Partitions), f.Manifest.Tool)
		}
		existing := contents[t.Name]
		if existing != nil && len(existing) != len(t.Partitions) {
			return fmt.Errorf("%w: topic %s has %d partitions in the cluster, but %d in the backup",
				ErrNotEmpty, t.Name, len(existing), len(t.Partitions))
		}
		for _, in := range existing {
			if in.End > 0 {
				return fmt.Errorf("%w: %s/%d ends at offset %d. Restore to a cluster without ledgerboard's topics, "+
					"or, also after an interrupted restore, with another LEDGERBOARD_TOPIC_PREFIX",
					ErrNotEmpty, t.Name, in.Partition, in.End)
			}
		}
	}
	return target.MayCreate(ctx)
}

// Restore creates missing topics and appends all records. The caller must have called Check and
// CheckTarget without an error. When Restore returns, all records are on all in-sync replicas.
func (f *Files) Restore(ctx context.Context, target *eventlog.Target, progress func(done, total int64)) error {
	if err := target.Create(ctx); err != nil {
		return err
	}
	var done, total int64
	for _, t := range f.Manifest.Topics {
		for _, p := range t.Partitions {
			total += p.End
		}
	}
	ends := map[string][]int64{}
	for _, t := range f.Manifest.Topics {
		for number, p := range t.Partitions {
			end, err := f.append(ctx, target, t, int32(number))
			if err != nil {
				return err
			}
			ends[t.Name] = append(ends[t.Name], end)
			if done += p.End; progress != nil {
				progress(done, total)
			}
		}
	}
	contents, err := target.ExistingRanges(ctx)
	if err != nil {
		return err
	}
	for topic, ranges := range contents {
		for _, in := range ranges {
			if end := ends[topic][in.Partition]; in.End != end {
				return fmt.Errorf("%s/%d ends at offset %d instead of %d: another producer writes to the topic. "+
					"Stop it, and restore again with another LEDGERBOARD_TOPIC_PREFIX", topic, in.Partition, in.End, end)
			}
		}
	}
	return nil
}

// append appends the records of a partition. It returns the end offset of the partition after that.
func (f *Files) append(ctx context.Context, target *eventlog.Target, t Topic, partition int32) (int64, error) {
	appender, err := target.AppendTo(t.Name, partition)
	if err != nil {
		return 0, err
	}
	p := t.Partitions[partition]
	for _, s := range p.Segments {
		err := readSegment(f.dir, t.Name, partition, s, func(rec eventlog.Record) error {
			return appender.Add(ctx, rec)
		})
		if err != nil {
			return 0, err
		}
	}
	return appender.End(ctx)
}

// Checked is the result of a check.
type Checked struct {
	Manifest *Manifest
	Records  int64 // without transaction markers
	LeftOut  int64 // those that a restore leaves out ([eventlog.Record.Restorable])
	Bytes    int64
	Segments int
	Faults   []error // the first 20
}

// Check reads a whole backup, without a broker. It checks that every segment exists, matches its
// checksum and continues the previous one. It does not stop at a damaged segment. Errors name the
// file and wrap [ErrDamaged], [ErrNoBackup] or [ErrInUse].
func Check(ctx context.Context, dir string, progress func(done, total int64)) (Checked, error) {
	f, err := Open(dir)
	if err != nil {
		return Checked{Faults: []error{err}}, err
	}
	defer f.Close()
	return f.Check(ctx, nil, progress)
}

// Check does the same as the function [Check] for an open backup. If each is not nil, Check calls
// it with every record; each may keep the record.
func (f *Files) Check(
	ctx context.Context, each func(eventlog.Record), progress func(done, total int64),
) (c Checked, err error) {
	c.Manifest = f.Manifest
	total := f.Manifest.bytes()
	for _, t := range f.Manifest.Topics {
		for number, p := range t.Partitions {
			for _, s := range p.Segments {
				if ctx.Err() != nil {
					return c, context.Cause(ctx)
				}
				if err := c.segment(f.dir, t, int32(number), s, each); err != nil && len(c.Faults) < 20 {
					c.Faults = append(c.Faults, err)
				}
				c.Segments++
				c.Bytes += s.Bytes
				if progress != nil {
					progress(c.Bytes, total)
				}
			}
		}
	}
	return c, errors.Join(c.Faults...)
}

func (m *Manifest) bytes() (n int64) {
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			for _, s := range p.Segments {
				n += s.Bytes
			}
		}
	}
	return n
}

func (c *Checked) segment(dir string, t Topic, number int32, s Segment, each func(eventlog.Record)) error {
	next := s.First
	err := readSegment(dir, t.Name, number, s, func(r eventlog.Record) error {
		if r.Offset != next && !t.Compacted {
			return fmt.Errorf("%w: segment %s has offset %d after %d", ErrDamaged, s.File, r.Offset, next-1)
		}
		next = r.Offset + 1
		if !r.IsMarker() {
			c.Records++
			if !r.Restorable() {
				c.LeftOut++
			}
		}
		if each != nil {
			each(r)
		}
		return nil
	})
	if err == nil && next != s.Next && !t.Compacted {
		err = fmt.Errorf("%w: segment %s ends before offset %d", ErrDamaged, s.File, next)
	}
	return err
}
