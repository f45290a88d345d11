package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// partialPrefix begins the names of files that are being written. After a crash such a file may be left; it is ignored.
const partialPrefix = "partial-"

// ReplaceFile replaces a small file in one step, and returns when it and its name are on the disk: a reader, or a start
// after a crash, sees the old or the new one.
func ReplaceFile(path string, raw []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), partialPrefix)
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

// syncDir returns when the names in a directory are on the disk: those of files that were made, replaced or removed. A file
// that was synced itself may be without its name until then.
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
