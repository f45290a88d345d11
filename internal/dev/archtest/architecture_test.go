package archtest_test

import (
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/archtest"
)

// named matches a function, method or type in docs/architecture.md.
var named = regexp.MustCompile("`((?:[a-z]+/)*[a-z]+)\\.([A-Za-z]+(?:\\.[A-Za-z]+)?)`")

// If you change how something travels through the program, change the document: newcomers find the path with it.
func TestArchitectureDocumentNamesExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs/architecture.md"))
	require.NoError(t, err)
	declared, checked := declarations(files(t)), 0
	for _, match := range named.FindAllStringSubmatch(string(text), -1) {
		folder, name := match[1], match[2]
		if folder == "folder" || folder == "kept" || name == "go" || name == "md" {
			continue
		}
		require.True(t, declared[folder+"."+name], "%s has no %s, which docs/architecture.md names", folder, name)
		checked++
	}
	require.Greater(t, checked, 50)
}

var (
	namedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`")
	runTest   = regexp.MustCompile(`go test [^\n]*-run ['"]?(?:\$\{1:-)?([A-Za-z][A-Za-z|]*)`)
	namedFile = regexp.MustCompile("`([a-z.][a-zA-Z0-9_.-]*/[a-zA-Z0-9_./-]+\\.(?:go|sql|md|txt|yaml|html))`")
)

// Nothing else notices that a document for contributors names a test or file that was renamed: go test
// succeeds if -run matches nothing.
func TestDocumentsNameExistingTestsAndFiles(t *testing.T) {
	t.Parallel()
	tests, checked, run := map[string]bool{}, 0, [][]string{}
	require.NoError(t, filepath.WalkDir(root(t), func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, match := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[match[1]] = true
		}
		run = append(run, runTest.FindAllStringSubmatch(string(text), -1)...)
		return err
	}))
	for _, doc := range []string{
		"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/threat-model.md", "docs/auditors.md", "Makefile", ".ci/run", ".ci/kafka",
	} {
		text, err := os.ReadFile(filepath.Join(root(t), doc))
		require.NoError(t, err)
		run = append(run, runTest.FindAllStringSubmatch(string(text), -1)...)
		for _, match := range namedTest.FindAllStringSubmatch(string(text), -1) {
			require.True(t, tests[match[1]], "%s names the test %s, which does not exist", doc, match[1])
			checked++
		}
		for _, match := range namedFile.FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.Join(root(t), match[1]), "named by %s", doc)
			checked++
		}
	}
	require.Greater(t, checked, 60)
	require.Greater(t, len(run), 10)
	for _, command := range run {
		for name := range strings.SplitSeq(command[1], "|") {
			matches := func(test string) bool { return strings.Contains(test, name) }
			require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(tests)), matches), "%s: no test is named %s", command[0], name)
		}
	}
}

// declarations returns the functions and types of packages as folder.Name, and methods as folder.Type.name.
func declarations(files []archtest.File) map[string]bool {
	all := map[string]bool{}
	for _, file := range files {
		folder := path.Dir(file.Name) + "."
		for _, decl := range file.Syntax.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				all[folder+receiver(decl)+decl.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						all[folder+spec.Name.Name] = true
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
