package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Import is one import statement of the module.
type Import struct {
	Package string // without the module's name
	File    string // from the root, with slashes
	Path    string // without the module's name if it is of the module
	Module  bool   // whether the imported package is of the module
}

// Imports reads the import statements of all Go files below root that are no tests. Build tags hide
// no file.
func Imports(root, module string) ([]Import, error) {
	var imports []Import
	err := walkFiles(root, func(name string) error {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
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

// walkFiles visits the files below a folder that the go command does not look past.
func walkFiles(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && ignored(name):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		return visit(name)
	})
}

// ignored tells whether the go command looks past a folder, as it does past a module of its own.
func ignored(dir string) bool {
	base := filepath.Base(dir)
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func importsOf(root, name, module string) ([]Import, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	relative = filepath.ToSlash(relative)
	imports := make([]Import, 0, len(file.Imports))
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		trimmed, ofModule := strings.CutPrefix(imported, module+"/")
		imports = append(imports, Import{Package: path.Dir(relative), File: relative, Path: trimmed, Module: ofModule})
	}
	return imports, nil
}
