package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"syscall"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotEmpty refuses to restore to where something else lies.
var ErrNotEmpty = errors.New("the brokers hold a log already; nothing was changed")

// Files are a backup that nobody else uses: what was checked is what is restored.
type Files struct {
	Manifest *Manifest

	dir     string
	release func()
}

// Open keeps others from a backup until it is closed. Errors: [ErrNoBackup], [ErrDamaged], [ErrInUse].
func Open(dir string) (*Files, error) {
	release, err := lock(dir, syscall.LOCK_EX)
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

// Check is [Check].
func (f *Files) Check(ctx context.Context, each func(eventlog.Record), progress func(done, total int64)) (Checked, error) {
	return check(ctx, f.dir, f.Manifest, each, progress)
}

// Restore is a restore under way.
type Restore struct {
	dir    string
	m      *Manifest
	target *eventlog.Target
	held   map[string]eventlog.Held
}

// Restore looks whether a backup can be restored to the target, and changes nothing. The backup must have been checked, and stay open. It
// may be restored where topics are absent or empty, or hold nothing but its own beginning, as an interrupted restore leaves them.
func (f *Files) Restore(ctx context.Context, target *eventlog.Target) (_ *Restore, err error) {
	r := &Restore{dir: f.dir, m: f.Manifest, target: target}
	if r.m.Finished.IsZero() {
		return nil, ErrNotFinished
	}
	if err := r.sameTopics(); err != nil {
		return nil, err
	}
	if r.held, err = target.Held(ctx); err != nil {
		return nil, err
	}
	return r, r.compare(ctx)
}

// Left is how many offsets are to be written.
func (r *Restore) Left() (n int64) {
	for _, t := range r.m.Topics {
		for number, p := range t.Partitions {
			n += max(0, p.End-r.end(t.Name, int32(number)))
		}
	}
	return n
}

// Begun tells whether the target holds something of the backup already.
func (r *Restore) Begun() bool {
	return slices.ContainsFunc(r.m.Topics, func(t Topic) bool {
		return slices.ContainsFunc(r.held[t.Name].Ranges, func(in eventlog.PartitionRange) bool { return in.End > 0 })
	})
}

// sameTopics refuses where partitions would be others than those of the log: keys would lie elsewhere.
func (r *Restore) sameTopics() error {
	specs := r.target.Topics()
	for _, t := range r.m.Topics {
		at := slices.IndexFunc(specs, func(s eventlog.TopicSpec) bool { return s.Name == t.Name })
		if at < 0 || int(specs[at].Partitions) != len(t.Partitions) || specs[at].Compacted != t.Compacted {
			return fmt.Errorf("topic %s of the backup (%d partitions) is not one that this program makes: restore with the version that wrote it (%s)",
				t.Name, len(t.Partitions), r.m.Tool)
		}
	}
	for _, s := range specs {
		if r.m.Topic(s.Name) == nil {
			return fmt.Errorf("the backup has no topic %s: restore with the version that wrote it (%s)", s.Name, r.m.Tool)
		}
	}
	return nil
}

// end is where a partition of the target ends.
func (r *Restore) end(topic string, partition int32) int64 {
	for _, in := range r.held[topic].Ranges {
		if in.Partition == partition {
			return in.End
		}
	}
	return 0
}

// compare holds what lies at the target against the backup.
func (r *Restore) compare(ctx context.Context) error {
	for _, t := range r.m.Topics {
		held := r.held[t.Name]
		if held.Ranges != nil && len(held.Ranges) != len(t.Partitions) {
			return fmt.Errorf("%w: topic %s has %d partitions there, and %d in the backup", ErrNotEmpty, t.Name, len(held.Ranges), len(t.Partitions))
		}
		for _, in := range held.Ranges {
			if in.End > 0 && held.ID.String() == t.ID {
				return fmt.Errorf("%w: topic %s is the one that was backed up", ErrNotEmpty, t.Name)
			}
			if err := r.comparePartition(ctx, t, held.ID, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// comparePartition: nothing lies behind the backup's end there.
func (r *Restore) comparePartition(ctx context.Context, t Topic, id eventlog.TopicID, in eventlog.PartitionRange) error {
	if end := t.Partitions[in.Partition].End; in.End > end {
		return fmt.Errorf("%w: %s/%d goes up to offset %d there, and to %d in the backup. Restore into a cluster without our topics, or where they are empty",
			ErrNotEmpty, t.Name, in.Partition, in.End, end)
	}
	return r.compareRecords(ctx, t, id, in)
}

// compareRecords: what lies there is what the backup has, or fills an offset that it has not. On a compacted topic the cleaner may have
// taken records away again.
func (r *Restore) compareRecords(ctx context.Context, t Topic, id eventlog.TopicID, in eventlog.PartitionRange) error {
	if in.Start >= in.End {
		return nil
	}
	next, stop := iter.Pull2(r.records(t, in.Partition))
	defer stop()
	ours, err, more := next()
	return r.target.ReadRaw(ctx, t.Name, id, in, func(there eventlog.Record) error {
		for more && err == nil && ours.Offset < there.Offset {
			ours, err, more = next()
		}
		if err != nil {
			return err
		}
		if more && same(ours, there) || t.Compacted && r.target.Fills(there) {
			return nil
		}
		return fmt.Errorf("%w: the record at %s/%d offset %d is not the backup's. Restore into a cluster without our topics, or where they are empty",
			ErrNotEmpty, t.Name, in.Partition, there.Offset)
	})
}

// same compares all but the time of appending, of which a restore may have taken away what lay in the future.
func same(a, b eventlog.Record) bool {
	return a.Offset == b.Offset && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y eventlog.Header) bool { return x.Key == y.Key && bytes.Equal(x.Value, y.Value) })
}

// records are those of a partition that are restored.
func (r *Restore) records(t Topic, partition int32) iter.Seq2[eventlog.Record, error] {
	return func(yield func(eventlog.Record, error) bool) {
		p := t.Partitions[partition]
		errEnough := errors.New("enough")
		for _, s := range p.Segments {
			if s.First >= p.End {
				return
			}
			err := readSegment(r.dir, t.Name, partition, s, func(rec eventlog.Record) error {
				if rec.Offset < p.End && !yield(rec, nil) {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield(eventlog.Record{}, err)
				return
			}
		}
	}
}

// Write creates the topics that are absent and appends what is left, each record at its offset. When it was cut, a restore that is begun
// again goes on behind it. What it wrote is there on all in-sync replicas when it returns.
func (r *Restore) Write(ctx context.Context, progress func(done, total int64)) error {
	if err := r.target.Create(ctx); err != nil {
		return err
	}
	done, total := int64(0), r.Left()
	for _, t := range r.m.Topics {
		for number := range t.Partitions {
			end := t.Partitions[number].End
			from := r.end(t.Name, int32(number))
			if from >= end {
				continue
			}
			if err := r.append(ctx, t, int32(number), from); err != nil {
				return err
			}
			if done += end - from; progress != nil {
				progress(done, total)
			}
		}
	}
	return r.readBack(ctx)
}

func (r *Restore) append(ctx context.Context, t Topic, partition int32, from int64) error {
	to, err := r.target.AppendTo(t.Name, partition, from)
	if err != nil {
		return err
	}
	for rec, err := range r.records(t, partition) {
		if err == nil && rec.Offset >= from {
			err = to.Add(ctx, rec)
		}
		if err != nil {
			return err
		}
	}
	return to.End(ctx, t.Partitions[partition].End)
}

// readBack asks the brokers where each partition ends now.
func (r *Restore) readBack(ctx context.Context) (err error) {
	if r.held, err = r.target.Held(ctx); err != nil {
		return err
	}
	for _, t := range r.m.Topics {
		for number, p := range t.Partitions {
			if end := r.end(t.Name, int32(number)); end != p.End {
				return fmt.Errorf("%s/%d ends at offset %d, and must at %d: something else writes there. Stop it, delete the topics, and restore again",
					t.Name, number, end, p.End)
			}
		}
	}
	return nil
}
