package archtest

import (
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// declarations returns the functions and types of packages as folder.Name, and methods as folder.Type.name.
func declarations(files []source) map[string]bool {
	all := map[string]bool{}
	for _, file := range files {
		if file.isTest() {
			continue
		}
		for _, decl := range file.syntax.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv != nil {
					all[file.typeName(decl.Recv.List[0].Type)+"."+decl.Name.Name] = true
				} else {
					all[file.folder()+"."+decl.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if spec, ok := spec.(*ast.TypeSpec); ok {
						all[file.typeName(spec.Name)] = true
					}
				}
			}
		}
	}
	return all
}

// named matches a function, method or type in docs/architecture.md.
var named = regexp.MustCompile("`((?:[a-z]+/)*[a-z]+)\\.([A-Za-z]+(?:\\.[A-Za-z]+)?)`")

// If you change how something travels through the program, change the document: newcomers find the path
// with it.
func TestArchitectureDocumentNamesExist(t *testing.T) {
	t.Parallel()
	declared, checked := declarations(files(t)), 0
	for _, match := range named.FindAllStringSubmatch(read(t, "docs/architecture.md"), -1) {
		folder, name := match[1], match[2]
		if folder == "folder" || folder == "kept" || name == "go" || name == "md" {
			continue
		}
		require.True(t, declared[folder+"."+name], "%s has no %s, which docs/architecture.md names", folder, name)
		checked++
	}
	require.Greater(t, checked, 50)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

var (
	namedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`")
	runTest   = regexp.MustCompile(`go test [^\n]*-run ['"]?(?:\$\{1:-)?([A-Za-z][A-Za-z|]*)`)
	namedFile = regexp.MustCompile("`([a-z.][a-zA-Z0-9_.-]*/[a-zA-Z0-9_./-]+\\.(?:go|sql|md|txt|yaml|html))`")
)

// Nothing else notices that a document for contributors names a test or file that was renamed: go test
// succeeds if -run matches nothing. The threat model names a test for each attack.
func TestDocumentsNameExistingTestsAndFiles(t *testing.T) {
	t.Parallel()
	tests, run := map[string]bool{}, [][]string{}
	for _, file := range files(t) {
		if !file.isTest() {
			continue
		}
		for _, decl := range file.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
		run = append(run, runTest.FindAllStringSubmatch(read(t, file.name), -1)...)
	}
	checked := map[string]int{}
	for _, doc := range []string{
		"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/threat-model.md", "docs/auditors.md", "Makefile", ".ci/run", ".ci/kafka",
	} {
		text := read(t, doc)
		run = append(run, runTest.FindAllStringSubmatch(text, -1)...)
		for _, match := range namedTest.FindAllStringSubmatch(text, -1) {
			require.True(t, tests[match[1]], "%s names the test %s, which does not exist", doc, match[1])
			checked[doc]++
		}
		for _, match := range namedFile.FindAllStringSubmatch(text, -1) {
			require.FileExists(t, filepath.Join(root, match[1]), "named by %s", doc)
			checked["files"]++
		}
	}
	require.Greater(t, checked["docs/threat-model.md"], 20)
	require.Greater(t, checked["files"], 10)
	require.Greater(t, len(run), 10)
	for _, command := range run {
		for name := range strings.SplitSeq(command[1], "|") {
			matches := func(test string) bool { return strings.Contains(test, name) }
			require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(tests)), matches), "%s: no test is named %s", command[0], name)
		}
	}
}

func TestEveryPackageHasItsDoc(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		if !file.isTest() && !strings.HasPrefix(file.name, "cmd/") { // a command has its package comment in main.go
			require.FileExists(t, filepath.Join(root, file.folder(), "doc.go"))
		}
	}
}

func TestRootContainsOnlyAllowedEntries(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "domain", "commands", "projections", "readmodels", "api", "migrations", "deploy", "internal", "docs", "findings", "go.mod", "go.sum",
		"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "Makefile", "data", "bin", "dist", // the last three are ignored by git
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, strings.HasPrefix(entry.Name(), ".") || slices.Contains(allowed, entry.Name()), entry.Name())
	}
}
