package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// named matches a function, method or type in docs/architecture.md.
var named = regexp.MustCompile("`((?:[a-z]+/)*[a-z]+)\\.([A-Za-z]+(?:\\.[A-Za-z]+)?)`")

// If you change how something travels through the program, change the tour: newcomers find the way with it.
func TestTourNamesWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs/architecture.md"))
	require.NoError(t, err)
	declared := map[string]map[string]bool{}
	checked := 0
	for _, match := range named.FindAllStringSubmatch(string(text), -1) {
		folder, name := match[1], match[2]
		if folder == "folder" || folder == "kept" || name == "go" || name == "md" {
			continue
		}
		if declared[folder] == nil {
			declared[folder] = declarations(t, filepath.Join(root(t), folder))
		}
		require.True(t, declared[folder][name], "%s has no %s, which docs/architecture.md names", folder, name)
		checked++
	}
	require.Greater(t, checked, 50)
}

// declarations returns the names of a package's functions and types, and of its methods as Type.name.
func declarations(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	all := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				all[receiver(decl)+decl.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						all[spec.Name.Name] = true
					}
				}
			}
		}
	}
	return all
}

// receiver returns the type of a method with a dot, or "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}
