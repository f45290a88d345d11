package archtest

// Rule says what the packages under a path may not import. Paths below the module are written
// without the module's name.
type Rule struct {
	Package string   // the package and all below it
	Forbid  []string // import paths; a path forbids what is below it too
	Allow   []string // below forbidden paths, what may be imported all the same, and all below that
	Only    []string // if set, a positive list: nothing else may be imported, but packages below Package
	Except  []string // packages below it, and all below those, for which the rule does not hold
	StopsAt []string // packages that hide what they import, and all below those: the search does not go through them
	Direct  bool     // the rule is about import statements alone; else it holds through other packages too
	Because string
}

const (
	pgx       = "github.com/jackc/pgx"
	watermill = "github.com/ThreeDotsLabs"
	sarama    = "github.com/IBM/sarama"
	chi       = "github.com/go-chi/chi"
	app       = "internal/app"
	simulator = "internal/dev/simulator"
	folds     = "projections/projectors"
)

// hiding are the packages that exist to hide a library from those who use them: readmodels and
// internal/signin hide pgx, internal/eventlog the Kafka clients.
func hiding() []string { return []string{"readmodels", "internal/signin", "internal/eventlog"} }

// pureStandard is what the domain may import of the standard library: nothing that reads a clock, a file,
// the network or the environment, and nothing that logs. The JSON decoder becomes part of it as
// encoding/json/v2.
func pureStandard() []string {
	return []string{
		"bytes", "cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "iter", "maps", "math",
		"math/bits", "regexp", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8",
		"github.com/go-json-experiment/json",
	}
}

// Rules are the architecture.
func Rules() []Rule {
	upper := []string{"cmd", "commands", "projections", "readmodels", "api", "migrations", "deploy"}
	return []Rule{
		{
			Package: "domain", Only: pureStandard(),
			Because: "decisions and folds are pure: the same today, in a rebuild and in an audit",
		},
		{
			Package: "commands", Forbid: []string{pgx, "database/sql", watermill, chi, "projections", "readmodels", "api"},
			Because: "use cases know what they need, not who provides it",
		},
		{
			Package: "projections", Forbid: []string{watermill, "commands", "readmodels", "api", "internal/stream"},
			StopsAt: hiding(),
			Because: "a fold reads its topic and writes its tables, and can send nothing",
		},
		{
			Package: "projections", Forbid: []string{folds}, Except: []string{folds},
			Because: "the engine runs any projector; who puts a process together hands in which there are",
		},
		{
			Package: folds, Forbid: []string{"projections"}, Allow: []string{"projections/ddl", "projections/fold", "projections/write"},
			Because: "a projector is run by the engine and knows nothing of how",
		},
		{
			Package: "projections/write", Forbid: []string{"domain", "internal", "projections"},
			Because: "how rows are stored does not depend on what they say",
		},
		{
			Package: "readmodels", Forbid: []string{"commands", "projections", watermill, "api"}, StopsAt: hiding(),
			Because: "queries only read",
		},
		{
			Package: "api", Forbid: []string{pgx, "database/sql", watermill, sarama, "projections"}, StopsAt: hiding(),
			Except:  []string{"api/mount"},
			Because: "HTTP stands on queries and use cases",
		},
		{
			Package: "api", Forbid: []string{"internal/pg", "internal/eventlog"}, Direct: true, Except: []string{"api/mount"},
			Because: "HTTP stands on queries and use cases",
		},
		{
			Package: "api/bearer", Forbid: []string{"internal", "commands", "readmodels", "api/console", "api/mount"}, Direct: true,
			Allow:   []string{"internal/jwks", "internal/secret"},
			Because: "a token is judged by its keys and claims alone",
		},
		{
			Package: "migrations", Forbid: []string{"domain", "internal", "commands", "projections", "readmodels", "api"},
			Allow: []string{"internal/pg"}, Direct: true,
			Because: "the schema's history depends on no code that changes",
		},
		{
			Package: "internal", Forbid: append([]string{app}, upper...),
			Except:  []string{app, "internal/dev"},
			Because: "what they need of the upper packages is handed in as functions by internal/app",
		},
		{
			Package: "internal", Forbid: []string{"internal/dev"}, Except: []string{"internal/dev"}, Direct: true,
			Because: "what serves does not stand on demos, measurements and generators",
		},
		{
			Package: app, Forbid: []string{"cmd", "api/mount", "internal/dev/simulator", "internal/dev/demo", "internal/embedded"},
			Because: "a main application links what it opens: no broker, no database and nothing of the demo; settings are its users'",
		},
		{
			Package: "api/mount", Direct: true,
			Forbid: []string{
				pgx, watermill, sarama, "cmd", "commands", "projections", "readmodels", "migrations", "deploy",
				"internal/pg", "internal/vault", "internal/stream", "internal/embedded",
			},
			Because: "a main application gets what the program runs: internal/app puts it together",
		},
		{
			Package: "internal/stream", Forbid: []string{pgx, watermill, chi, "internal/pg"},
			Because: "it learns what changed, and knows neither tables nor log",
		},
		{
			Package: simulator, Forbid: []string{"internal/platforms"},
			Because: "a simulator that shares code with the clients proves nothing about them",
		},
		{
			Package: "internal/platforms", Forbid: []string{simulator},
			Because: "the clients know only a base URL",
		},
	}
}

// TestSupport are the packages that only tests import; the rules do not hold for them.
func TestSupport() []string {
	return []string{
		"internal/dev/pgtest", "internal/dev/ledgertest", "internal/dev/apitest", "internal/dev/archtest", "internal/dev/contract", "internal/dev/e2e", "internal/dev/bench",
		"internal/dev/soak", "internal/dev/needs", "internal/dev/draws", "internal/dev/issuer", "internal/dev/leaks", "internal/dev/sdks",
	}
}

// Boundaries are the interfaces with one implementation that a rule, a type of another module, or a test of
// faults forces, and why. Any other interface has two implementations, or is the type itself.
func Boundaries() map[string]string {
	const (
		tables = "commands may import neither readmodels nor pgx"
		kept   = "commands may not import pgx, which internal/vault is made of"
		pgxs   = "types of pgx implement it: pool, connection, transaction"
		faults = "tests have it fail, stall or panic at a moment that the real one cannot be brought to"
		asked  = "what only some folds are: the engine asks a fold for it"
	)
	return map[string]string{
		"api.DashboardCommands":            faults,
		"api.DashboardReader":              faults,
		"api.HistoryReader":                faults,
		"api.Prover":                       faults,
		"api/console.Identities":           faults,
		"api/console.Sessions":             faults,
		"commands.DashboardStore":          tables,
		"commands.DirectoryTables":         tables,
		"commands.TokenPlaces":             tables,
		"commands.KeptEraser":              kept,
		"commands.TokenStore":              kept,
		"commands/collect.budgetStore":     kept,
		"commands/collect.connectionPages": tables,
		"commands/collect.connections":     tables,
		"commands/collect.fetchStates":     kept,
		"commands/collect.handedOverStore": kept,
		"commands/collect.secretStore":     kept,
		"commands/connect.Directory":       tables,
		"commands/connect.Secrets":         kept,
		"commands/connect.Store":           kept,
		"internal/app.Embedded":            "internal/app may not import internal/embedded",
		"internal/eventlog.Follower":       faults,
		"internal/signin.Directory":        "internal packages may not import readmodels",
		"internal/pg.Querier":              pgxs,
		"internal/stream.Store":            "internal/stream may import neither readmodels nor pgx",
		"projections.database":             pgxs,
	}
}
