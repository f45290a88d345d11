package backup

import (
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func (c Config) WithSegments(bytes int64) Config {
	c.segmentBytes = bytes
	return c
}

// LeaveOut rewrites a segment of a backup without one of its records, with correct checksums in the
// file and the manifest.
func LeaveOut(dir, topic string, partition int32, offset int64) error {
	m, err := Load(dir)
	if err != nil {
		return err
	}
	segments := m.Topic(topic).Partitions[partition].Segments
	for i, s := range segments {
		if offset < s.First || offset >= s.Next {
			continue
		}
		w, err := newSegment(filepath.Join(dir, filepath.Dir(filepath.FromSlash(s.File))), topic, partition, s.First)
		if err != nil {
			return err
		}
		err = readSegment(dir, topic, partition, s, func(r eventlog.Record) error {
			if r.Offset == offset {
				return nil
			}
			return w.add(r)
		})
		if err != nil {
			return err
		}
		if segments[i], err = w.close(s.Next); err != nil {
			return err
		}
	}
	return m.save(dir)
}
