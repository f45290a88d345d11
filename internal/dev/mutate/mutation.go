package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutation is one line of a file broken, and the test that must notice.
type mutation struct {
	what, file, old, new string
	pkg, test            string
	needs                string // a server, or more than a few seconds; "" neither

	at string // where it is written down
}

// readMutations reads all lists of a directory.
func readMutations(dir string) ([]mutation, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fmt.Errorf("there are no mutations in %s", dir))
	}
	var all []mutation
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read mutations: %w", err)
		}
		list, err := parse(filepath.Base(file), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// parse reads a list: paragraphs of "name: value" lines.
func parse(name, text string) (list []mutation, err error) {
	var m mutation
	given := map[string]bool{}
	end := func(line int) error {
		if len(given) == 0 {
			return nil
		}
		for _, field := range []string{"what", "file", "old", "new", "test"} {
			if !given[field] {
				return fmt.Errorf("%s:%d: the mutation above says no %q", name, line, field)
			}
		}
		list = append(list, m)
		m, given = mutation{}, map[string]bool{}
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			if err := end(i + 1); err != nil {
				return nil, err
			}
			continue
		}
		field, value, ok := strings.Cut(line, ":")
		if !ok || given[field] || !m.set(field, strings.TrimSpace(value)) {
			return nil, fmt.Errorf("%s:%d: %q is no field of a mutation, or a second one; see doc.go", name, i+1, line)
		}
		if len(given) == 0 {
			m.at = fmt.Sprintf("%s:%d", name, i+1)
		}
		given[field] = true
	}
	return list, end(len(lines))
}

// set takes one field; false: there is no such field, or no such value.
func (m *mutation) set(field, value string) (ok bool) {
	switch field {
	case "what":
		m.what = value
	case "file":
		m.file = value
	case "old":
		m.old = value
	case "new":
		m.new = value
	case "test":
		m.pkg, m.test, ok = strings.Cut(value, " ")
		return ok
	case "needs":
		m.needs = value
		return value == "postgresql" || value == "time"
	default:
		return false
	}
	return true
}

// breakLine returns the text with the one line replaced, and its number.
func (m *mutation) breakLine(text string) (broken string, line int, err error) {
	lines := strings.Split(text, "\n")
	is := func(line string) bool { return strings.TrimSpace(line) == m.old }
	at := slices.IndexFunc(lines, is)
	if at < 0 {
		return "", 0, fmt.Errorf("%s: %s has no line %q: change the mutation with the guard", m.at, m.file, m.old)
	}
	if slices.ContainsFunc(lines[at+1:], is) {
		return "", 0, fmt.Errorf("%s: %s has the line %q more than once", m.at, m.file, m.old)
	}
	if m.new == m.old {
		return "", 0, fmt.Errorf("%s: nothing is broken", m.at)
	}
	lines[at] = m.new
	return strings.Join(lines, "\n"), at + 1, nil
}
