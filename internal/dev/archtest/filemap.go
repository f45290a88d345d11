package archtest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// FileMaps holds the file map of every doc.go below root against its folder, and returns a sentence for
// each Go file that no map names (tests and doc.go itself may be left out) and for each name without a
// file. A map stands below the heading "# File map": an indented line for each entry, its names first.
// Names may have stars, and <words> stand for stars.
func FileMaps(root string) ([]string, error) {
	var faults []string
	err := walkFiles(root, func(name string) error {
		if filepath.Base(name) != "doc.go" {
			return nil
		}
		found, err := mapFaults(filepath.Dir(name))
		relative, _ := filepath.Rel(root, name)
		for _, fault := range found {
			faults = append(faults, fmt.Sprintf("%s: %s", filepath.ToSlash(relative), fault))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read file maps below %s: %w", root, err)
	}
	return faults, nil
}

func mapFaults(dir string) ([]string, error) {
	source, err := os.ReadFile(filepath.Join(dir, "doc.go"))
	if err != nil {
		return nil, err
	}
	names := mapped(string(source))
	if len(names) == 0 {
		return []string{"has no file map"}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "doc.go" {
			continue
		}
		if !slices.ContainsFunc(names, func(pattern string) bool { return matches(pattern, name) }) {
			faults = append(faults, "does not name "+name)
		}
	}
	for _, pattern := range names {
		if !slices.ContainsFunc(entries, func(entry os.DirEntry) bool { return matches(pattern, entry.Name()) }) {
			faults = append(faults, "names "+pattern+", which is not there")
		}
	}
	return faults, nil
}

// matches has no error to tell of: patterns are made by [mapped], of letters and stars.
func matches(pattern, name string) bool {
	matched, _ := path.Match(pattern, name)
	return matched
}

var (
	placeholder = regexp.MustCompile(`<\w+>`)
	// A name has an ending, or is a folder's.
	fileName = regexp.MustCompile(`^[\w*-][\w*.-]*(\.\w+|/)$`)
)

// mapped returns the names of a doc.go's file map as patterns, folders without their slash.
func mapped(source string) []string {
	_, section, found := strings.Cut(source, "// # File map\n")
	if !found {
		return nil
	}
	var names []string
	for line := range strings.Lines(section) {
		entry, indented := strings.CutPrefix(line, "//\t")
		switch {
		case strings.HasPrefix(line, "// # ") || !strings.HasPrefix(line, "//"):
			return names
		case !indented || strings.HasPrefix(entry, " "): // prose, or an entry's second line
			continue
		}
		for word := range strings.FieldsSeq(entry) {
			word = placeholder.ReplaceAllString(strings.TrimSuffix(word, ","), "*")
			if !fileName.MatchString(word) {
				break
			}
			names = append(names, strings.TrimSuffix(word, "/"))
		}
	}
	return names
}
