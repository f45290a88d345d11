package tempfile

import (
	"errors"
	"fmt"
	"os"
)

// Create is [os.CreateTemp].
func Create(dir, pattern string) (*os.File, error) {
	file, err := os.CreateTemp(dir, pattern)
	if err == nil {
		return file, nil
	}
	if dir == "" {
		dir = os.TempDir()
	}
	if of, ok := errors.AsType[*os.PathError](err); ok {
		err = of.Err
	}
	return nil, fmt.Errorf("create a file in directory %s: %w", dir, err)
}

// Unlinked returns a file without a name, which exists until it is closed, or until this process ends.
func Unlinked(dir, pattern string) (*os.File, error) {
	file, err := Create(dir, pattern)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink temporary file: %w", err), file.Close())
	}
	return file, nil
}
