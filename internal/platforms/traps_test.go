package platforms_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every trap of the package's table has the tests that the table names.
func TestEveryTrapHasItsTest(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(doc), "// # Traps")
	require.True(t, found)
	tests := map[string]map[string]bool{
		"": testsIn(t, "."), "sim": testsIn(t, filepath.Join("..", "dev", "simulator")), "collect": testsIn(t, filepath.Join("..", "..", "commands", "collect")),
	}
	rows := regexp.MustCompile(`(?m)^//\t(\S+) +(.+?) {2,}(.*)$`).FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 30)
	for _, row := range rows {
		for name := range strings.SplitSeq(row[3], ", ") {
			of, test, elsewhere := strings.Cut(name, " ")
			if !elsewhere {
				of, test = "", name
			}
			require.Contains(t, tests[of], test, row[2])
		}
	}
}

func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(raw), -1) {
			names[match[1]] = true
		}
	}
	return names
}
