package archtest

// Rule says what the packages under a path may not import. Paths below the module are written
// without the module's name.
type Rule struct {
	Package string   // the package and all below it
	Forbid  []string // import paths; a path forbids what is below it too
	Only    []string // if set, nothing else of the kind "not standard library" may be imported
	Except  []string // packages below it, and all below those, for which the rule does not hold
	Because string
}

const (
	pgx       = "github.com/jackc/pgx"
	watermill = "github.com/ThreeDotsLabs"
	sarama    = "github.com/IBM/sarama"
	chi       = "github.com/go-chi/chi"
	assembly  = "internal/assembly"
)

// Rules are the architecture.
func Rules() []Rule {
	upper := []string{"cmd", "commands", "projections", "readmodels", "api", "migrations", "deploy"}
	return []Rule{
		{
			Package: "domain", Only: []string{}, Forbid: []string{"context", "net/http", "log/slog", "log", "os"},
			Because: "decisions and folds are pure: the same today, in a rebuild and in an audit",
		},
		{
			Package: "commands", Forbid: []string{pgx, watermill, chi, "projections", "readmodels", "api"},
			Because: "use cases know what they need, not who provides it",
		},
		{
			Package: "projections", Forbid: []string{watermill, "commands", "readmodels", "api", "internal/stream"},
			Because: "a fold reads its topic and writes its tables, and can send nothing",
		},
		{
			Package: "readmodels", Forbid: []string{"commands", "projections", watermill, "api"},
			Because: "queries only read",
		},
		{
			Package: "api", Forbid: []string{pgx, watermill, sarama, "projections", "internal/pg", "internal/eventlog"}, Except: []string{"api/mount"},
			Because: "HTTP stands on queries and use cases",
		},
		{
			Package: "migrations", Forbid: []string{"domain", "internal", "commands", "projections", "readmodels", "api"},
			Because: "the schema's history depends on no code that changes",
		},
		{
			Package: "internal", Forbid: append([]string{assembly}, upper...), Except: []string{assembly, "internal/dev"},
			Because: "what they need of the upper packages is handed in as functions by internal/assembly or cmd",
		},
		{
			Package: assembly, Forbid: []string{"cmd", "api/mount", "internal/platforms", "internal/quota", "internal/dev/simulator", "internal/dev/demo", "internal/embedded"},
			Because: "it puts together what is handed to it; settings, fetching and what is embedded are the program's",
		},
		{
			Package: "api/mount",
			Forbid: []string{
				pgx, watermill, sarama, "cmd", "commands", "projections", "readmodels", "migrations", "deploy",
				"internal/pg", "internal/vault", "internal/stream", "internal/embedded",
			},
			Because: "a main application gets what the program runs: it is put together in internal/assembly",
		},
		{
			Package: "internal/stream", Forbid: []string{pgx, watermill, chi, "internal/pg"},
			Because: "it is told what moved, and knows neither tables nor log",
		},
		{
			Package: "internal/dev/simulator", Forbid: []string{"internal/platforms"},
			Because: "a simulator that shares code with the clients proves nothing about them",
		},
		{
			Package: "internal/platforms", Forbid: []string{"internal/dev/simulator"},
			Because: "the clients know only a base URL",
		},
	}
}

// TestSupport are the packages that only tests import; the rules do not hold for them.
func TestSupport() []string {
	return []string{"internal/pg/pgtest", "internal/dev/foldtest", "internal/dev/archtest", "internal/dev/contract", "internal/dev/e2e", "internal/dev/bench", "internal/dev/soak"}
}
