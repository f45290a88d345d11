package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What PostgreSQL's own files hold is more than its tables show: a deleted row leaves its bytes until its table is rewritten, and the
// write-ahead log holds them until its segments are written over. docs/privacy.md says so; this is how it was found.
func TestFilesOfTheDatabaseForgetLater(t *testing.T) {
	dir := t.TempDir()
	tables := forgetful{files: filepath.Join(dir, "postgres", "data", "base")}
	ahead := forgetful{files: filepath.Join(dir, "postgres", "data", "pg_wal")}
	withService(t, dir, func(a *process, _ string) {
		seedErasure(t, a)
		seedFigures(t, a)
		seedSought(t, a)
	})
	require.ElementsMatch(t, soughtTexts, tables.foundIn(t, soughtTexts))
	require.ElementsMatch(t, soughtTexts, ahead.foundIn(t, soughtTexts))
	erase := eraseCommand{
		storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, User: erased, SocialAccount: []int64{703}, Wait: patience,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	require.NoError(t, erase.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}))
	t.Logf("erased: files of tables hold %q, the write-ahead log %q", tables.foundIn(t, soughtTexts), ahead.foundIn(t, soughtTexts))
	withService(t, dir, func(a *process, _ string) {
		for _, sql := range []string{"vacuum full", "checkpoint"} {
			_, err := a.KeptPool.Exec(t.Context(), sql)
			require.NoError(t, err, sql)
		}
	})
	require.Empty(t, tables.foundIn(t, soughtTexts), "tables are rewritten")
	require.NotEmpty(t, tables.foundIn(t, []string{saidByBoth}), "under another name")
	require.NotEmpty(t, ahead.foundIn(t, soughtTexts), "docs/privacy.md says that the write-ahead log still holds it")
}
