package proof

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

// File is the list of checkpoints outside of the log: signed notes one after the other, an empty line
// behind each. It is only ever appended to, so that it may lie on a medium that allows nothing else
// (chattr +a, a WORM share). A torn write stays where it is; readers pass over it.
type File struct {
	Path string
}

// read returns the notes of the file and where a write was torn. A missing file is an empty one.
func (f File) read() (notes, torn []sighting, err error) {
	raw, err := os.ReadFile(f.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read checkpoint file: %w", err)
	}
	for _, s := range splitFile(filepath.Base(f.Path), string(raw)) {
		if s.torn {
			torn = append(torn, s)
		} else {
			notes = append(notes, s)
		}
	}
	return notes, torn, nil
}

// Stated is a checkpoint in the text of a file. Nobody has looked at its signature, which may be torn.
type Stated struct {
	Checkpoint

	Note string // with the signature
}

// ReadStated reads the checkpoints in the text of a [File], in their order; what is none is passed over.
func ReadStated(text string) (list []Stated) {
	for _, s := range splitFile("", text) {
		stated, _, _ := strings.Cut(s.note, "\n\n")
		if c, err := ParseCheckpoint(stated + "\n"); err == nil {
			list = append(list, Stated{c, s.note})
		}
	}
	return list
}

// append adds a note and returns once it is on disk. A file that ends within a line, because a write
// was torn, gets the end of that line first.
func (f File) append(note string) (err error) {
	_, statErr := os.Stat(f.Path)
	file, err := os.OpenFile(f.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("open checkpoint file: %w", err)
	}
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close checkpoint file: %w", closed)
		}
	}()
	text := strings.TrimSuffix(note, "\n") + "\n\n"
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			text = "\n" + text
		}
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("append to checkpoint file: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync checkpoint file: %w", err)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		return durable.SyncDir(filepath.Dir(f.Path))
	}
	return nil
}
