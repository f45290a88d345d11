package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Source is the log to back up; *[eventlog.Log] implements it.
type Source interface {
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	ReadRaw(
		ctx context.Context, topic string, id eventlog.TopicID, in eventlog.PartitionRange,
		yield func(eventlog.Record) error,
	) error
}

// Config configures a backup run.
type Config struct {
	Dir      string
	Log      Source
	Topics   []eventlog.TopicSpec
	Tool     string // version of this program
	Now      func() time.Time
	Progress func(done, total int64) // gets the number of offsets read, and the total; may be nil

	segmentBytes int64 // for tests; 0: the constant
}

// Report is the result of a run.
type Report struct {
	Records  int64 `json:"records"`  // copied by this run
	Segments int   `json:"segments"` // in the whole backup
	Bytes    int64 `json:"bytes"`    // in the whole backup

	FinishedAt time.Time `json:"finished_at"`
}

type run struct {
	Config

	last   *Manifest
	next   *Manifest
	cut    map[string]cut
	report Report
	done   int64
	total  int64
}

type cut struct {
	id     eventlog.TopicID
	ranges []eventlog.PartitionRange
}

// Run updates the backup in a directory to the state of the log when Run is called. If Run is
// interrupted, the last backup stays valid, and the next run starts from it. Run returns an error
// and changes nothing if the directory is in use ([ErrInUse]), contains other files or a backup of
// another log, or contains records that are no longer in the log.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	cfg.segmentBytes = cmp.Or(cfg.segmentBytes, segmentBytes)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return report, fmt.Errorf("create the directory of the backup: %w", err)
	}
	release, err := lock(cfg.Dir)
	if err != nil {
		return report, err
	}
	defer release()
	r := &run{Config: cfg, cut: map[string]cut{}}
	if err := r.open(ctx); err != nil {
		return report, err
	}
	if err := r.tidy(r.last); err != nil {
		return report, err
	}
	for i := range r.next.Topics {
		for _, in := range r.cut[r.next.Topics[i].Name].ranges {
			if err := r.copy(ctx, &r.next.Topics[i], in); err != nil {
				return report, err
			}
		}
	}
	r.next.Finished = r.Now().UTC()
	r.report.FinishedAt = r.next.Finished
	if err := r.next.save(r.Dir); err != nil {
		return report, err
	}
	return r.report, r.tidy(r.next)
}

// open reads the last manifest and determines where this run ends. It reads the end of `operations`
// first, so that a signed checkpoint in the backup covers only records that are in the backup.
func (r *run) open(ctx context.Context) (err error) {
	r.last, err = Load(r.Dir)
	first := errors.Is(err, ErrNoBackup)
	if first {
		r.last = &Manifest{}
	} else if err != nil {
		return err
	}
	r.next = &Manifest{Format: manifestFormat, Tool: r.Tool, Cut: r.Now().UTC()}
	topics := slices.Clone(r.Topics)
	isOperations := func(t eventlog.TopicSpec) bool { return t.Name == domain.TopicOperations }
	if index := slices.IndexFunc(topics, isOperations); index > 0 {
		topics[0], topics[index] = topics[index], topics[0]
	}
	for _, spec := range topics {
		ranges, id, err := r.Log.Ranges(ctx, spec.Name)
		if err != nil {
			return err
		}
		t := Topic{
			Name: spec.Name, ID: id.String(), Compacted: spec.Compacted, Partitions: make([]Partition, len(ranges)),
		}
		for _, in := range ranges {
			t.Partitions[in.Partition].End = in.End
			r.total += in.End
		}
		if last := r.last.Topic(spec.Name); last != nil {
			if err := r.continues(*last, t, ranges); err != nil {
				return err
			}
		}
		if err := r.whole(t, ranges); err != nil {
			return err
		}
		r.next.Topics = append(r.next.Topics, t)
		r.cut[spec.Name] = cut{id: id, ranges: ranges}
	}
	if first {
		return r.refuseOtherFiles()
	}
	return nil
}

// continues returns an error if topic t is not the one in the last backup, or has lost records.
func (r *run) continues(last, t Topic, ranges []eventlog.PartitionRange) error {
	if last.ID != t.ID || len(last.Partitions) != len(t.Partitions) || last.Compacted != t.Compacted {
		return fmt.Errorf("%s contains a backup of a different topic %s (id %s, %d partitions; "+
			"the current one has id %s and %d partitions): the topic was created again after the backup, "+
			"for example by a restore. Use another directory, and keep this one until you know why",
			r.Dir, t.Name, last.ID, len(last.Partitions), t.ID, len(t.Partitions))
	}
	for _, in := range ranges {
		if backupEnd := last.Partitions[in.Partition].End; in.End < backupEnd {
			return fmt.Errorf("%s/%d ends at offset %d, but the backup in %s contains records up to %d: "+
				"the log was truncated. Keep this backup, and restore it",
				t.Name, in.Partition, in.End, r.Dir, backupEnd)
		}
	}
	return nil
}

// whole returns an error if some of a topic's records are neither in the log nor in the last backup. A
// backup of the others could not be restored, and could replace one that can. A backup that contains
// what is gone from the log is continued: only so are the later records kept.
func (r *run) whole(t Topic, ranges []eventlog.PartitionRange) error {
	for _, in := range ranges {
		if end := r.last.End(t.Name, in.Partition); in.Start > end && !t.Compacted {
			return fmt.Errorf("%w: %s/%d begins at offset %d, the backup in %s ends at %d, and no read model can be "+
				"built without the records in between. Keep the earlier backups: if one of them ends at offset %d or "+
				"later, continue it with 'ledgerboard backup --to', then restore it (docs/restore.md)",
				eventlog.ErrBelowStart, t.Name, in.Partition, in.Start, r.Dir, end, in.Start)
		}
	}
	return nil
}

// refuseOtherFiles returns an error unless the directory is empty or contains only files of an
// interrupted first run.
func (r *run) refuseOtherFiles() error {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return fmt.Errorf("open the backup: %w", err)
	}
	for _, e := range entries {
		expected := slices.ContainsFunc(r.next.Topics, func(t Topic) bool {
			return strings.HasPrefix(e.Name(), t.Name+"-")
		})
		if !expected && !strings.HasPrefix(e.Name(), partialPrefix) {
			return fmt.Errorf("%s is not empty and contains no backup: use another directory", r.Dir)
		}
	}
	return nil
}

// copy backs up one partition. Except on compacted topics, it keeps the segments of the last
// backup, but replaces a small last segment if the log still has all of its records.
func (r *run) copy(ctx context.Context, t *Topic, in eventlog.PartitionRange) (err error) {
	p := &t.Partitions[in.Partition]
	if last := r.last.Topic(t.Name); last != nil && !t.Compacted {
		p.Segments = slices.Clone(last.Partitions[in.Partition].Segments)
		n := len(p.Segments)
		if n > 0 && p.next() < in.End && p.Segments[n-1].Bytes < min(smallSegment, r.segmentBytes) &&
			p.Segments[n-1].First >= in.Start {
			p.Segments = p.Segments[:n-1]
		}
	}
	r.count(p.next())
	if p.next() < in.End {
		err = r.read(ctx, t, in)
	}
	for _, s := range p.Segments {
		r.report.Segments++
		r.report.Bytes += s.Bytes
	}
	return err
}

func (r *run) read(ctx context.Context, t *Topic, in eventlog.PartitionRange) error {
	dir := filepath.Join(r.Dir, partitionDir(t.Name, in.Partition))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create the directory of a partition: %w", err)
	}
	p := &t.Partitions[in.Partition]
	w, err := newSegment(dir, t.Name, in.Partition, p.next())
	if err != nil {
		return err
	}
	defer func() { w.abandon() }() // does nothing after close
	counted := p.next()
	in.Start = max(in.Start, counted)
	err = r.Log.ReadRaw(ctx, t.Name, r.cut[t.Name].id, in, func(rec eventlog.Record) error {
		if w.segment.Bytes >= r.segmentBytes {
			s, err := w.close(rec.Offset)
			if err != nil {
				return err
			}
			p.Segments = append(p.Segments, s)
			next, err := newSegment(dir, t.Name, in.Partition, s.Next)
			if err != nil {
				return err
			}
			w = next
		}
		if !rec.IsMarker() {
			r.report.Records++
		}
		r.count(rec.Offset + 1 - counted)
		counted = rec.Offset + 1
		return w.add(rec)
	})
	if err != nil {
		return err
	}
	r.count(in.End - counted)
	s, err := w.close(in.End)
	p.Segments = append(p.Segments, s)
	return err
}

func (r *run) count(offsets int64) {
	r.done += offsets
	if r.Progress != nil {
		r.Progress(r.done, r.total)
	}
}

// tidy removes files that are not in the manifest: those of an interrupted run and replaced
// segments.
func (r *run) tidy(m *Manifest) error {
	known := map[string]bool{}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			for _, s := range p.Segments {
				known[s.File] = true
			}
		}
	}
	obsolete, err := filepath.Glob(filepath.Join(r.Dir, partialPrefix+"*"))
	if err != nil {
		return fmt.Errorf("clean up the backup: %w", err)
	}
	for _, t := range r.next.Topics {
		for number := range t.Partitions {
			dir := partitionDir(t.Name, int32(number))
			entries, err := os.ReadDir(filepath.Join(r.Dir, dir))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("clean up the backup: %w", err)
			}
			for _, e := range entries {
				if !e.IsDir() && !known[dir+"/"+e.Name()] {
					obsolete = append(obsolete, filepath.Join(r.Dir, dir, e.Name()))
				}
			}
		}
	}
	for _, name := range obsolete {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("clean up the backup: %w", err)
		}
	}
	return nil
}
