package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Import is one import statement of the module.
type Import struct {
	Package string // without the module's name
	File    string
	Path    string // without the module's name when it is of the module
}

// Imports reads the import statements of all Go files below root that are no tests.
func Imports(root, module string) ([]Import, error) {
	var imports []Import
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != root || entry.Name() == "testdata" || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		found, err := importsOf(root, name, module)
		imports = append(imports, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read imports below %s: %w", root, err)
	}
	return imports, nil
}

func importsOf(root, name, module string) ([]Import, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	var imports []Import
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, Import{
			Package: path.Dir(relative), File: relative, Path: strings.TrimPrefix(imported, module+"/"),
		})
	}
	return imports, nil
}

// Breaches returns a sentence for each import that breaks a rule.
func Breaches(imports []Import, rules []Rule, testSupport []string) []string {
	var breaches []string
	for _, i := range imports {
		if slices.ContainsFunc(testSupport, func(p string) bool { return below(i.Package, p) }) {
			continue
		}
		for _, support := range testSupport {
			if below(i.Path, support) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, which is for tests", i.File, i.Path))
			}
		}
		for _, rule := range rules {
			if below(i.Package, rule.Package) && rule.breaks(i) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s: %s", i.File, i.Path, rule.Because))
			}
		}
	}
	return breaches
}

func (r Rule) breaks(i Import) bool {
	if slices.ContainsFunc(r.Except, func(p string) bool { return below(i.Package, p) }) {
		return false
	}
	if slices.ContainsFunc(r.Forbid, func(p string) bool { return below(i.Path, p) }) {
		return true
	}
	return r.Only != nil && !standard(i.Path) && !slices.Contains(r.Only, i.Path)
}

// below tells whether a path is the other or lies below it.
func below(p, other string) bool { return p == other || strings.HasPrefix(p, other+"/") }

// standard tells whether an import is of the standard library: those have no dot in their first element.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && !ofModule(first)
}

// ofModule tells whether a path's first element is a folder of this module.
func ofModule(first string) bool {
	return slices.Contains([]string{"cmd", "domain", "commands", "projections", "readmodels", "api", "migrations", "deploy"}, first)
}
