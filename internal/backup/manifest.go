package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/tempfile"
)

const (
	manifestFile   = "manifest.json"
	manifestFormat = "ledgerboard.backup.v1"
)

// Manifest lists the contents of a backup. The file is replaced atomically and never names an
// incomplete segment.
type Manifest struct {
	Format   string    `json:"format"`
	Tool     string    `json:"tool"`        // version of the program at the last run
	Finished time.Time `json:"finished_at"` // end of the last run
	// Cut is the time when the last run began to read the ends of the partitions. Records appended
	// after that may be missing from the backup, even if the run took long.
	Cut    time.Time `json:"cut_at"`
	Topics []Topic   `json:"topics"`
	Sum    string    `json:"sha256"` // of this file with an empty sum; must be the last field
}

// Topic is one topic. Its name is the one that package domain uses.
type Topic struct {
	Name       string      `json:"name"`
	ID         string      `json:"topic_id"` // Kafka's id of the topic, 32 hex digits
	Compacted  bool        `json:"compacted,omitempty"`
	Partitions []Partition `json:"partitions"` // all partitions, in order, from 0
}

// Partition lists the segments of a partition, which contain all records with offsets below End.
type Partition struct {
	End      int64     `json:"end"`
	Segments []Segment `json:"segments"` // the first starts at 0, the others at the previous Next
}

func (p Partition) next() int64 {
	if len(p.Segments) == 0 {
		return 0
	}
	return p.Segments[len(p.Segments)-1].Next
}

// Segment is one file with all records of a partition from offset First up to, but not including,
// offset Next.
type Segment struct {
	File    string `json:"file"` // path relative to the directory of the backup
	First   int64  `json:"first"`
	Next    int64  `json:"next"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// Topic returns the topic with the given name, or nil.
func (m *Manifest) Topic(name string) *Topic {
	if i := slices.IndexFunc(m.Topics, func(t Topic) bool { return t.Name == name }); i >= 0 {
		return &m.Topics[i]
	}
	return nil
}

// End returns the end offset of a partition at the time of the backup, or 0 if the backup does not
// contain the partition.
func (m *Manifest) End(topic string, partition int32) int64 {
	if t := m.Topic(topic); t != nil && int(partition) < len(t.Partitions) {
		return t.Partitions[partition].End
	}
	return 0
}

// ErrNoBackup means that a directory contains no backup.
var ErrNoBackup = errors.New("there is no backup")

// Load reads and checks the manifest in a directory. The error wraps [ErrNoBackup] or [ErrDamaged].
func Load(dir string) (*Manifest, error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s (no %s)", ErrNoBackup, dir, manifestFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	var header struct {
		Format string `json:"format"`
	}
	// Of another format, this program knows neither the checksum nor the structure.
	if err := json.Unmarshal(raw, &header); err == nil && header.Format != manifestFormat {
		return nil, fmt.Errorf("%s has the format %.40q, but this program reads %q: use the program that wrote it",
			manifestFile, header.Format, manifestFormat)
	}
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", ErrDamaged, manifestFile, err)
	}
	if sumOf(withSum(raw, m.Sum, "")) != m.Sum {
		return nil, fmt.Errorf("%w: the SHA-256 of %s does not match", ErrDamaged, manifestFile)
	}
	return m, m.validate()
}

func (m *Manifest) validate() error {
	for _, t := range m.Topics {
		for number, p := range t.Partitions {
			offset := int64(0)
			for _, s := range p.Segments {
				if s.First != offset || s.Next < s.First || len(s.SHA256) != 2*sha256.Size ||
					!filepath.IsLocal(filepath.FromSlash(s.File)) {
					return fmt.Errorf("%w: %s: the segments of %s/%d are not continuous at offset %d",
						ErrDamaged, manifestFile, t.Name, number, offset)
				}
				offset = s.Next
			}
			if offset != p.End {
				return fmt.Errorf("%w: %s: the segments of %s/%d end at %d, not at offset %d",
					ErrDamaged, manifestFile, t.Name, number, offset, p.End)
			}
		}
	}
	return nil
}

// withSum replaces the checksum, which is the last field, in the raw file.
func withSum(raw []byte, old, sum string) []byte {
	before, after := []byte(`"sha256": "`+old+`"`), []byte(`"sha256": "`+sum+`"`)
	index := bytes.LastIndex(raw, before)
	if index < 0 {
		return raw
	}
	return slices.Concat(raw[:index], after, raw[index+len(before):])
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// save replaces the manifest file and returns once the new one is on disk.
func (m *Manifest) save(dir string) error {
	m.Sum = ""
	raw, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	raw = append(raw, '\n')
	m.Sum = sumOf(raw)
	return ReplaceFile(filepath.Join(dir, manifestFile), withSum(raw, "", m.Sum), 0o600)
}

// ErrInUse means that another process is writing, checking or restoring the backup.
var ErrInUse = errors.New("another process is using this backup: wait until it finishes")

// lock locks a backup until release is called. The lock is on the directory itself, which may be
// read-only. The kernel releases it when the process exits.
func lock(dir string) (release func(), err error) {
	file, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s (no such directory)", ErrNoBackup, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (%s)", ErrInUse, dir)
		}
		return nil, fmt.Errorf("lock the backup: %w", err)
	}
	return func() {
		// A child process between fork and exec may have a copy of the descriptor.
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}, nil
}

func partitionDir(topic string, partition int32) string {
	return fmt.Sprintf("%s-%03d", topic, partition)
}

// partialPrefix is the prefix of files that are being written. A crash may leave such files, which
// are ignored.
const partialPrefix = "partial-"

// ReplaceFile replaces a small file atomically and returns once the file and its name are on disk.
// Readers see either the old or the new content, even after a crash.
func ReplaceFile(path string, raw []byte, mode fs.FileMode) error {
	file, err := tempfile.Create(filepath.Dir(path), partialPrefix)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir writes the names of the files in a directory to disk, because syncing a file does not
// sync its name.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}
