package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func updateDashboard(t *testing.T, a *process, users ...string) {
	t.Helper()
	changeDashboard(t, a, domain.UpdateDashboard{Users: &users})
}

func changeDashboard(t *testing.T, a *process, change domain.UpdateDashboard) {
	t.Helper()
	change.Primary = eraseClient
	_, err := a.Updates.Update(t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: eraseAgency, UserID: eraseStaff, Role: "agency", RequestID: "r"}, Change: change,
	})
	require.NoError(t, err)
}

// damagedBackup returns a copy of a backup with a fault, which the check reports with its exit
// code.
func damagedBackup(t *testing.T, files string) string {
	t.Helper()
	damaged := filepath.Join(t.TempDir(), "damaged")
	require.NoError(t, os.CopyFS(damaged, os.DirFS(files)))
	segments, err := filepath.Glob(filepath.Join(damaged, "directory-*", "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	require.NoError(t, os.WriteFile(segments[0], []byte("x"), 0o600))
	out, err := runCommand(t, backupCommand{Check: damaged, JSON: true})
	require.Equal(t, exitFindings, exitCode(err, io.Discard))
	require.Contains(t, out, filepath.Base(segments[0]))
	require.Contains(t, out, `"whole":false`)
	_, err = runCommand(t, backupCommand{})
	require.Equal(t, exitUsage, exitCode(err, io.Discard))
	return damaged
}

// The brokers are lost, and the tables are newer than the backup. Erasures after the backup are
// repeated.
func TestServiceContinuesAfterRestore(t *testing.T) {
	at, files := newStorage(t), filepath.Join(t.TempDir(), "backup")
	var before []chained
	withService(t, at, func(a *process, _ string) {
		seedErasure(t, a)
		seedFigures(t, a)
		before = chainOf(t, a)
	})
	require.Contains(t, mustRun(t, backupCommand{installation: installation{at, quiet}, To: files}), "Backed up the log to ")
	require.Contains(t, mustRun(t, backupCommand{Check: files}), "is complete")
	restore := restoreCommand{installation: installation{at, quiet}, actionFlags: someReason, From: files}
	said, err := runCommand(t, restore)
	require.ErrorContains(t, err, "the brokers already have a log", said)
	withService(t, at, func(a *process, _ string) {
		mustRun(t, eraseErna(at))
		updateDashboard(t, a, stays)
		cursors := []stream.Cursor{{ParentAccount: eraseAgency, UserID: stays, Version: int64(len(before)) + 1}}
		require.NoError(t, vault.Cursors{Pool: a.KeptPool}.SaveCursors(t.Context(), cursors))
	})

	after := filepath.Join(t.TempDir(), "after")
	copyDir(t, after, at.DataDir)
	require.NoError(t, os.RemoveAll(filepath.Join(at.DataDir, "broker")))
	damaged := restore
	damaged.From = damagedBackup(t, files)
	_, err = runCommand(t, damaged)
	require.ErrorContains(t, err, "nothing was restored")
	unconfirmed := restore
	unconfirmed.actionFlags = actionFlags{}
	_, err = runCommand(t, unconfirmed)
	require.Equal(t, exitUsage, exitCode(err, io.Discard), "nothing is restored without --yes")
	require.ErrorContains(t, err, "Records written to the log after the backup are lost")
	require.ErrorContains(t, err, "on topic dashboards the database has folded 1 such records")
	mustRun(t, restore)
	repeatErasures(t, storage{DataDir: after}, at)
	withService(t, at, func(a *process, _ string) {
		a.until(t, 1, "select count(*) from operations_trail where event_type = 'operations.operator_acted.v1' and data->>'action' = 'log.restored'")
		// the erasure was repeated
		a.until(t, 2, "select case when bool_and(id in ('"+eraseStaff+"', '"+stays+"')) then count(*) else 0 end from users")
		a.awaitCommands(t)
		require.Equal(t, before, chainOf(t, a))
		version, _, err := vault.Cursors{Pool: a.KeptPool}.Cursor(t.Context(), eraseAgency, stays)
		require.NoError(t, err)
		require.EqualValues(t, len(before), version)
		updateDashboard(t, a, stays)
		require.Len(t, chainOf(t, a), len(before)+1)
	})
	_, err = runCommand(t, restore)
	require.ErrorContains(t, err, "nothing was changed", "the log continued")
	require.NoError(t, os.RemoveAll(filepath.Join(at.DataDir, "broker")))
	_, err = runCommand(t, unconfirmed)
	require.ErrorContains(t, err, "the tables were built from another log than the one in the backup", "offsets of two logs are not compared")
	require.NotContains(t, err.Error(), "such records")
}
