package archtest

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Requirements holds go.mod's text against the imports of all files, tests included, and returns a
// sentence for each required module whose mark is untrue: imported and marked indirect, or not imported
// and not marked. `go mod tidy` says the same where it can reach every module; this needs no network.
func Requirements(text []byte, imports []Import) ([]string, error) {
	file, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return nil, fmt.Errorf("read go.mod: %w", err)
	}
	modules := make([]string, 0, len(file.Require))
	for _, required := range file.Require {
		modules = append(modules, required.Mod.Path)
	}
	importedBy := map[string]string{}
	var faults []string
	for _, i := range imports {
		if i.Module || i.standard() {
			continue
		}
		module := providing(modules, i.Path)
		if module == "" {
			faults = append(faults, fmt.Sprintf("%s imports %s, which no requirement provides", i.File, i.Path))
		}
		importedBy[module] = i.File
	}
	for _, required := range file.Require {
		by, imported := importedBy[required.Mod.Path]
		switch {
		case imported && required.Indirect:
			faults = append(faults, fmt.Sprintf("%s is marked indirect, and %s imports it", required.Mod.Path, by))
		case !imported && !required.Indirect:
			faults = append(faults, fmt.Sprintf("%s is not marked indirect, and nothing imports it", required.Mod.Path))
		}
	}
	return append(faults, blockFaults(file)...), nil
}

// providing returns the module that a package is of: the longest that its path begins with.
func providing(modules []string, imported string) string {
	var longest string
	for _, module := range modules {
		if below(imported, module) && len(module) > len(longest) {
			longest = module
		}
	}
	return longest
}

// blockFaults finds blocks that mix direct and indirect requirements, in which a wrong mark goes unseen.
func blockFaults(file *modfile.File) []string {
	var faults []string
	blocks := 0
	for _, statement := range file.Syntax.Stmt {
		block, is := statement.(*modfile.LineBlock)
		if !is || !slices.Equal(block.Token, []string{"require"}) {
			continue
		}
		blocks++
		indirect := 0
		for _, line := range block.Line {
			if slices.ContainsFunc(line.Suffix, func(c modfile.Comment) bool { return strings.Contains(c.Token, "indirect") }) {
				indirect++
			}
		}
		if indirect != 0 && indirect != len(block.Line) {
			faults = append(faults, "a block of go.mod mixes direct and indirect requirements")
		}
	}
	if blocks > 2 {
		faults = append(faults, fmt.Sprintf("go.mod has %d blocks of requirements: one direct and one indirect are enough", blocks))
	}
	return faults
}
