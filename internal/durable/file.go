package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PartialPrefix begins the names of files that are being written. After a crash such a file may be left; it never counts.
const PartialPrefix = "partial-"

// ReplaceFile replaces a small file in one step, and returns when it and its name are on the disk: a reader, or a start after a crash,
// sees the old or the new one.
func ReplaceFile(path string, raw []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), PartialPrefix)
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
	return SyncDir(filepath.Dir(path))
}
