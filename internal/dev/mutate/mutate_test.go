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
func TestMutationListMatchesSource(t *testing.T) {
	t.Parallel()
	list, err := readMutations("testdata/mutations")
	require.NoError(t, err)
	require.NotEmpty(t, list)
	root := filepath.Join("..", "..", "..")
	for _, m := range list {
		text, err := os.ReadFile(filepath.Join(root, m.file))
		require.NoError(t, err, m.at)
		_, _, err = m.breakLine(string(text))
		require.NoError(t, err)
		tests, err := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
		require.NoError(t, err)
		name, _, _ := strings.Cut(m.test, "/")
		require.Condition(t, func() bool {
			for _, file := range tests {
				source, err := os.ReadFile(file)
				if err == nil && strings.Contains(string(source), "func "+name+"(t *testing.T)") {
					return true
				}
			}
			return false
		}, "%s: %s has no %s", m.at, m.pkg, m.test)
	}
}

// A module with one guard, whose test notices one break, misses another, and cannot be compiled with a third.
func TestMutationTrialReportsOutcome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.26\n",
		"m.go":   "package m\n\nconst two = 2\n\nfunc Half(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n / two\n}\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) {\n" +
			"\tt.Run(\"four\", func(t *testing.T) {\n\t\tif Half(4) != 2 {\n\t\t\tt.Fatal()\n\t\t}\n\t})\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	trial := trials{root: dir, bound: "1m", dir: t.TempDir()}
	half := mutation{what: "half", file: "m.go", old: "return n / two", new: "return n", pkg: ".", test: "TestHalf", at: "half"}
	part, unnoticed, alone, wrong, absent := half, half, half, half, half
	part.test, part.at = "TestHalf/four", "part"
	unnoticed.old, unnoticed.new, unnoticed.at = "if n < 0 {", "if n < 1 {", "unnoticed"
	alone.old, alone.new, alone.at = "const two = 2", "const two = 1", "alone"
	wrong.new = "return m"
	absent.test = "TestHalf/five"
	_, err := trial.prepareAll(t.Context(), []mutation{half, absent})
	require.ErrorContains(t, err, "TestHalf/five of . does not pass")

	var out bytes.Buffer
	tryAll := func(list ...mutation) (woven []mutation, err error) {
		programs, err := trial.prepareAll(t.Context(), list)
		require.NoError(t, err)
		out.Reset()
		return programs["."].woven, report(t.Context(), &out, list, func(ctx context.Context, m mutation) (outcome, error) {
			return trial.try(ctx, programs["."], m)
		})
	}
	woven, err := tryAll(half, part, unnoticed, alone)
	require.Equal(t, []mutation{half, part, unnoticed}, woven)
	require.ErrorContains(t, err, "1 of 4 mutations")
	for _, line := range []string{
		`(?m)^killed .* half  \. TestHalf: `, "(?m)^killed .* part ", "(?m)^SURVIVED .* unnoticed ", "(?m)^killed .* alone ",
		"4 mutations: 3 killed, 1 survived, 0 invalid",
	} {
		require.Regexp(t, line, out.String())
	}
	wrong.at = "list.txt:7"
	_, err = trial.prepareAll(t.Context(), []mutation{half, wrong})
	require.ErrorContains(t, err, "list.txt#7:5: undefined: m")
	wrong.old, wrong.new = alone.old, "const two = one"
	_, err = tryAll(half, wrong)
	require.ErrorContains(t, err, "1 of 2 mutations")
	require.Regexp(t, "(?ms)^INVALID .*list.txt:7 does not compile: .*undefined: one", out.String())
	text, err := os.ReadFile(filepath.Join(dir, "m.go"))
	require.NoError(t, err)
	require.Contains(t, string(text), "return n / two", "no file of the tree is changed")
}
