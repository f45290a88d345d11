package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotFinished says that no run has ended yet that read all topics: the topics do not belong to one moment.
var ErrNotFinished = errors.New("the backup is not finished: run ledgerboard backup again with the same directory, it goes on where it was cut")

// Checked is what a backup holds.
type Checked struct {
	Manifest *Manifest
	Records  int64 // below the ends of their partitions
	Bytes    int64
	Segments int
	Faults   []error // the first of them
	Remark   string  // about what no restore needs
}

// maxFaults bounds how many faults are named.
const maxFaults = 20

// Check reads a whole backup without a broker: every segment is there, is what was written, and they are continuous. each, if set, gets
// every record that a restore writes; its bytes are its own. Errors name the file and wrap [ErrDamaged], [ErrNoBackup], [ErrNotFinished] or
// [ErrInUse]; all segments are read all the same.
func Check(ctx context.Context, dir string, each func(eventlog.Record), progress func(done, total int64)) (c Checked, err error) {
	release, err := lock(dir, syscall.LOCK_SH)
	if err != nil {
		return c, err
	}
	defer release()
	m, err := Load(dir)
	if err != nil {
		return Checked{Faults: []error{err}}, err
	}
	return check(ctx, dir, m, each, progress)
}

func check(ctx context.Context, dir string, m *Manifest, each func(eventlog.Record), progress func(done, total int64)) (c Checked, err error) {
	c.Manifest = m
	if m.Finished.IsZero() {
		c.Faults = []error{ErrNotFinished}
		return c, ErrNotFinished
	}
	c.Remark = c.checkNote(dir)
	total := c.Manifest.bytes()
	for _, t := range c.Manifest.Topics {
		for number, p := range t.Partitions {
			for _, s := range p.Segments {
				if ctx.Err() != nil {
					return c, context.Cause(ctx)
				}
				if err := c.segment(dir, t, int32(number), s, each); err != nil && len(c.Faults) < maxFaults {
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

// suspectSuffix ends the name of an empty file beside a segment in which [Check] found damage: the next run reads that segment. Nothing of
// the segment itself is touched, because what is wrong may be how it was read.
const suspectSuffix = ".suspect"

func suspect(dir string, s Segment) error {
	err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(s.File)+suspectSuffix), nil, 0o600)
	if err == nil || errors.Is(err, fs.ErrNotExist) { // a run makes what is missing anyway
		return nil
	}
	return fmt.Errorf("%s is not marked for the next run, remove it before that: %w", s.File, err)
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
	end, next := t.Partitions[number].End, s.First
	err := readSegment(dir, t.Name, number, s, func(r eventlog.Record) error {
		if r.Offset != next && !t.Compacted {
			return fmt.Errorf("%w: segment %s has offset %d after %d", ErrDamaged, s.File, r.Offset, next-1)
		}
		next = r.Offset + 1
		if r.Offset < end {
			c.Records++
			if each != nil {
				each(r)
			}
		}
		return nil
	})
	if err == nil && next != s.Next && !t.Compacted {
		err = fmt.Errorf("%w: segment %s ends before offset %d", ErrDamaged, s.File, next)
	}
	if err != nil {
		err = errors.Join(err, suspect(dir, s))
	}
	return err
}

// checkNote compares the checkpoint's own file with the manifest, whose word is the checkpoint. A run that was cut between the two leaves
// another.
func (c *Checked) checkNote(dir string) (remark string) {
	if c.Manifest.Checkpoint == nil {
		return ""
	}
	note, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err == nil && bytes.Equal(note, []byte(c.Manifest.Checkpoint.Note)) {
		return ""
	}
	return fmt.Sprintf("%s is not the checkpoint that %s has, which counts; the next run writes it anew", checkpointFile, manifestFile)
}
