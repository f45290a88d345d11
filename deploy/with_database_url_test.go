package deploy_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every user of a machine sees the arguments of pg_dump and psql: the password is not among them.
func TestWithDatabaseURLPassesThePasswordInTheEnvironment(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]struct{ password, argument string }{
		"postgres://dumper:Sup3r%2FSe%40cret%25@db:5432/lb?sslmode=require": {"Sup3r/Se@cret%", "postgres://dumper@db:5432/lb?sslmode=require"},
		"postgresql://a:b:c%C3%A4 '$x@[::1]:5432/lb":                        {"b:cä '$x", "postgresql://a@[::1]:5432/lb"},
		"postgres://u@db/lb":       {"", "postgres://u@db/lb"},
		"postgres:///lb?host=/run": {"", "postgres:///lb?host=/run"},
	} {
		cmd := exec.Command("./with-database-url", "sh", "-c", `printf '%s|%s' "$PGPASSWORD" "$*"`, "sh", "--schema", "kept")
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LEDGERBOARD_DATABASE_URL=" + url}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, want.password+"|--schema kept "+want.argument, string(out))
	}
	cmd := exec.Command("./with-database-url", "true")
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LEDGERBOARD_DATABASE_URL=host=db password=secret"}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "or use PGPASSFILE")
	require.NotContains(t, string(out), "secret")
}
