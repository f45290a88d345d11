package durable

import (
	"errors"
	"fmt"
	"os"
)

// SyncDir returns when the names in a directory are on the disk: those of files that were made, replaced or removed before. A file that
// was synced itself may be without its name until then.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", path, err)
	}
	return nil
}
