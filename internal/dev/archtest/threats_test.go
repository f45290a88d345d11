package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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

// Each attack of the threat model's table is a program of the end-to-end test, and each program stands in the table. That test holds the whole
// rows; this one says sooner what was forgotten.
func TestTheThreatModelNamesAttacks(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile(filepath.Join(root(t), "docs", "threat-model.md"))
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var told, made []string
	for row := range strings.Lines(table) {
		told = append(told, strings.TrimSpace(strings.Split(row, "|")[1]))
	}
	files, err := filepath.Glob(filepath.Join(root(t), "internal", "dev", "e2e", "attacks*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`(?:\bname: |\tedit\()"([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			made = append(made, name[1])
		}
	}
	require.Greater(t, len(made), 50)
	require.ElementsMatch(t, made, told)
}
