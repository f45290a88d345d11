package archtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/archtest"
)

func TestRequirementsAreTrue(t *testing.T) {
	t.Parallel()
	imports, err := archtest.AllImports(root(t), module)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	require.NoError(t, err)
	faults, err := archtest.Requirements(text, imports)
	require.NoError(t, err)
	require.Empty(t, faults)
}

func TestAnUntrueRequirementIsFound(t *testing.T) {
	t.Parallel()
	text := []byte(`module m

go 1.26.0

require (
	example.com/a v1.0.0
	example.com/a/deep v1.0.0
	example.com/unused v1.0.0
)

require (
	example.com/b/v2 v2.0.0 // indirect
	example.com/c v1.0.0 // indirect
)
`)
	imports := []archtest.Import{
		{File: "x.go", Path: "example.com/a"},
		{File: "x.go", Path: "example.com/a/deep/er"},
		{File: "y_test.go", Path: "example.com/b/v2/sub"},
		{File: "y_test.go", Path: "example.com/missing"},
		{File: "x.go", Path: "strings"},
		{File: "x.go", Path: "internal/pg", Module: true},
	}
	faults, err := archtest.Requirements(text, imports)
	require.NoError(t, err)
	require.Equal(t, []string{
		"y_test.go imports example.com/missing, which no requirement provides",
		"example.com/unused is not marked indirect, and nothing imports it",
		"example.com/b/v2 is marked indirect, and y_test.go imports it",
	}, faults)

	faults, err = archtest.Requirements([]byte("module m\n\nrequire (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0 // indirect\n)\n"), imports[:1])
	require.NoError(t, err)
	require.Equal(t, []string{"a block of go.mod mixes direct and indirect requirements"}, faults)
}
