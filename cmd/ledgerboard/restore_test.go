package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
)

func backUp(t *testing.T, dataDir, to string) {
	t.Helper()
	var out bytes.Buffer
	command := backupCommand{storage: storage{DataDir: dataDir}, logging: logging{LogLevel: "error"}, To: to}
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: io.Discard}))
	require.Contains(t, out.String(), "Backed up log ")
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

// The brokers are lost. The log is restored beside the database, which knows less than the backup: the service gives the same answers at once,
// from the tables that it had, and goes on. The restore is on record.
func TestTheServiceGoesOnAfterARestore(t *testing.T) {
	dir, files := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	var before []chained
	var names map[string]any
	generations := func(a *process) (list string) {
		require.NoError(t, a.ReadPool.QueryRow(t.Context(),
			"select string_agg(projection || generation || state, ',' order by projection, generation) from lb_engine.generations").Scan(&list))
		return list
	}
	var made string
	withService(t, dir, func(a *process, base string) {
		seedErasure(t, a)
		seedFigures(t, a)
		before, names, made = chainOf(t, a), historyNames(t, a, base), generations(a)
	})
	parts := assembly.NewParts(storage{DataDir: dir}.backends(nil))
	log, err := parts.Log(t.Context())
	require.NoError(t, err)
	late := domain.DirectoryUser{ID: "d30000000000000000000000", AccountID: eraseClient, Name: "Lea Late", Active: true}
	require.NoError(t, log.Append(t.Context(), commands.EntityDraft(late, time.Now())))
	require.NoError(t, parts.Close())
	backUp(t, dir, files)

	said, err := restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorContains(t, err, "is the one that was backed up", said)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "broker")))
	said, err = restoreFrom(t, files, storage{DataDir: dir})
	require.NoError(t, err)
	require.Contains(t, said, "sets of tables go on where they stood")
	withService(t, dir, func(a *process, base string) {
		require.Equal(t, before, chainOf(t, a))
		require.Equal(t, names, historyNames(t, a, base))
		require.Equal(t, made, generations(a), "no tables were made anew")
		require.Eventually(t, func() bool {
			var users, restores int
			err := a.ReadPool.QueryRow(t.Context(), `select (select count(*) from users where name = 'Lea Late'),
				(select count(*) from operations_trail where event_type = 'operations.operator_acted.v1' and data->>'action' = 'log.restored')`).Scan(&users, &restores)
			return err == nil && users == 1 && restores == 1
		}, patience, 10*time.Millisecond)
		updateDashboard(t, a, stays)
		require.Len(t, chainOf(t, a), len(before)+1)
	})
	_, err = restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorContains(t, err, "nothing was changed", "the log went on")
}

// The tables have folded more than the backup has: it is refused with what would be lost. Without that database it can be restored, and who was
// erased since the backup is erased again by the start.
func TestAnOlderBackupIsRefused(t *testing.T) {
	dir, files := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	var before []chained
	withService(t, dir, func(a *process, _ string) {
		seedErasure(t, a)
		seedFigures(t, a)
		before = chainOf(t, a)
	})
	backUp(t, dir, files)
	list := filepath.Join(t.TempDir(), "erasures.jsonl")
	erase := eraseCommand{
		storage: storage{DataDir: dir, ErasuresFile: list}, logging: logging{LogLevel: "error"}, User: erased, SocialAccount: []int64{703}, Wait: patience,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	require.NoError(t, erase.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}))
	withService(t, dir, func(a *process, _ string) { updateDashboard(t, a, stays) })

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "broker")))
	_, err := restoreFrom(t, files, storage{DataDir: dir})
	require.ErrorIs(t, err, knownlog.ErrOlder)
	require.ErrorContains(t, err, fmt.Sprintf("agency %s: versions %d to %d of its dashboards", eraseAgency, len(before)+1, len(before)+1))
	require.ErrorContains(t, err, "topic directory: ")
	require.ErrorContains(t, err, "topic dashboards: 1 records in 1 partitions")

	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	_, err = restoreFrom(t, files, storage{DataDir: elsewhere})
	require.ErrorIs(t, err, eventlog.ErrOtherKey)
	require.NoDirExists(t, elsewhere, "nothing is made without the key")
	key, err := os.ReadFile(filepath.Join(dir, "tag.key"))
	require.NoError(t, err)
	at := storage{DataDir: elsewhere, TagKeys: strings.TrimSpace(string(key)), ErasuresFile: list}

	_, err = restoreFrom(t, files, at)
	require.NoError(t, err)
	settings := eraseSettings(elsewhere)
	settings.ErasuresFile = list
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, err := settings.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = a.run(ctx, "127.0.0.1:0", func(context.Context, string) error {
		defer stop()
		require.Eventually(t, func() bool {
			var people []string
			err := a.ReadPool.QueryRow(t.Context(), "select array_agg(id order by id) from users").Scan(&people)
			return err == nil && slices.Equal(people, []string{eraseStaff, stays}) && a.Monitor.MayCommand() == nil
		}, patience, 10*time.Millisecond, "the start erases again")
		require.Equal(t, before, chainOf(t, a))
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

// With the database and the file of checkpoints lost too nobody can tell whether the log went on behind the backup. Who says that it may have gets an
// epoch: what others have seen of the lost log is not taken for this one.
func TestAnOlderStateThatNobodyKnowsOfBeginsAnEpoch(t *testing.T) {
	dir, files := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	withService(t, dir, func(a *process, _ string) { seedErasure(t, a) })
	backUp(t, dir, files)
	key, err := os.ReadFile(filepath.Join(dir, "tag.key"))
	require.NoError(t, err)
	elsewhere := t.TempDir()
	var out bytes.Buffer
	command := restoreCommand{
		storage: storage{DataDir: elsewhere, TagKeys: strings.TrimSpace(string(key))}, logging: logging{LogLevel: "error"}, From: files, Older: true,
		actionFlags: actionFlags{Yes: true, Reason: "incident:OPS-1"},
	}
	require.NoError(t, command.Run(t.Context(), streams{Out: &out, Err: &out}), "%s", &out)
	require.Contains(t, out.String(), "Epoch 1 of the log has begun")
	withService(t, elsewhere, func(a *process, _ string) {
		epochs := a.Log.Epochs()
		require.Len(t, epochs, 2)
		require.NotEqual(t, epochs[0].Log, epochs[1].Log)
		require.Empty(t, epochs[1].Restored.Streams, "nothing is known to be withdrawn")
	})
}

// A backup that is damaged is not restored, and the check ends with the code of findings.
func TestADamagedBackupIsNamed(t *testing.T) {
	dir, files := makeLog(t), filepath.Join(t.TempDir(), "backup")
	backUp(t, dir, files)
	whole := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, os.CopyFS(whole, os.DirFS(files)))
	segments, err := filepath.Glob(filepath.Join(files, "operations-*", "*.seg"))
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
	require.ErrorContains(t, err, "nobody can tell here whether the log went on behind the backup")
}

// makeLog makes an empty log, and returns its data directory.
func makeLog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	parts := assembly.NewParts(storage{DataDir: dir}.backends(nil))
	_, err := parts.Log(t.Context())
	require.NoError(t, err)
	require.NoError(t, parts.Close())
	return dir
}
