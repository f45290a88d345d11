package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/ledgerboard/ledgerboard"
	root   = "../../.."
)

// source is a Go file of the module. Build tags hide none.
type source struct {
	name   string // from the root, with slashes
	syntax *ast.File
}

func (s source) isTest() bool   { return strings.HasSuffix(s.name, "_test.go") }
func (s source) folder() string { return path.Dir(s.name) }

// imported returns the path of an import, without the module's name if it is of the module.
func imported(spec *ast.ImportSpec) (name string, ofModule bool) {
	return strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/")
}

// parse parses the files below a folder that the go command does not look past.
func parse(dir string) (files []source, err error) {
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != dir && ignored(name):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		files = append(files, source{filepath.ToSlash(relative), syntax})
		return err
	})
	return files, err
}

// ignored tells whether the go command looks past a folder, as it does past a module of its own.
func ignored(dir string) bool {
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

var parsed = sync.OnceValues(func() ([]source, error) { return parse(root) })

// files are the files of this module, tests among them.
func files(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	require.NoError(t, err)
	require.Greater(t, len(all), 1000)
	return all
}

// plant writes Go files, given by their paths and their texts without package clauses, into a module of
// their own and parses them.
func plant(t *testing.T, texts map[string]string) []source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte("package p\n"+text), 0o600))
	}
	files, err := parse(dir)
	require.NoError(t, err)
	return files
}
