package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

const (
	withdrawnMaxAge  = time.Second     // how long the list of withdrawn people is used before the file is read again
	foundMaxAge      = 5 * time.Second // how long the people whom the list names are used before they are looked up again
	withdrawnTimeout = 2 * time.Second // of these queries
)

// WithdrawnSubjects is a file of people who have no access. Each line is a subject of tokens, an
// issuer and a subject of the identity provider separated by a space, or an email address; # at the
// beginning or after a space starts a comment. The file is reread at most once a second, when a
// request or a stream needs it. Its methods are safe for concurrent use. A nil *WithdrawnSubjects
// contains no one.
type WithdrawnSubjects struct {
	path   string
	logger *slog.Logger

	users, unknown func(ctx context.Context, names []string) ([]string, error) // may be nil

	mu      sync.Mutex
	readAt  time.Time
	names   map[string]int // lines by name
	failing bool           // the last read failed; a lasting failure is logged once

	foundAt  time.Time       // when ids was looked up
	ids      map[string]bool // of people whom the list names otherwise
	reported bool            // names of no one who is known were looked for, and logged
	matched  map[string]bool // names and ids of callers who were refused
}

// OpenWithdrawnSubjects reads the file. An error contains the path and, for a malformed file, the
// line number. If path is empty, OpenWithdrawnSubjects returns nil.
func OpenWithdrawnSubjects(path string, logger *slog.Logger) (*WithdrawnSubjects, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil list is an empty one
	}
	w := &WithdrawnSubjects{path: path, logger: logger, matched: map[string]bool{}}
	var err error
	w.names, err = readWithdrawn(path)
	return w, err
}

// LookUp makes w find people. Users returns the ids of people whom the names mean, except names
// that are ids. Unknown returns the names of no one who is known; their lines are logged. Call
// LookUp before the first request.
func (w *WithdrawnSubjects) LookUp(users, unknown func(ctx context.Context, names []string) ([]string, error)) {
	if w != nil {
		w.users, w.unknown = users, unknown
	}
}

// Has reports whether a caller with these names is withdrawn. Empty names are ignored. While the
// file cannot be read, the last list is used.
func (w *WithdrawnSubjects) Has(names ...string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	due := time.Since(w.readAt) >= withdrawnMaxAge
	if due {
		w.readAt = time.Now() // other callers neither read the file nor wait for it
	}
	w.mu.Unlock()
	if due {
		w.reread()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		name = withdrawnName(name)
		if w.names[name] > 0 || w.ids[name] {
			w.matched[name] = true
			return true
		}
	}
	return false
}

// Outdated reports whether the file, or whom it names, cannot be read, so that the last list is
// used.
func (w *WithdrawnSubjects) Outdated() bool {
	if w == nil {
		return false
	}
	w.Has() // reads the file if that is due
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failing
}

func (w *WithdrawnSubjects) reread() {
	names, err := readWithdrawn(w.path)
	w.mu.Lock()
	if err == nil && !maps.Equal(names, w.names) {
		w.names, w.foundAt, w.reported = names, time.Time{}, false
	}
	due, report, names := w.users != nil && time.Since(w.foundAt) >= foundMaxAge, !w.reported, maps.Clone(w.names)
	w.mu.Unlock()
	if err == nil && due {
		err = w.find(names, report)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.failing {
		w.logger.Error("cannot read the list of withdrawn people, or whom it names; the previous list stays in use", "error", err)
	}
	w.failing = err != nil
}

// find finds the people whom the list names. It logs the lines that name no one who is known: they
// may be mistyped, or name people who are known only by the tokens that they will send.
func (w *WithdrawnSubjects) find(names map[string]int, report bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), withdrawnTimeout)
	defer cancel()
	all := slices.Collect(maps.Keys(names))
	found, err := w.users(ctx, all)
	if err != nil {
		return fmt.Errorf("find withdrawn people: %w", err)
	}
	w.mu.Lock()
	if !maps.Equal(w.names, names) { // a newer list is in use
		w.mu.Unlock()
		return nil
	}
	w.foundAt, w.ids = time.Now(), map[string]bool{}
	for _, id := range found {
		w.ids[id] = true
	}
	all = slices.DeleteFunc(all, func(name string) bool { return w.matched[name] })
	w.mu.Unlock()
	if !report {
		return nil
	}
	if all, err = w.unknown(ctx, all); err != nil {
		return nil // the tables are being built: access does not depend on the report, which is tried again
	}
	lines := make([]int, len(all))
	for i, name := range all {
		lines[i] = names[name]
	}
	if slices.Sort(lines); len(lines) > 0 {
		w.logger.Warn("lines of the list of withdrawn people name no one who is known: check their spelling",
			"file", w.path, "lines", fmt.Sprint(lines))
	}
	w.mu.Lock()
	w.reported = maps.Equal(w.names, names)
	w.mu.Unlock()
	return nil
}

// withdrawnName returns the form of a name in which it is compared: hex ids and addresses are in
// lower case.
func withdrawnName(text string) string {
	if id, ok := domain.HexID(text); ok {
		return id
	}
	if strings.Contains(text, "@") && !strings.Contains(text, " ") {
		return strings.ToLower(strings.ReplaceAll(text, "\u212A", "\uE000")) // the Kelvin sign is not a k
	}
	return text
}

// readWithdrawn returns the lines of the file by their names.
func readWithdrawn(path string) (map[string]int, error) {
	text, err := secret.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read withdrawn people: %w", err)
	}
	names, number := map[string]int{}, 0
	for line := range strings.Lines(text) {
		number++
		words := strings.Fields(line)
		if comment := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "#") }); comment >= 0 {
			words = words[:comment]
		}
		if len(words) > 0 { // an id ends at a # without a space, too
			before, _, cut := strings.Cut(words[0], "#")
			if id, ok := domain.HexID(before); cut && ok {
				words = []string{id}
			}
		}
		switch {
		case len(words) == 0:
		case len(words) == 1, len(words) == 2 && strings.Contains(words[0], "://"):
			names[withdrawnName(strings.Join(words, " "))] = number
		default:
			return nil, fmt.Errorf("read withdrawn people: line %d of %s has more than one name; write one subject, one "+
				"address, or one issuer and its subject per line, and comments after #", number, path)
		}
	}
	return names, nil
}
