package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func backUp(t *testing.T, dataDir, to string) {
	t.Helper()
	var out bytes.Buffer
	command := backupCommand{storage: storage{DataDir: dataDir}, logging: logging{LogLevel: "error"}, To: to}
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: io.Discard}))
	require.Contains(t, out.String(), "Backed up the log into ")
	command = backupCommand{Check: to}
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: io.Discard}))
	require.Contains(t, out.String(), "is whole")
}

func restoreFrom(t *testing.T, from string, at storage) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	command := restoreCommand{storage: at, logging: logging{LogLevel: "error"}, actionFlags: actionFlags{Yes: true, Reason: "incident:OPS-1"}, From: from}
	err = command.Run(t.Context(), streams{Out: &out, Err: io.Discard})
	return out.String(), err
}

// updateDashboard appends one more change of the agency.
func updateDashboard(t *testing.T, a *process, users ...string) {
	t.Helper()
	_, err := a.Updates.Update(t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: eraseAgency, UserID: eraseStaff, Role: "agency", RequestID: "r"},
		Change: domain.UpdateDashboard{Primary: eraseClient, Users: &users},
	})
	require.NoError(t, err)
}

// The brokers are lost, and the database has folded more than the backup has. The restore says what is lost; the service makes its read models
// from the restored log and goes on. Who was erased since the backup is erased again with the list. The restore is on record.
func TestTheServiceGoesOnAfterARestore(t *testing.T) {
	dir, files := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	var before []chained
	withService(t, dir, func(a *process, _ string) {
		seedErasure(t, a)
		seedFigures(t, a)
		before = chainOf(t, a)
	})
	backUp(t, dir, files)
	said, err := restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorContains(t, err, "the brokers hold a log already", said)
	erase := eraseCommand{
		storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, User: erased, SocialAccount: []int64{703}, Wait: patience,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	require.NoError(t, erase.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}))
	withService(t, dir, func(a *process, _ string) {
		updateDashboard(t, a, stays)
		told := []stream.Cursor{{ParentAccount: eraseAgency, UserID: stays, Version: int64(len(before)) + 1}}
		require.NoError(t, vault.NewCursors(a.KeptPool).SaveCursors(t.Context(), told))
	})

	after := filepath.Join(t.TempDir(), "after")
	copyDir(t, after, dir)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "broker")))
	command := restoreCommand{storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, From: files}
	err = command.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorContains(t, err, "of topic dashboards the database knows 1 such records", "it asks first")
	_, err = restoreFrom(t, files, storage{DataDir: dir})
	require.NoError(t, err)
	repeatErasures(t, after, dir)
	settings := eraseSettings(dir)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, err := settings.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = a.run(ctx, "127.0.0.1:0", func(context.Context, string) error {
		defer stop()
		require.Eventually(t, func() bool {
			var people []string
			var restores int
			err := a.ReadPool.QueryRow(t.Context(), `select (select array_agg(id order by id) from users),
				(select count(*) from operations_trail where event_type = 'operations.operator_acted.v1' and data->>'action' = 'log.restored')`).
				Scan(&people, &restores)
			return err == nil && slices.Equal(people, []string{eraseStaff, stays}) && restores == 1 && a.Monitor.MayCommand() == nil
		}, patience, 10*time.Millisecond, "the erasure was repeated")
		require.Equal(t, before, chainOf(t, a))
		version, _, err := vault.NewCursors(a.KeptPool).Cursor(t.Context(), eraseAgency, stays)
		require.NoError(t, err)
		require.EqualValues(t, len(before), version)
		updateDashboard(t, a, stays)
		require.Len(t, chainOf(t, a), len(before)+1)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	_, err = restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorContains(t, err, "nothing was changed", "the log went on")
}

// A backup that is damaged is not restored, and the check ends with the code of findings.
func TestADamagedBackupIsNamed(t *testing.T) {
	dir, files := makeLog(t), filepath.Join(t.TempDir(), "backup")
	backUp(t, dir, files)
	whole := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, os.CopyFS(whole, os.DirFS(files)))
	segments, err := filepath.Glob(filepath.Join(files, "directory-*", "*.seg"))
	require.NoError(t, err)
	require.Len(t, segments, 1)
	require.NoError(t, os.WriteFile(segments[0], []byte("x"), 0o600))
	var out bytes.Buffer
	err = backupCommand{Check: files, JSON: true}.Run(t.Context(), streams{Out: &out, Err: io.Discard})
	require.Equal(t, exitFindings, exitCode(err, io.Discard))
	require.Contains(t, out.String(), filepath.Base(segments[0]))
	require.Contains(t, out.String(), `"whole":false`)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "broker")))
	_, err = restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorContains(t, err, filepath.Base(segments[0]))
	require.ErrorContains(t, err, "nothing was restored")

	require.Equal(t, exitUsage, exitCode(backupCommand{}.Run(t.Context(), streams{}), io.Discard))
	err = restoreCommand{storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, From: whole}.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.Equal(t, exitUsage, exitCode(err, io.Discard), "without --yes nothing is done")
	require.ErrorContains(t, err, "What the log recorded after the backup is lost")
}

// makeLog makes a log of one record, and returns its data directory.
func makeLog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	parts := assembly.NewParts(storage{DataDir: dir}.backends(nil))
	log, err := parts.Log(t.Context())
	require.NoError(t, err)
	require.NoError(t, log.AppendBulk(t.Context(), []domain.Draft{commands.EraseDraft(domain.KindCategory, "42", time.Now())}))
	require.NoError(t, parts.Close())
	return dir
}
