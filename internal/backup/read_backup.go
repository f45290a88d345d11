package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotEmpty is returned if the target topics contain records.
var ErrNotEmpty = errors.New("the brokers hold a log already; nothing was changed")

// Files is a locked backup: the files that are restored are those that were checked.
type Files struct {
	Manifest *Manifest

	dir     string
	release func()
}

// Open locks a backup until it is closed. Errors: [ErrNoBackup], [ErrDamaged], [ErrInUse].
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
// If the target's topics are neither missing nor empty, the error wraps [ErrNotEmpty].
func (f *Files) CheckTarget(ctx context.Context, target *eventlog.Target) error {
	specs := target.Topics()
	for _, s := range specs {
		if f.Manifest.Topic(s.Name) == nil {
			return fmt.Errorf("the backup has no topic %s: restore with the version that wrote it (%s)", s.Name, f.Manifest.Tool)
		}
	}
	contents, err := target.ExistingRanges(ctx)
	if err != nil {
		return err
	}
	for _, t := range f.Manifest.Topics {
		// Other partition counts would assign keys to other partitions than those of the log.
		index := slices.IndexFunc(specs, func(s eventlog.TopicSpec) bool { return s.Name == t.Name })
		if index < 0 || int(specs[index].Partitions) != len(t.Partitions) || specs[index].Compacted != t.Compacted {
			return fmt.Errorf("topic %s of the backup (%d partitions) does not match this program: restore with the version that wrote it (%s)",
				t.Name, len(t.Partitions), f.Manifest.Tool)
		}
		existing := contents[t.Name]
		if existing != nil && len(existing) != len(t.Partitions) {
			return fmt.Errorf("%w: topic %s has %d partitions in the cluster, but %d in the backup",
				ErrNotEmpty, t.Name, len(existing), len(t.Partitions))
		}
		for _, in := range existing {
			if in.End > 0 {
				return fmt.Errorf("%w: %s/%d ends at offset %d. Restore into a cluster without our topics, or delete them "+
					"from this cluster first (this also applies after an interrupted restore)",
					ErrNotEmpty, t.Name, in.Partition, in.End)
			}
		}
	}
	return nil
}

// Restore creates missing topics and appends all records. The backup must be open, and Check and
// CheckTarget must have succeeded. When Restore returns, all records are on all in-sync replicas.
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
					"Stop it, delete the topics, and restore again", topic, in.Partition, in.End, end)
			}
		}
	}
	return nil
}

// append returns the end offset of the partition after the restore.
func (f *Files) append(ctx context.Context, target *eventlog.Target, t Topic, partition int32) (int64, error) {
	appender, err := target.AppendTo(t.Name, partition)
	if err != nil {
		return 0, err
	}
	p := t.Partitions[partition]
	for _, s := range p.Segments {
		err := readSegment(f.dir, t.Name, partition, s, func(rec eventlog.Record) error { return appender.Add(ctx, rec) })
		if err != nil {
			return 0, err
		}
	}
	end, err := appender.End(ctx)
	if err == nil && end != p.End && !t.Compacted {
		err = fmt.Errorf("%w: the backup of %s/%d ends at %d, before %d", eventlog.ErrGap, t.Name, partition, end, p.End)
	}
	return end, err
}

// Checked is the result of a check.
type Checked struct {
	Manifest *Manifest
	Records  int64
	Bytes    int64
	Segments int
	Faults   []error // at most 20
}

// Check reads a whole backup without a broker and checks that every segment exists, matches its
// checksum and continues the previous one. Errors name the file and wrap [ErrDamaged],
// [ErrNoBackup] or [ErrInUse]; a damaged segment does not stop the check.
func Check(ctx context.Context, dir string, progress func(done, total int64)) (Checked, error) {
	f, err := Open(dir)
	if err != nil {
		return Checked{Faults: []error{err}}, err
	}
	defer f.Close()
	return f.Check(ctx, nil, progress)
}

// Check does the same as the function [Check] for an open backup. If each is not nil, it is called
// with every record and may keep its bytes.
func (f *Files) Check(ctx context.Context, each func(eventlog.Record), progress func(done, total int64)) (c Checked, err error) {
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
		c.Records++
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
