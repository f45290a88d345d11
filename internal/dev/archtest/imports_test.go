package archtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statement is one import statement of a file that is no test.
type statement struct {
	file     string
	path     string // without the module's name if it is of the module
	ofModule bool
}

// graph is the imports of each package of the module.
type graph map[string][]statement

func graphOf(files []source) graph {
	g := graph{}
	for _, file := range files {
		for _, spec := range file.syntax.Imports {
			if path, ofModule := imported(spec); !file.isTest() {
				g[file.folder()] = append(g[file.folder()], statement{file.name, path, ofModule})
			}
		}
	}
	return g
}

// breaches returns a sentence for each way in which a package gets what a rule forbids it.
func (g graph) breaches(rules []Rule, testSupport []string) (breaches []string) {
	for _, p := range slices.Sorted(maps.Keys(g)) {
		if belowAny(p, testSupport) {
			continue
		}
		for _, i := range g[p] {
			if belowAny(i.path, testSupport) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s, which is for tests", i.file, i.path))
			}
		}
		for _, rule := range rules {
			if below(p, rule.Package) && !belowAny(p, rule.Except) {
				breaches = append(breaches, g.search(p, rule)...)
			}
		}
	}
	return breaches
}

// search looks for what a rule forbids in the imports of a package and, unless the rule is about direct
// imports alone, in those of every package of the module that it reaches. Each is visited once, nearest
// first, so the way that a breach names is a shortest one.
func (g graph) search(start string, rule Rule) (breaches []string) {
	ways := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, i := range g[at] {
			if rule.breaks(i, at == start) {
				breaches = append(breaches, fmt.Sprintf("%s imports %s%s: %s", i.file, i.path, ways[at], rule.Because))
				continue
			}
			if _, seen := ways[i.path]; seen || !i.ofModule || rule.Direct || belowAny(i.path, rule.StopsAt) {
				continue
			}
			ways[i.path] = ", and " + start + " reaches it by way of " + i.path
			queue = append(queue, i.path)
		}
	}
	return breaches
}

// breaks tells whether an import is forbidden. The positive list is about a package's own imports: what
// those stand on does not concern it.
func (r Rule) breaks(i statement, own bool) bool {
	if belowAny(i.path, r.Forbid) && !belowAny(i.path, r.Allow) {
		return true
	}
	ofItself := i.ofModule && below(i.path, r.Package)
	return own && r.Only != nil && !ofItself && !slices.Contains(r.Only, i.path)
}

// below tells whether a path is the other or lies below it.
func below(p, other string) bool { return p == other || strings.HasPrefix(p, other+"/") }

func belowAny(p string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return below(p, other) })
}

func TestModuleFollowsImportRules(t *testing.T) {
	t.Parallel()
	require.Empty(t, graphOf(files(t)).breaches(Rules(), TestSupport()))
}

// importing plants files that import packages, apart by spaces. Those of the module begin with "./".
func importing(t *testing.T, imports map[string]string) graph {
	t.Helper()
	texts := map[string]string{}
	for name, paths := range imports {
		for path := range strings.FieldsSeq(paths) {
			texts[name] += "import _ \"" + strings.Replace(path, "./", module+"/", 1) + "\"\n"
		}
	}
	return graphOf(plant(t, texts))
}

func TestEveryImportRuleDetectsPlantedViolation(t *testing.T) {
	t.Parallel()
	for _, rule := range Rules() {
		forbidden := rule.Forbid
		if rule.Only != nil {
			forbidden = append(forbidden, "context", "net/http", "log/slog", "os", "database/sql", "github.com/google/uuid", "internal/pg")
		}
		require.NotEmpty(t, forbidden, rule.Package)
		for _, path := range forbidden {
			written, _, _ := strings.Cut(path, "/")
			if _, err := os.Stat(filepath.Join(root, written)); err == nil {
				written = "./" + path // of this module
			} else {
				written = path
			}
			for _, folder := range []string{rule.Package, rule.Package + "/below"} {
				found := importing(t, map[string]string{folder + "/x.go": written}).breaches([]Rule{rule}, nil)
				require.Len(t, found, 1, "%s importing %s", folder, path)
				require.Contains(t, found[0], folder+"/x.go imports "+path)
			}
		}
	}
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
		"a file that no build of this machine takes": {map[string]string{"domain/x_plan9.go": "os"}, "domain/x_plan9.go imports os"},
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
			require.Contains(t, strings.Join(importing(t, c.files).breaches(Rules(), TestSupport()), "\n"), c.want)
		})
	}
}

func TestAllowedImportsAreNotViolations(t *testing.T) {
	t.Parallel()
	require.Empty(t, importing(t, map[string]string{
		"domain/x.go":                 "time ./domain/money",
		"domain/money/x.go":           "strings",
		"commands/x.go":               "context net/http ./domain ./commands/collect",
		"commands/collect/x.go":       "./internal/platforms",
		"api/x.go":                    "./readmodels ./commands",
		"readmodels/x.go":             "github.com/jackc/pgx/v5 ./internal/eventlog",
		"projections/x.go":            "./internal/eventlog ./projections/fold ./projections/write",
		"projections/projectors/x.go": "./projections/ddl ./projections/fold ./projections/write ./domain",
		"internal/eventlog/x.go":      "github.com/ThreeDotsLabs/watermill github.com/IBM/sarama ./domain",
		"internal/app/x.go":           "./projections ./api",
		"commands/x_test.go":          "github.com/jackc/pgx/v5",
		"testdata/domain/x.go":        "os",
	}).breaches(Rules(), TestSupport()))
}
