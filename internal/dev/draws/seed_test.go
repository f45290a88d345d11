package draws_test

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// The test runs itself: twice with a seed it draws the same, without one it does not.
func TestASeedRepeatsADraw(t *testing.T) {
	const child = "LEDGERBOARD_DRAWS_CHILD"
	if os.Getenv(child) != "" {
		rapid.Check(t, func(r *rapid.T) { t.Log(rapid.Uint64().Draw(r, "number")) })
		return
	}
	t.Parallel()
	run := func(seed string) string {
		program := exec.Command(os.Args[0], "-test.run=^TestASeedRepeatsADraw$", "-test.v", "-rapid.checks=20", "-rapid.nofailfile")
		program.Env = append(os.Environ(), child+"=1", "LEDGERBOARD_DRAWS="+seed)
		out, err := program.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return numbers(string(out))
	}
	first, again, other := run("42"), run("42"), run("43")
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
	first, again = run(""), run("")
	require.NotEqual(t, first, again)
}

// numbers are the lines of a run that name a draw.
func numbers(output string) string {
	return strings.Join(regexp.MustCompile(`seed_test\.go:\d+: \d+`).FindAllString(output, -1), "\n")
}

func TestASeedThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"0", "x", "-1"} {
		t.Setenv("LEDGERBOARD_DRAWS", text)
		require.Panics(t, func() { draws.Seed() }, text)
	}
}

func TestEveryPropertyTestTakesTheSeed(t *testing.T) {
	t.Parallel()
	drawn, seeded := map[string]bool{}, map[string]bool{}
	root := filepath.Join("..", "..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a folder that a test of another package made and took away
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == filepath.Join(root, "internal", "dev", "draws") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			drawn[filepath.Dir(path)] = drawn[filepath.Dir(path)] || spec.Path.Value == `"pgregory.net/rapid"`
			seeded[filepath.Dir(path)] = seeded[filepath.Dir(path)] || spec.Path.Value == `"github.com/ledgerboard/ledgerboard/internal/dev/draws"`
		}
		return nil
	}))
	require.True(t, drawn[filepath.Join(root, "domain")])
	for folder, draws := range drawn {
		require.True(t, !draws || seeded[folder], "%s draws, and its tests do not import internal/dev/draws", folder)
	}
}
