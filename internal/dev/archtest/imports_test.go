package archtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// parsed are the files of this module.
var parsed = sync.OnceValues(func() ([]archtest.File, error) { return archtest.Files("../../..") })

func files(t *testing.T) []archtest.File {
	t.Helper()
	all, err := parsed()
	require.NoError(t, err)
	require.Greater(t, len(all), 500)
	return all
}

// plant writes Go files, given by their paths and texts, into a module of their own and parses them.
func plant(t *testing.T, texts map[string]string) []archtest.File {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	files, err := archtest.Files(dir)
	require.NoError(t, err)
	return files
}

// importing plants files that import packages, apart by spaces.
func importing(t *testing.T, imported map[string]string) []archtest.Import {
	t.Helper()
	texts := map[string]string{}
	for name, paths := range imported {
		if strings.HasSuffix(name, "_tagged.go") {
			texts[name] = "//go:build never && somewhere\n\n"
		}
		texts[name] += "package p\n"
		for path := range strings.FieldsSeq(paths) {
			texts[name] += "import _ \"" + strings.Replace(path, "./", module+"/", 1) + "\"\n"
		}
	}
	return archtest.Imports(plant(t, texts), module)
}

func TestModuleFollowsImportRules(t *testing.T) {
	t.Parallel()
	require.Empty(t, archtest.Breaches(archtest.Imports(files(t), module), archtest.Rules(), archtest.TestSupport()))
}

func TestEveryImportRuleDetectsPlantedViolation(t *testing.T) {
	t.Parallel()
	for _, rule := range archtest.Rules() {
		forbidden := rule.Forbid
		if rule.Only != nil {
			forbidden = append(forbidden, "context", "net/http", "log/slog", "os", "database/sql", "github.com/google/uuid", "internal/pg")
		}
		require.NotEmpty(t, forbidden, rule.Package)
		for _, path := range forbidden {
			if ofThisModule(path) {
				path = "./" + path
			}
			for _, folder := range []string{rule.Package, rule.Package + "/below"} {
				found := archtest.Breaches(importing(t, map[string]string{folder + "/x.go": path}), []archtest.Rule{rule}, nil)
				require.Len(t, found, 1, "%s importing %s", folder, path)
				require.Contains(t, found[0], folder+"/x.go imports "+strings.TrimPrefix(path, "./"))
			}
		}
	}
}

func ofThisModule(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && path != "database/sql" && path != "net/http" && path != "log/slog" && path != "context" && path != "os"
}

func TestIndirectImportViolationsAreFound(t *testing.T) {
	t.Parallel()
	pgx, watermill := "github.com/jackc/pgx/v5", "github.com/ThreeDotsLabs/watermill"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"the domain by way of a package below it": {
			map[string]string{"domain/x.go": "./domain/money", "domain/money/y.go": "os"}, "domain/money/y.go imports os",
		},
		"a file that no build of this machine takes": {map[string]string{"domain/x_tagged.go": "os"}, "domain/x_tagged.go imports os"},
		"commands by way of another package": {
			map[string]string{"commands/x.go": "./internal/vault", "internal/vault/y.go": pgx},
			"internal/vault/y.go imports " + pgx + ", and commands reaches it by way of internal/vault",
		},
		"commands by way of two": {
			map[string]string{"commands/collect/x.go": "./internal/platforms", "internal/platforms/y.go": "./internal/pg", "internal/pg/z.go": pgx},
			"internal/pg/z.go imports " + pgx + ", and commands/collect reaches it by way of internal/pg",
		},
		"commands by way of a package that hides it from others": {
			map[string]string{"commands/x.go": "./internal/eventlog", "internal/eventlog/y.go": watermill},
			"internal/eventlog/y.go imports " + watermill,
		},
		"the API by way of another package": {
			map[string]string{"api/x.go": "./internal/vault", "internal/vault/y.go": pgx}, "and api reaches it by way of internal/vault",
		},
		"internal packages by way of another": {
			map[string]string{"internal/a/x.go": "./domain", "domain/y.go": "./commands"}, "domain/y.go imports commands",
		},
		"a circle": {
			map[string]string{"commands/x.go": "./internal/a", "internal/a/x.go": "./internal/b", "internal/b/x.go": "./internal/a " + pgx},
			"and commands reaches it by way of internal/b",
		},
		"what is for tests": {map[string]string{"api/x.go": "./internal/dev/pgtest"}, "api/x.go imports internal/dev/pgtest, which is for tests"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := archtest.Breaches(importing(t, c.files), archtest.Rules(), archtest.TestSupport())
			require.Contains(t, strings.Join(found, "\n"), c.want)
		})
	}
}

func TestAllowedImportsAreNotViolations(t *testing.T) {
	t.Parallel()
	found := archtest.Breaches(importing(t, map[string]string{
		"domain/x.go":                 "time ./domain/money",
		"domain/money/x.go":           "strings",
		"commands/x.go":               "context net/http ./domain ./commands/collect",
		"commands/collect/x.go":       "./internal/platforms",
		"api/x.go":                    "./readmodels ./commands",
		"readmodels/x.go":             "github.com/jackc/pgx/v5 ./internal/eventlog",
		"projections/x.go":            "./internal/eventlog ./projections/fold ./projections/write",
		"projections/projectors/x.go": "./projections/ddl ./projections/fold ./projections/write ./domain",
		"internal/eventlog/x.go":      "github.com/ThreeDotsLabs/watermill github.com/IBM/sarama ./domain",
		"internal/app/x.go":           "./projections ./api ./internal/dev/embedded",
		"commands/x_test.go":          "github.com/jackc/pgx/v5",
		"testdata/domain/x.go":        "os",
	}), archtest.Rules(), archtest.TestSupport())
	require.Equal(t, []string{
		"internal/app/x.go imports internal/dev/embedded: what serves does not stand on demos, measurements and generators",
	}, found)
}
