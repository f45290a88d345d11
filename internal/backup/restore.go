package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotEmpty refuses to restore into topics that hold records.
var ErrNotEmpty = errors.New("the brokers hold a log already; nothing was changed")

// Files are a backup that no other process uses: what was checked is what is restored.
type Files struct {
	Manifest *Manifest

	dir     string
	release func()
}

// Open keeps others from a backup until it is closed. Errors: [ErrNoBackup], [ErrDamaged], [ErrInUse].
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

// Close lets others use the backup.
func (f *Files) Close() { f.release() }

// Fits reports why a backup cannot be restored to the target, and changes nothing. Its topics must be absent or empty there, or the error
// wraps [ErrNotEmpty].
func (f *Files) Fits(ctx context.Context, target *eventlog.Target) error {
	specs := target.Topics()
	for _, s := range specs {
		if f.Manifest.Topic(s.Name) == nil {
			return fmt.Errorf("the backup has no topic %s: restore with the version that wrote it (%s)", s.Name, f.Manifest.Tool)
		}
	}
	held, err := target.Held(ctx)
	if err != nil {
		return err
	}
	for _, t := range f.Manifest.Topics {
		// With other partitions, keys would be in other places than those of the log.
		at := slices.IndexFunc(specs, func(s eventlog.TopicSpec) bool { return s.Name == t.Name })
		if at < 0 || int(specs[at].Partitions) != len(t.Partitions) || specs[at].Compacted != t.Compacted {
			return fmt.Errorf("topic %s of the backup (%d partitions) is not one that this program makes: restore with the version that wrote it (%s)",
				t.Name, len(t.Partitions), f.Manifest.Tool)
		}
		there := held[t.Name]
		if there != nil && len(there) != len(t.Partitions) {
			return fmt.Errorf("%w: topic %s has %d partitions there, and %d in the backup", ErrNotEmpty, t.Name, len(there), len(t.Partitions))
		}
		for _, in := range there {
			if in.End > 0 {
				return fmt.Errorf("%w: %s/%d ends at offset %d. Restore into a cluster without our topics, or delete them there first (also after a "+
					"restore that was interrupted)", ErrNotEmpty, t.Name, in.Partition, in.End)
			}
		}
	}
	return nil
}

// Restore creates the topics that are absent and appends all records. The backup must have been checked, fit, and stay open. What was
// written is on all in-sync replicas when it returns.
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
	held, err := target.Held(ctx)
	if err != nil {
		return err
	}
	for topic, ranges := range held {
		for _, in := range ranges {
			if end := ends[topic][in.Partition]; in.End != end {
				return fmt.Errorf("%s/%d ends at offset %d, and must at %d: something else writes there. Stop it, delete the topics, and restore again",
					topic, in.Partition, in.End, end)
			}
		}
	}
	return nil
}

// append returns where the partition ends then.
func (f *Files) append(ctx context.Context, target *eventlog.Target, t Topic, partition int32) (int64, error) {
	to, err := target.AppendTo(t.Name, partition)
	if err != nil {
		return 0, err
	}
	p := t.Partitions[partition]
	for _, s := range p.Segments {
		err := readSegment(f.dir, t.Name, partition, s, func(rec eventlog.Record) error { return to.Add(ctx, rec) })
		if err != nil {
			return 0, err
		}
	}
	end, err := to.End(ctx)
	if err == nil && end != p.End && !t.Compacted {
		err = fmt.Errorf("%w: the backup of %s/%d ends at %d, before %d", eventlog.ErrGap, t.Name, partition, end, p.End)
	}
	return end, err
}
