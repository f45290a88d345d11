package api

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const withdrawnEvery = time.Second // how often the file of withdrawn subjects is looked at, when somebody asks

// Withdrawn is a file of subjects whose tokens hold no more: one a line; # begins a comment. It is read again within a
// second of the next request or look at a stream. Safe for concurrent use; nil withdraws nobody.
type Withdrawn struct {
	path   string
	logger *slog.Logger

	mu       sync.Mutex
	looked   time.Time
	subjects map[string]bool
	failing  bool // the last look; a lasting fault is logged once
}

// OpenWithdrawn reads the file; an error names the file, and the line that is wrong. With an empty path nobody is withdrawn: nil.
func OpenWithdrawn(path string, logger *slog.Logger) (*Withdrawn, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil list is an empty one
	}
	w := &Withdrawn{path: path, logger: logger, looked: time.Now()}
	var err error
	w.subjects, err = readWithdrawn(path)
	return w, err
}

// Has tells whether the subject is withdrawn. While the file cannot be read the last list holds.
func (w *Withdrawn) Has(subject string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	due := time.Since(w.looked) >= withdrawnEvery
	if due {
		w.looked = time.Now() // nobody else looks meanwhile, or waits for a slow disk
	}
	w.mu.Unlock()
	if due {
		w.look()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subjects[subject]
}

func (w *Withdrawn) look() {
	subjects, err := readWithdrawn(w.path)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.subjects = subjects
	case !w.failing:
		w.logger.Error("withdrawn subjects: the list cannot be read, the last one holds; fix the file", "error", err)
	}
	w.failing = err != nil
}

func readWithdrawn(path string) (map[string]bool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read withdrawn subjects: %w", err)
	}
	subjects, number := map[string]bool{}, 0
	for line := range strings.Lines(string(raw)) {
		number++
		text, _, _ := strings.Cut(line, "#")
		switch names := strings.Fields(text); len(names) {
		case 0:
		case 1:
			subjects[canonicalSubject(names[0])] = true
		default:
			return nil, fmt.Errorf("read withdrawn subjects: line %d of %s has more than one; write one a line, remarks behind #", number, path)
		}
	}
	return subjects, nil
}

// canonicalSubject writes a user id as [Principal] has it; operators' subjects are any text.
func canonicalSubject(subject string) string {
	if id, ok := domain.HexID(subject); ok {
		return id
	}
	return subject
}
