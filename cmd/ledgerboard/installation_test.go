package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// A command with the database of one installation and the topics of another would mix up their
// data. It changes neither, whether the database is new, was migrated, or belongs to a service.
func TestCommandsRefuseTheLogOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	at := newStorage(t)
	withService(t, at, func(a *process, _ string) { seedErasure(t, a) })
	before := importedEnds(t, at.DataDir)
	erasures := newFile(t, "erasures.jsonl", `{"kind":"user","id":"`+erased+`","at":"2026-01-01T00:00:00Z"}`)
	category := newFile(t, "categories.jsonl", `{"type":"directory.category.v1","data":{"id":7,"name":"Events"}}`)

	unmigrated, served := pgtest.New(t).URL, storage{DataDir: t.TempDir(), DatabaseURL: pgtest.New(t).URL}
	conn, err := pgx.Connect(t.Context(), unmigrated)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `drop schema kept cascade; drop schema lb_engine cascade; drop schema lb cascade`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	withService(t, served, func(*process, string) {})

	const reason = "--yes --reason incident:OPS-1"
	for _, databaseURL := range []string{unmigrated, pgtest.New(t).URL, served.DatabaseURL} {
		with := []string{"--data-dir", at.DataDir, "--database-url", databaseURL, "--log-level", "error"}
		for _, line := range []string{
			"init --agency North --name Anna --email anna@north.example.com --directory local --jwt-secret " + strings.Repeat("s", 32),
			"import " + category,
			"erase --user " + erased + " --wait 1s " + reason + " --ordered-by person --ground objection --due 2026-12-21",
			"erase --from " + erasures + " " + reason,
			"prepare directory " + reason,
			"rebuild directory " + reason,
			"pause directory " + reason,
			"export-person --user " + erased + " --out " + filepath.Join(t.TempDir(), "person.json") + " " + reason,
			"sign-in-link --user " + eraseStaff + " --public-url https://boards.example.com " + reason,
		} {
			_, _, stderr := byHand(t, append(strings.Fields(line), with...)...)
			require.Contains(t, stderr, "the topics belong to another installation", line)
		}
		_, _, stderr := byHand(t, append([]string{"backup", "--to", filepath.Join(t.TempDir(), "backup")}, with...)...)
		if databaseURL != unmigrated {
			require.Contains(t, stderr, "do not show the age of this backup: the topics belong to another installation")
		}
	}
	require.Equal(t, before, importedEnds(t, at.DataDir))
	code, _, stderr := byHand(t, "import", category, "--data-dir", at.DataDir, "--database-url", at.DatabaseURL, "--log-level", "error")
	require.Zero(t, code, "with the database of the installation: %s", stderr)
}
