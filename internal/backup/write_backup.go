package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/durable"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Source is the log that is backed up: an [eventlog.Log].
type Source interface {
	Ranges(ctx context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error)
	ReadRaw(ctx context.Context, topic string, id eventlog.TopicID, in eventlog.PartitionRange, yield func(eventlog.Record) error) error
}

// Config says what is backed up, and whereto.
type Config struct {
	Dir    string
	Log    Source
	Topics []eventlog.TopicSpec
	Tool   string // version of this program
	Now    func() time.Time
	// Progress is told how many offsets of how many are read; nil: nobody asks.
	Progress func(done, total int64)

	segmentBytes int64 // tests have small ones
}

// Report says what a run did.
type Report struct {
	Records  int64 `json:"records"`  // that were read and written
	Mended   int   `json:"mended"`   // segments that were damaged or gone, and were written anew
	Segments int   `json:"segments"` // of the whole backup now
	Bytes    int64 `json:"bytes"`    // of the whole backup now
}

// run is one run.
type run struct {
	Config

	m        *Manifest
	report   Report
	cut      map[string][]eventlog.PartitionRange
	cutAt    time.Time // before it was asked for
	done, of int64
}

// Run brings the backup in a directory up to what the log holds at the call. A run that was cut leaves the backup of before, and the next
// one goes on with what the cut one had finished. Topics that are compacted are written anew as a whole. Errors: [ErrInUse]; a directory
// that holds something else, or a backup of another log, or of more than the log holds, is refused and left as it is.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	cfg.segmentBytes = cmp.Or(cfg.segmentBytes, segmentBytes)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return report, fmt.Errorf("make the directory of the backup: %w", err)
	}
	release, err := lock(cfg.Dir, syscall.LOCK_EX)
	if err != nil {
		return report, err
	}
	defer release()
	r := &run{Config: cfg, cut: map[string][]eventlog.PartitionRange{}}
	if err := r.open(ctx); err != nil {
		return report, err
	}
	if err := r.m.tidy(cfg.Dir); err != nil {
		return report, err
	}
	err = r.copy(ctx)
	return r.report, err
}

// open reads what is there already, and settles up to where this run reads. The end of `operations` is read first: a signed checkpoint that
// is in the backup then covers nothing that is not.
func (r *run) open(ctx context.Context) error {
	m, err := r.manifest()
	if err != nil {
		return err
	}
	r.m = m
	r.cutAt = r.Now().UTC()
	topics := slices.Clone(r.Topics)
	if at := slices.IndexFunc(topics, func(t eventlog.TopicSpec) bool { return t.Name == domain.TopicOperations }); at > 0 {
		topics[0], topics[at] = topics[at], topics[0]
	}
	for _, spec := range topics {
		ranges, id, err := r.Log.Ranges(ctx, spec.Name)
		if err != nil {
			return err
		}
		t := m.Topic(spec.Name)
		if t == nil {
			m.Topics = append(m.Topics, Topic{Name: spec.Name, ID: id.String(), Compacted: spec.Compacted, Partitions: make([]Partition, len(ranges))})
			t = m.Topic(spec.Name)
		}
		if err := r.fits(t, spec, id, ranges); err != nil {
			return err
		}
		r.cut[spec.Name] = ranges
	}
	if m.Sum != "" {
		return nil
	}
	return m.save(r.Dir)
}

// manifest is that of the directory, or a new one in an empty directory.
func (r *run) manifest() (*Manifest, error) {
	m, err := Load(r.Dir)
	switch {
	case errors.Is(err, ErrNoBackup):
		entries, err := os.ReadDir(r.Dir)
		if err != nil {
			return nil, fmt.Errorf("open the backup: %w", err)
		}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), durable.PartialPrefix) }) {
			return nil, fmt.Errorf("%s is not empty and holds no backup: name another directory", r.Dir)
		}
		return &Manifest{Format: manifestFormat, Tool: r.Tool}, nil
	}
	return m, err
}

// fits refuses to go on with a backup of a topic that is another one, or shorter than what was read of it.
func (r *run) fits(t *Topic, spec eventlog.TopicSpec, id eventlog.TopicID, ranges []eventlog.PartitionRange) error {
	if t.ID != id.String() || len(t.Partitions) != len(ranges) || t.Compacted != spec.Compacted {
		return fmt.Errorf("%s holds a backup of another topic %s (id %s, %d partitions; this one has id %s and %d): it was made anew since, as a "+
			"restore does. Name another directory, and keep this one until you have looked", r.Dir, t.Name, t.ID, len(t.Partitions), id, len(ranges))
	}
	for _, in := range ranges {
		have := t.Partitions[in.Partition]
		switch {
		case in.End < max(have.End, have.next()):
			return fmt.Errorf("%s/%d ends at offset %d, and the backup in %s holds more, up to %d: the log was cut. Keep this backup, and restore it",
				t.Name, in.Partition, in.End, r.Dir, max(have.End, have.next()))
		case in.Start > 0 && !spec.Compacted:
			return fmt.Errorf("%w: %s/%d begins at offset %d: what was before is gone, and no read model can be made without it. Look at the topic's "+
				"settings (ledgerboard log)", eventlog.ErrBelowStart, t.Name, in.Partition, in.Start)
		}
	}
	return nil
}

// copy reads all topics; the manifest tells of it only when all are read.
func (r *run) copy(ctx context.Context) error {
	whole := map[string][]Partition{} // of compacted topics
	for i := range r.m.Topics {
		t := &r.m.Topics[i]
		for _, in := range r.cut[t.Name] {
			r.of += in.End
			if !t.Compacted {
				r.of -= min(in.End, t.Partitions[in.Partition].next())
			}
		}
	}
	for i := range r.m.Topics {
		t := &r.m.Topics[i]
		for _, in := range r.cut[t.Name] {
			if t.Compacted {
				p := Partition{End: in.End}
				if err := r.read(ctx, t, in.Partition, 0, in.End, r.into(&p.Segments)); err != nil {
					return err
				}
				whole[t.Name] = append(whole[t.Name], p)
				continue
			}
			if err := r.extend(ctx, t, in); err != nil {
				return err
			}
		}
	}
	return r.finish(whole)
}

// finish makes what was read the backup, and removes what it replaces.
func (r *run) finish(whole map[string][]Partition) error {
	for i := range r.m.Topics {
		t := &r.m.Topics[i]
		if t.Compacted {
			t.Partitions = whole[t.Name]
		}
		for _, in := range r.cut[t.Name] {
			t.Partitions[in.Partition].End = in.End
			for _, s := range t.Partitions[in.Partition].Segments {
				r.report.Segments++
				r.report.Bytes += s.Bytes
			}
		}
	}
	r.m.Cut, r.m.Finished, r.m.Tool, r.m.Checkpoint = r.cutAt, r.Now().UTC(), r.Tool, r.m.Newest
	if err := r.m.save(r.Dir); err != nil {
		return err
	}
	if r.m.Checkpoint != nil {
		if err := durable.ReplaceFile(filepath.Join(r.Dir, checkpointFile), []byte(r.m.Checkpoint.Note), 0o600); err != nil {
			return err
		}
	}
	return r.m.tidy(r.Dir)
}
