package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Checked is the result of a check.
type Checked struct {
	Manifest *Manifest
	Records  int64
	Bytes    int64
	Segments int
	Faults   []error // at most maxFaults
}

// maxFaults limits the number of reported faults.
const maxFaults = 20

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
				if err := c.segment(f.dir, t, int32(number), s, each); err != nil && len(c.Faults) < maxFaults {
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
