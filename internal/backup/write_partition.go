package backup

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// extend writes what a partition of a topic that is not compacted has more than the backup, and segments that are damaged anew.
func (r *run) extend(ctx context.Context, t *Topic, in eventlog.PartitionRange) error {
	p := &t.Partitions[in.Partition]
	for i := 0; i < len(p.Segments); i++ {
		s := p.Segments[i]
		if r.whole(t.Name, in.Partition, s, i == len(p.Segments)-1) {
			continue
		}
		r.report.Mended++
		var anew []Segment
		if err := r.read(ctx, t, in.Partition, s.First, s.Next, r.into(&anew)); err != nil {
			return err
		}
		p.Segments = slices.Replace(p.Segments, i, i+1, anew...)
		i += len(anew) - 1
		if err := r.m.save(r.Dir); err != nil {
			return err
		}
	}
	if p.next() >= in.End {
		return nil
	}
	kept := len(p.Segments)
	if kept > 0 && p.Segments[kept-1].Bytes < min(smallSegment, r.segmentBytes) {
		kept--
	}
	from := Partition{Segments: p.Segments[:kept]}.next()
	return r.read(ctx, t, in.Partition, from, in.End, func(s Segment) error {
		// In the place of the small one, once it holds as much: until then the small one stands.
		if kept < len(p.Segments) && s.Next < p.Segments[kept].Next {
			return errors.New("a segment was made smaller than the one it replaces")
		}
		p.Segments = append(p.Segments[:kept:kept], s)
		kept++
		return r.m.save(r.Dir)
	})
}

// whole tells whether a segment is what the manifest says. The last of a partition is read, and those in which [Check] found something; the
// others are looked at by their size: to read all at each run would take as long as a backup from the beginning.
func (r *run) whole(topic string, partition int32, s Segment, last bool) bool {
	path := filepath.Join(r.Dir, filepath.FromSlash(s.File))
	if info, err := os.Stat(path); err != nil || info.Size() != s.Bytes {
		return false
	}
	_, err := os.Stat(path + suspectSuffix)
	marked := !errors.Is(err, fs.ErrNotExist)
	if !last && !marked {
		return true
	}
	if readSegment(r.Dir, topic, partition, s, func(eventlog.Record) error { return nil }) != nil {
		return false
	}
	if marked { // the one that is written anew keeps its mark until it was read
		_ = os.Remove(path + suspectSuffix)
	}
	return true
}

func (r *run) into(list *[]Segment) func(Segment) error {
	return func(s Segment) error {
		*list = append(*list, s)
		return nil
	}
}

// read writes the offsets from first to end as segments, each handed over when it is on the disk.
func (r *run) read(ctx context.Context, t *Topic, partition int32, first, end int64, finished func(Segment) error) (err error) {
	if first >= end {
		return nil
	}
	dir := filepath.Join(r.Dir, partitionDir(t.Name, partition))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of a partition: %w", err)
	}
	w, err := newSegment(dir, t.Name, partition, first)
	if err != nil {
		return err
	}
	defer func() { w.abandon() }() // of a finished one there is nothing to remove
	id, err := topicID(t)
	if err != nil {
		return err
	}
	start := first
	for _, in := range r.cut[t.Name] {
		if in.Partition == partition {
			start = max(start, in.Start) // the cleaner has left nothing before
		}
	}
	counted := first
	err = r.Log.ReadRaw(ctx, t.Name, id, eventlog.PartitionRange{Partition: partition, Start: start, End: end}, func(rec eventlog.Record) error {
		if w.segment.Bytes >= r.segmentBytes {
			s, err := w.close(rec.Offset)
			if err == nil {
				err = finished(s)
			}
			if err == nil {
				w, err = newSegment(dir, t.Name, partition, s.Next)
			}
			if err != nil {
				return err
			}
		}
		r.note(rec)
		r.count(rec.Offset + 1 - counted)
		counted = rec.Offset + 1
		return w.add(rec)
	})
	if err != nil {
		return err
	}
	r.count(end - counted)
	s, err := w.close(end)
	if err != nil {
		return err
	}
	return finished(s)
}

func (r *run) count(offsets int64) {
	r.done += offsets
	if r.Progress != nil {
		r.Progress(r.done, max(r.of, r.done))
	}
}

// note counts a record, and remembers the newest checkpoint.
func (r *run) note(rec eventlog.Record) {
	r.report.Records++
	var signed domain.CheckpointSigned
	if rec.Topic == domain.TopicOperations && rec.Header("ce_type") == signed.EventType() && json.Unmarshal(rec.Value, &signed) == nil {
		if r.m.Newest == nil || r.m.Newest.Offset < rec.Offset { // all have one key, and so one partition
			r.m.Newest = &Checkpoint{Partition: rec.Partition, Offset: rec.Offset, Note: signed.Note}
		}
	}
}

// topicID reads the id of the topic that was read.
func topicID(t *Topic) (eventlog.TopicID, error) {
	id, err := hex.DecodeString(t.ID)
	if err != nil || len(id) != len(eventlog.TopicID{}) {
		return eventlog.TopicID{}, fmt.Errorf("%w: %q is not the id of topic %s", ErrDamaged, t.ID, t.Name)
	}
	return eventlog.TopicID(id), nil
}
