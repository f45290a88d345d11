package erasures

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Watched is the list of erasures as it is now, read again only when its file has changed. Safe for concurrent use.
type Watched struct {
	path string

	mu   sync.Mutex
	of   fs.FileInfo // as it was when it was read; nil: there was none, or it was not read yet
	list domain.Erasures
}

// settled is how old a change must be for the file's time to tell it from the next one.
const settled = 2 * time.Second

// Watch reads nothing yet. Without a path the list is empty.
func Watch(path string) *Watched { return &Watched{path: path} }

// Now returns the list. Errors: as [Read].
func (e *Watched) Now() (domain.Erasures, error) {
	if e.path == "" {
		return domain.Erasures{}, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	present, err := os.Stat(e.path) // before it is read: what changes in between is read again the next time
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && e.of != nil && os.SameFile(e.of, present) && e.of.Size() == present.Size() && e.of.ModTime().Equal(present.ModTime()) {
		return e.list, nil
	}
	e.of = nil
	list, err := Read(e.path)
	if err == nil && present != nil && time.Since(present.ModTime()) > settled {
		e.of, e.list = present, list
	}
	return list, err
}
