package draws_test

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
