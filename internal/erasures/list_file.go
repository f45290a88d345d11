package erasures

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/durable"
)

// Read reads the list of erasures: one JSON object ([domain.ErasedID]) a line. No file, or none named, is an empty list; an error
// names the line that is wrong.
func Read(path string) (domain.Erasures, error) {
	if path == "" {
		return domain.Erasures{}, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the list of erasures: %w", err)
	}
	var lines []domain.ErasedID
	for n, scan := 1, bufio.NewScanner(bytes.NewReader(raw)); scan.Scan(); n++ {
		var line domain.ErasedID
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		err := json.Unmarshal(scan.Bytes(), &line)
		if err == nil && (line.Kind == "" || line.ID == "" || line.At.IsZero()) {
			err = errors.New("kind, id or at is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("the list of erasures, %s line %d: %w; mend the line, nothing is erased again until then", path, n, err)
		}
		lines = append(lines, line)
	}
	return domain.NewErasures(lines), nil
}

// Append appends lines to the list, and returns when they are on the disk. It makes the file, for its owner alone; without a path
// it does nothing.
func Append(path string, lines []domain.ErasedID) (err error) {
	if path == "" {
		return nil
	}
	var text bytes.Buffer
	for _, line := range lines {
		if err := json.NewEncoder(&text).Encode(line); err != nil {
			return fmt.Errorf("append to the list of erasures: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	_, err = file.Write(text.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil { // the name of a new file
		return fmt.Errorf("append to the list of erasures: %w", err)
	}
	return nil
}
