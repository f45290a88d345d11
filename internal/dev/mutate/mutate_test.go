package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each line that is to be broken stands in its file, once, and each test in its package: who changes a guard or a test hears of
// the list at once.
func TestTheListIsOfThisTree(t *testing.T) {
	t.Parallel()
	list, err := readMutations("testdata/mutations")
	require.NoError(t, err)
	require.NotEmpty(t, list)
	root := filepath.Join("..", "..", "..")
	for _, m := range list {
		text, err := os.ReadFile(filepath.Join(root, m.file))
		require.NoError(t, err, m.at)
		_, err = m.breakLine(string(text))
		require.NoError(t, err)
		tests, err := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
		require.NoError(t, err)
		require.Condition(t, func() bool {
			for _, file := range tests {
				source, err := os.ReadFile(file)
				if err == nil && strings.Contains(string(source), "func "+m.test+"(t *testing.T)") {
					return true
				}
			}
			return false
		}, "%s: %s has no %s", m.at, m.pkg, m.test)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const good = "what: w\nfile: f\nold: o\nnew:\ntest: ./p TestT\n"
	list, err := parse("l", good+"\n\n"+good+"needs: postgresql")
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, mutation{what: "w", file: "f", old: "o", pkg: "./p", test: "TestT", needs: "postgresql", at: "l:8"}, list[1])
	for name, text := range map[string]string{
		"no test":          strings.Replace(good, "test: ./p TestT\n", "", 1),
		"no such field":    good + "who: me",
		"twice":            good + "what: else",
		"no such need":     good + "needs: luck",
		"a test of nobody": strings.Replace(good, "./p TestT", "TestT", 1),
	} {
		_, err := parse("l", text)
		require.Error(t, err, name)
	}
}

func TestBreakLine(t *testing.T) {
	t.Parallel()
	m := mutation{old: "b()", new: "c()"}
	broken, err := m.breakLine("a()\n\tb()\nd()")
	require.NoError(t, err)
	require.Equal(t, "a()\nc()\nd()", broken)
	_, err = m.breakLine("a()")
	require.ErrorContains(t, err, "has no line")
	_, err = m.breakLine("b()\na()\n\tb()")
	require.ErrorContains(t, err, "more than once")
	_, err = (&mutation{old: "b()", new: "b()"}).breakLine("b()")
	require.ErrorContains(t, err, "nothing is broken")
}

// A module with one guard, whose test notices one break, misses another, and cannot be compiled with a third.
func TestTrial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module m\n\ngo 1.26\n",
		"m.go":      "package m\n\nfunc Half(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n / 2\n}\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) {\n\tif Half(4) != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	trial := trials{root: dir, bound: "1m"}
	half := mutation{what: "half", file: "m.go", old: "return n / 2", new: "return n", pkg: ".", test: "TestHalf"}
	unnoticed, wrong, absent := half, half, half
	unnoticed.old, unnoticed.new = "if n < 0 {", "if n < 1 {"
	wrong.new = "return m"
	absent.test = "TestNothing"
	require.NoError(t, trial.unbroken(t.Context(), []mutation{half, unnoticed}))
	require.ErrorContains(t, trial.unbroken(t.Context(), []mutation{absent}), "TestNothing of . does not pass")
	var out bytes.Buffer
	require.NoError(t, report(context.Background(), &out, []mutation{half}, trial.try))
	require.ErrorContains(t, report(context.Background(), &out, []mutation{half, unnoticed, wrong}, trial.try), "2 of 3 breaks")
	require.Regexp(t, `(?s)noticed .*SURVIVED .*INVALID .*does not compile`, out.String())
	text, err := os.ReadFile(filepath.Join(dir, "m.go"))
	require.NoError(t, err)
	require.Contains(t, string(text), "return n / 2", "no file of the tree is changed")
}

// A mistyped -run that tries nothing is no pass.
func TestNothingToTryIsAnError(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	var out bytes.Buffer
	require.ErrorContains(t, mutate(t.Context(), &out, true, "no such guard", trials{bound: "1m"}), "nothing would be tried")
	require.ErrorContains(t, mutate(t.Context(), &out, true, "(", trials{bound: "1m"}), "-run: ")
	require.Empty(t, out.String())
}
