package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A log and a database that are set back to before an erasure hold the person again. A start with the list of erasures erases again what
// was written before, once; what was written since is new and stays.
func TestForgottenStaysForgotten(t *testing.T) {
	dir, list := t.TempDir(), filepath.Join(t.TempDir(), "erasures.jsonl")
	withService(t, dir, func(a *process, _ string) {
		seedErasure(t, a)
		seedFigures(t, a)
	})
	restored := filepath.Join(t.TempDir(), "restored")
	require.NoError(t, os.CopyFS(restored, os.DirFS(dir)))
	require.NoError(t, filepath.WalkDir(restored, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o700) // PostgreSQL refuses others
		}
		return err
	}))
	command := eraseCommand{
		storage: storage{DataDir: dir, ErasuresFile: list}, logging: logging{LogLevel: "error"}, User: erased, SocialAccount: []int64{703}, Wait: patience,
		actionFlags: actionFlags{Yes: true, Reason: "customer_request"}, orderFlags: someOrder(),
	}
	require.NoError(t, command.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}))

	left := func(a *process) (n int) {
		err := a.ReadPool.QueryRow(t.Context(), `
			select (select count(*) from users where id = $1) + (select count(*) from sessions where user_id = $1) +
			       (select count(*) from members where id = 7) + (select count(*) from tMemberAuth where member_id = 7) +
			       (select count(*) from tSAccounts where id in (700, 703)) + (select count(*) from post_contents where social_account_id in (700, 703)) +
			       (select count(*) from tSAccountIns where social_account_id in (700, 703)) + (select count(*) from tSPosts where social_account_id in (700, 703)) +
			       (select count(*) from kept.secrets where ref in ('connection:70', 'connection:71', 'password:erased')) +
			       (select count(*) from kept.notice_cursors where user_id = $1)`, erased).Scan(&n)
		if err != nil {
			return -1
		}
		return n
	}
	withService(t, restored, func(a *process, _ string) { require.Positive(t, left(a), "without the list the person is back") })

	var said lockedBuffer
	logger := slog.New(slog.NewTextHandler(&said, nil))
	withList := func(use func(a *process)) {
		settings := eraseSettings(restored)
		settings.ErasuresFile = list
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		a, err := settings.open(ctx, logger)
		require.NoError(t, err)
		err = a.run(ctx, "127.0.0.1:0", func(context.Context, string) error {
			defer stop()
			use(a)
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, a.Close())
	}
	withList(func(a *process) {
		require.Eventually(t, func() bool { return left(a) == 0 }, patience, 10*time.Millisecond)
		require.Contains(t, said.String(), "it is erased again")
		var others int
		require.NoError(t, a.ReadPool.QueryRow(t.Context(), "select (select count(*) from users) + (select count(*) from tSAccountIns)").Scan(&others))
		require.Equal(t, 3, others, "nobody else is gone")
		require.NoError(t, a.Log.Append(t.Context(), commands.EntityDraft(
			domain.DirectoryUser{ID: erased, AccountID: eraseClient, Name: "Erna came back", Active: true}, time.Now())))
	})
	earlier := len(said.String())
	withList(func(a *process) {
		require.NotContains(t, said.String()[earlier:], "it is erased again", "once is enough")
		require.Eventually(t, func() bool {
			var name string
			return a.ReadPool.QueryRow(t.Context(), "select name from users where id = $1", erased).Scan(&name) == nil && name == "Erna came back"
		}, patience, 10*time.Millisecond)
	})

	lines := filepath.Join(t.TempDir(), "old.jsonl")
	require.NoError(t, os.WriteFile(lines, []byte(`{"type":"directory.user.v1","data":{"id":"`+erased+`","account_id":"`+eraseClient+`","name":"Erna Erased","updated_at":"2026-01-01T00:00:00Z"}}
{"type":"directory.member.v1","data":{"id":7,"account_id":"`+eraseClient+`","name":"Erna Erased"}}
`), 0o600))
	err := importCommand{storage: storage{DataDir: restored, ErasuresFile: list}, logging: logging{LogLevel: "error"}, Files: []string{lines}, TimeZone: "UTC", GrowthWindow: time.Hour}.
		Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorContains(t, err, "old.jsonl line 1: user "+erased+" was erased on ")
	require.ErrorContains(t, err, "old.jsonl line 2: member 7 was erased on ")

	require.NoError(t, os.WriteFile(lines, []byte(`{"type":"directory.member.v1","updated_at":"`+time.Now().Format(time.RFC3339Nano)+`","data":{"id":7,"account_id":"`+eraseClient+`","name":"Erna came back"}}
`), 0o600))
	require.NoError(t, importCommand{storage: storage{DataDir: restored, ErasuresFile: list}, logging: logging{LogLevel: "error"}, Files: []string{lines}, TimeZone: "UTC", GrowthWindow: time.Hour}.
		Run(t.Context(), streams{Out: io.Discard, Err: io.Discard}), "what says itself that it was written since is new")
}
