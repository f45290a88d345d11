package archtest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/archtest"
)

const module = "github.com/ledgerboard/ledgerboard"

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	require.NoError(t, err)
	return dir
}

func TestTheModuleKeepsTheRules(t *testing.T) {
	t.Parallel()
	imports, err := archtest.Imports(root(t), module)
	require.NoError(t, err)
	require.NotEmpty(t, imports)
	require.Empty(t, archtest.Breaches(imports, archtest.Rules(), archtest.TestSupport()))
}

func TestABreachOfEachRuleIsFound(t *testing.T) {
	t.Parallel()
	for _, rule := range archtest.Rules() {
		for _, forbidden := range rule.Forbid {
			found := archtest.Breaches([]archtest.Import{{Package: rule.Package, File: "x.go", Path: forbidden}}, archtest.Rules(), nil)
			require.NotEmpty(t, found, "%s importing %s", rule.Package, forbidden)
		}
	}
	outside := []archtest.Import{{Package: "domain", File: "domain/x.go", Path: "github.com/google/uuid"}}
	require.Len(t, archtest.Breaches(outside, archtest.Rules(), nil), 1)
	fromTests := []archtest.Import{{Package: "api", File: "api/x.go", Path: "internal/pg/pgtest"}}
	require.NotEmpty(t, archtest.Breaches(fromTests, archtest.Rules(), archtest.TestSupport()))
}

// The domain takes the time as an argument.
func TestTheDomainHasNoClock(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root(t), "domain", "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(source), "time.Now", file)
		require.NotContains(t, string(source), "math/rand", file)
	}
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

func TestTheRootHoldsOnlyTheLayout(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "domain", "commands", "projections", "readmodels", "api", "migrations", "deploy", "internal",
		"go.mod", "go.sum", "README.md", "Makefile", "CHANGELOG.md", "LICENSE", "data", "bin", // the last two are ignored by git
	}
	entries, err := os.ReadDir(root(t))
	require.NoError(t, err)
	for _, entry := range entries {
		require.True(t, strings.HasPrefix(entry.Name(), ".") || slices.Contains(allowed, entry.Name()), entry.Name())
	}
}
