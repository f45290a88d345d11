package archtest_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The domain takes the time as an argument.
func TestTheDomainHasNoClock(t *testing.T) {
	t.Parallel()
	clock := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Tick|Sleep|NewTimer|NewTicker)\b`)
	for _, file := range files(t) {
		if strings.HasPrefix(file.Name, "domain/") {
			source, err := os.ReadFile(filepath.Join(root(t), file.Name))
			require.NoError(t, err)
			require.Empty(t, clock.FindString(string(source)), file.Name)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, file := range files(t) {
		if !strings.HasPrefix(file.Name, "cmd/") { // a command has its package comment in main.go
			require.FileExists(t, filepath.Join(root(t), path.Dir(file.Name), "doc.go"))
		}
	}
}

func TestRootContainsOnlyAllowedEntries(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "domain", "commands", "projections", "readmodels", "api", "migrations", "deploy", "internal", "docs", "findings", "go.mod", "go.sum",
		"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "Makefile", "data", "bin", "dist", // the last three are ignored by git
	}
	entries, err := os.ReadDir(root(t))
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, strings.HasPrefix(entry.Name(), ".") || slices.Contains(allowed, entry.Name()), entry.Name())
	}
}

// The threat model names a test for each attack: it must be there.
func TestTheThreatModelNamesTests(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile(filepath.Join(root(t), "docs", "threat-model.md"))
	require.NoError(t, err)
	there := map[string]bool{}
	err = filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			there[name[1]] = true
		}
		return err
	})
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 20)
	for _, name := range named {
		require.True(t, there[name[1]], "docs/threat-model.md names %s, which is nowhere", name[1])
	}
}
