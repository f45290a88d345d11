package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/knownlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// older is a data directory whose log went on behind its backup, and whose brokers are lost.
type older struct {
	dir, files, key, erasures string
	before                    []chained // what the backup has
}

// settings are those of a service that signs.
func (o older) settings(t *testing.T) settings {
	t.Helper()
	private, err := os.ReadFile(o.key)
	require.NoError(t, err)
	s := eraseSettings(o.dir)
	s.Roles = append(s.Roles, roleSigner)
	s.CheckpointKey, s.CheckpointEvery = string(private), time.Hour
	s.ErasuresFile = o.erasures
	return s
}

// run runs the service until use has ended; its signer takes its last turn then.
func (o older) run(t *testing.T, use func(a *process)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, err := o.settings(t).open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = a.run(ctx, "127.0.0.1:0", func(context.Context, string) error {
		defer stop()
		require.Eventually(t, func() bool { return a.Monitor.MayCommand() == nil }, patience, 10*time.Millisecond)
		use(a)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

// lostBrokers makes a log with a backup; then a person is erased, dashboards change, a user is told of that, and the brokers are lost.
func lostBrokers(t *testing.T) (o older) {
	t.Helper()
	scratch := t.TempDir()
	o = older{dir: t.TempDir(), files: filepath.Join(scratch, "backup"), key: filepath.Join(scratch, "key"), erasures: filepath.Join(scratch, "erasures")}
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.key, []byte(private+"\n"), 0o600))
	o.run(t, func(a *process) {
		seedErasure(t, a)
		seedFigures(t, a)
		o.before = chainOf(t, a)
	})
	backUp(t, o.dir, o.files)
	erase := eraseCommand{
		storage: storage{DataDir: o.dir, ErasuresFile: o.erasures}, logging: logging{LogLevel: "error"}, User: erased, SocialAccount: []int64{703},
		Wait: patience, actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	require.NoError(t, erase.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}))
	o.run(t, func(a *process) {
		updateDashboard(t, a, stays)
		last := int64(len(o.before)) + 1
		require.NoError(t, vault.NewCursors(a.KeptPool, 0).SaveCursors(t.Context(), []stream.Cursor{{ParentAccount: eraseAgency, UserID: stays, Version: last}}))
		_, err := a.KeptPool.Exec(t.Context(), `
			insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at)
			values ('account_insights', 1, 1, now(), now() - interval '1 year'), ('account_insights', 1, 2, now(), now() + interval '1 minute')
			on conflict do nothing`)
		require.NoError(t, err)
		_, err = a.KeptPool.Exec(t.Context(), `insert into connection_marks (connection_id, state, at) values (9, 'active', now()) on conflict do nothing`)
		require.NoError(t, err)
	})
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "broker")))
	return o
}

// restore restores the backup with what is accepted.
func (o older) restore(t *testing.T, change func(*restoreCommand)) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	c := restoreCommand{
		storage: storage{DataDir: o.dir, ErasuresFile: o.erasures}, logging: logging{LogLevel: "error"}, From: o.files, Older: true, Key: o.key,
		actionFlags: actionFlags{Yes: true, Reason: "incident:OPS-1"},
	}
	change(&c)
	err = c.Run(t.Context(), streams{Out: &out, Err: &out})
	return out.String(), err
}

func asItIs(*restoreCommand) {}

// verify is the whole verification, with what it says.
func (o older) verify(t *testing.T, change func(*verifyCommand)) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	c := verifyCommand{storage: storage{DataDir: o.dir}, logging: logging{LogLevel: "error"}, All: true, checkpointInterval: checkpointInterval{time.Hour}}
	change(&c)
	err = c.Run(t.Context(), streams{Out: &out, Err: io.Discard})
	return out.String(), err
}

// The commonest disaster: the brokers are lost, and the backup is an hour old. What is lost is named and signed, an epoch begins, the read models are
// made anew, who was erased is erased again, and verify tells it for ever and finds nothing else.
func TestAnOlderStateIsRestored(t *testing.T) {
	o := lostBrokers(t)
	_, err := o.restore(t, func(c *restoreCommand) { c.Older = false })
	require.ErrorIs(t, err, knownlog.ErrOlder)
	require.ErrorContains(t, err, "--older accepts")
	_, err = o.restore(t, func(c *restoreCommand) { c.Key = "" })
	require.ErrorContains(t, err, "name the file with their private key with --key")
	require.Equal(t, exitUsage, exitCode(err, io.Discard))
	stranger := filepath.Join(t.TempDir(), "key")
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stranger, []byte(private), 0o600))
	_, err = o.restore(t, func(c *restoreCommand) { c.Key = stranger })
	require.ErrorContains(t, err, "--key has signed no checkpoint")
	said, err := o.restore(t, func(c *restoreCommand) { c.Yes = false })
	require.Error(t, err, said)

	said, err = o.restore(t, asItIs)
	require.NoError(t, err)
	require.Contains(t, said, "Epoch 1 of the log has begun")
	o.run(t, func(a *process) {
		require.Equal(t, o.before, chainOf(t, a), "the backup's history, in tables that were made anew")
		epoch := a.Log.Epochs()[1]
		require.Equal(t, 1, epoch.Number)
		require.NotEqual(t, a.Log.Epochs()[0].Log, epoch.Log)
		require.Equal(t, []domain.WithdrawnVersions{{Agency: eraseAgency, First: int64(len(o.before)) + 1, Last: int64(len(o.before)) + 1}}, epoch.Restored.Streams)
		require.Equal(t, int64(1), epoch.Restored.Records[domain.TopicDashboards])
		var kept []int64
		require.NoError(t, a.KeptPool.QueryRow(t.Context(), `select array_agg(social_account_id) from fetch_state where kind = 'account_insights' and
			social_account_id in (1, 2)`).Scan(&kept))
		require.Equal(t, []int64{1}, kept, "what was read since the backup is read again")
		var marks, restores int
		require.NoError(t, a.KeptPool.QueryRow(t.Context(), `select count(*) from connection_marks`).Scan(&marks))
		require.Zero(t, marks)
		_, found, err := vault.NewCursors(a.KeptPool, 1).Cursor(t.Context(), eraseAgency, stays)
		require.NoError(t, err)
		require.False(t, found, "a cursor of another epoch is none")
		require.Eventually(t, func() bool {
			var people []string
			err := a.ReadPool.QueryRow(t.Context(), `select (select array_agg(id order by id) from users),
				(select count(*) from operations_trail where data->>'action' = 'log.restored' and data#>>'{target,epoch}' = '1')`).Scan(&people, &restores)
			return err == nil && restores == 1 && slices.Equal(people, []string{eraseStaff, stays})
		}, patience, 10*time.Millisecond, "the start erases again")
		updateDashboard(t, a, stays)
		require.Len(t, chainOf(t, a), len(o.before)+1, "the withdrawn version is given out again")
	})

	said, err = o.verify(t, func(*verifyCommand) {})
	require.ErrorIs(t, err, errRestored, said)
	require.Equal(t, exitRestored, exitCode(err, io.Discard))
	require.Contains(t, said, "RESTORED: an older state of the log was restored at")
	require.Contains(t, said, "by system:operator (incident:OPS-1)")
	require.Contains(t, said, "The statement is signed. Checkpoints of before that covered withdrawn records, and are explained by such statements: ")
	require.NotContains(t, said, "such statements: 0", "checkpoints of before were withdrawn")
	said, err = o.verify(t, func(c *verifyCommand) { c.All, c.Parent = false, eraseAgency })
	require.ErrorIs(t, err, errRestored, said)
	require.Contains(t, said, "Of this agency, versions ")

	_, err = o.restore(t, asItIs)
	require.ErrorContains(t, err, "nothing was changed", "the log went on")
}

// A restore that is cut behind its epoch's record is finished by the next one, or by the start of the service.
func TestARestoreOfAnOlderStateIsCut(t *testing.T) {
	for name, finish := range map[string]func(*testing.T, older){
		"the restore again": func(t *testing.T, o older) {
			t.Helper()
			_, err := o.restore(t, func(c *restoreCommand) { c.Older, c.Key = false, "" })
			require.NoError(t, err, "it was accepted, and signed")
			_, err = o.restore(t, asItIs)
			require.ErrorContains(t, err, "nothing was changed", "it is done")
		},
		"a start": func(*testing.T, older) {},
	} {
		t.Run(name, func(t *testing.T) {
			o := lostBrokers(t)
			cut := errors.New("cut")
			_, err := o.restore(t, func(c *restoreCommand) { c.began = func() error { return cut } })
			require.ErrorIs(t, err, cut)
			finish(t, o)
			o.run(t, func(a *process) {
				require.Equal(t, o.before, chainOf(t, a))
				updateDashboard(t, a, stays)
			})
			said, err := o.verify(t, func(*verifyCommand) {})
			require.ErrorIs(t, err, errRestored, said)
			require.Equal(t, 1, strings.Count(said, "RESTORED"))
		})
	}
}

// Brokers are lost again. A backup of the log with its epochs is restored as it is, and begins none; one of before the epoch withdraws that with
// everything behind it, and begins the next number. What nobody signs stays a finding.
func TestEpochsAreBackedUpAndWithdrawn(t *testing.T) {
	o := lostBrokers(t)
	_, err := o.restore(t, asItIs)
	require.NoError(t, err)
	o.run(t, func(a *process) { updateDashboard(t, a, stays) })
	second := older{dir: o.dir, files: filepath.Join(t.TempDir(), "second"), key: o.key, erasures: o.erasures}
	backUp(t, o.dir, second.files)
	lose := func() { require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "broker"))) }
	numbers := func(a *process) (list []int) {
		for _, e := range a.Log.Epochs() {
			list = append(list, e.Number)
		}
		return list
	}
	lose()
	said, err := second.restore(t, func(c *restoreCommand) { c.Older, c.Key = false, "" })
	require.NoError(t, err)
	require.NotContains(t, said, "has begun")
	require.Contains(t, said, "sets of tables go on where they stood")
	o.run(t, func(a *process) {
		require.Equal(t, []int{0, 1}, numbers(a))
		require.Len(t, chainOf(t, a), len(o.before)+1)
	})
	said, err = o.verify(t, func(*verifyCommand) {})
	require.ErrorIs(t, err, errRestored, said)

	lose()
	_, err = o.restore(t, func(c *restoreCommand) { c.Older = false })
	require.ErrorContains(t, err, "the backup is of the one with the id", "whose topics are two restores ago")
	elsewhere := filepath.Join(t.TempDir(), "checkpoints.txt")
	require.NoError(t, os.Rename(filepath.Join(o.dir, checkpointList), elsewhere))
	_, err = o.restore(t, func(c *restoreCommand) { c.Key = "" })
	require.NoError(t, err, "nothing signed is known here")
	o.run(t, func(a *process) {
		require.Equal(t, []int{0, 2}, numbers(a), "number 1 was withdrawn, and is not used again")
		require.Equal(t, o.before, chainOf(t, a))
		var kept int
		require.NoError(t, a.KeptPool.QueryRow(t.Context(), "select count(*) from epochs").Scan(&kept))
		require.Equal(t, 3, kept, "the list only grows")
	})
	said, err = o.verify(t, func(c *verifyCommand) { c.Checkpoints = elsewhere })
	require.ErrorIs(t, err, errFindings, said)
	require.Contains(t, said, "nobody signed a statement about it (restore --key)")
	require.Contains(t, said, "is missing from the log")
}

// The database is lost too, and an older backup is restored once more: the file of checkpoints alone knows the number of the epoch that is withdrawn. Its
// number is not used again, else its checkpoints would stay findings, and none would be signed any more.
func TestAnEpochThatOnlyCheckpointsNameIsNotUsedAgain(t *testing.T) {
	o := lostBrokers(t)
	_, err := o.restore(t, asItIs)
	require.NoError(t, err)
	o.run(t, func(a *process) { updateDashboard(t, a, stays) })
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "broker")))
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "postgres")))
	_, err = o.restore(t, asItIs)
	require.NoError(t, err)
	o.run(t, func(a *process) {
		require.Equal(t, 2, a.Log.Epoch().Number)
		require.Equal(t, o.before, chainOf(t, a))
		updateDashboard(t, a, stays)
	})
	said, err := o.verify(t, func(*verifyCommand) {})
	require.ErrorIs(t, err, errRestored, said)
}
