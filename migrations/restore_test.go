package migrations_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// The commands of docs/restore.md restore schema kept for a role that does not own the database.
func TestSchemaKeptIsRestoredAsDocumented(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "pg_dump", "pg_restore")
	text, err := os.ReadFile("../docs/restore.md")
	require.NoError(t, err)
	dir := t.TempDir()
	run := func(program, url string) {
		t.Helper()
		config, err := pgx.ParseConfig(url)
		require.NoError(t, err)
		_, arguments, found := strings.Cut(string(text), "\n"+program+" ")
		if !found {
			_, arguments, found = strings.Cut(string(text), "   "+program+" ") // in a list
		}
		require.True(t, found, program)
		arguments, _, _ = strings.Cut(arguments, "\n")
		arguments = strings.NewReplacer("/backups", dir, "--dbname ledgerboard", "--dbname "+config.Database).Replace(arguments)
		command := exec.Command(program, strings.Fields(arguments)...)
		command.Env = append(os.Environ(), "PGHOST="+config.Host, "PGPORT="+strconv.Itoa(int(config.Port)),
			"PGDATABASE="+config.Database, "PGUSER="+config.User, "PGPASSWORD="+config.Password)
		out, err := command.CombinedOutput()
		if strings.Contains(string(out), "server version mismatch") {
			t.Skipf("left out: %s is older than the server", program)
		}
		require.NoError(t, err, string(out))
	}

	from, to := pgtest.New(t), pgtest.New(t)
	_, err = from.Pool.Exec(t.Context(), "insert into kept.ticket_key (key) values ('a key of thirty-two bytes, kept.')")
	require.NoError(t, err)
	url := to.WriterURL(t)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	admin, err := pgx.Connect(t.Context(), to.Superuser())
	require.NoError(t, err)
	defer admin.Close(t.Context())
	_, err = admin.Exec(t.Context(), fmt.Sprintf(`drop schema lb_engine, lb, kept cascade; grant create on database "%s" to "%s"`,
		config.Database, config.User), pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)

	run("pg_dump", from.Superuser())
	run("pg_restore", url)
	require.NoError(t, migrations.Up(t.Context(), url))
	var key string
	require.NoError(t, admin.QueryRow(t.Context(), "select convert_from(key, 'UTF8') from kept.ticket_key").Scan(&key))
	require.Equal(t, "a key of thirty-two bytes, kept.", key)
}
