package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/archtest"
)

// The domain takes the time as an argument.
func TestTheDomainHasNoClock(t *testing.T) {
	t.Parallel()
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Tick|Sleep|NewTimer|NewTicker)\b`)
	err := filepath.WalkDir(filepath.Join(root(t), "domain"), func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		require.Empty(t, clock.FindString(string(source)), name)
		return err
	})
	require.NoError(t, err)
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	imports, err := archtest.Imports(root(t), module)
	require.NoError(t, err)
	packages := map[string]bool{}
	for _, i := range imports {
		packages[i.Package] = true
	}
	for p := range packages {
		if strings.HasPrefix(p, "cmd/") { // a command's package comment stands in main.go
			continue
		}
		require.FileExists(t, filepath.Join(root(t), p, "doc.go"))
	}
}

func TestFileMapsAreTrue(t *testing.T) {
	t.Parallel()
	faults, err := archtest.FileMaps(root(t))
	require.NoError(t, err)
	require.Empty(t, faults, strings.Join(faults, "\n"))
}

func TestAnUntrueFileMapIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/doc.go": "// Package a is.\n//\n// # File map\n//\n" +
			"//\tone.go two.go what they do, other.go too\n//\tfollow*.go   loops\n//\t             named.go of a second line\n" +
			"//\tsub/  a folder\n//\tDockerfile, gone.json  files\n//\t<network>_test.go  tests\n//\n// # Non-obvious\n//\n//\tlate.go  no entry\npackage a\n",
		"a/one.go": "", "a/two.go": "", "a/follow_loop.go": "", "a/new.go": "", "a/named.go": "", "a/x_test.go": "", "a/Dockerfile": "", "a/sub/x.txt": "",
		"b/doc.go":             "// Package b is.\npackage b\n",
		"b/testdata/c/doc.go":  "package c\n",
		"a/sub/deeper/doc.go":  "// # File map\n//\n//\tgone*.go  all of them\npackage deeper\n",
		"mainapp/doc.go":       "// Package mainapp is another module.\npackage mainapp\n",
		"mainapp/go.mod":       "module mainapp\n",
		"node_modules/doc.go":  "package d\n",
		"_scratch/nope/doc.go": "package e\n",
	} {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	faults, err := archtest.FileMaps(dir)
	require.NoError(t, err)
	require.Equal(t, []string{
		"a/doc.go: does not name named.go",
		"a/doc.go: does not name new.go",
		"a/sub/deeper/doc.go: names gone*.go, which is not there",
		"b/doc.go: has no file map",
	}, slices.Sorted(slices.Values(faults)))
}

func TestTheRootHoldsOnlyTheLayout(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "domain", "commands", "projections", "readmodels", "api", "migrations", "deploy", "internal", "docs", "go.mod", "go.sum",
		"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "Makefile", "data", "bin", // the last two are ignored by git
	}
	entries, err := os.ReadDir(root(t))
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, strings.HasPrefix(entry.Name(), ".") || slices.Contains(allowed, entry.Name()), entry.Name())
	}
}
