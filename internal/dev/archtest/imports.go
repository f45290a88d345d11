package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is a Go file of the module that is no test. Build tags hide none.
type File struct {
	Name   string // from the root, with slashes
	Syntax *ast.File
}

// Files parses the files below root that the go command does not look past.
func Files(root string) (files []File, err error) {
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && ignored(name):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		files = append(files, File{filepath.ToSlash(relative), syntax})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read files below %s: %w", root, err)
	}
	return files, nil
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

// Import is one import statement of the module.
type Import struct {
	Package string // without the module's name
	File    string // from the root, with slashes
	Path    string // without the module's name if it is of the module
	Module  bool   // whether the imported package is of the module
}

// Imports returns the import statements of files.
func Imports(files []File, module string) (imports []Import) {
	for _, file := range files {
		for _, spec := range file.Syntax.Imports {
			trimmed, ofModule := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
			imports = append(imports, Import{Package: path.Dir(file.Name), File: file.Name, Path: trimmed, Module: ofModule})
		}
	}
	return imports
}
