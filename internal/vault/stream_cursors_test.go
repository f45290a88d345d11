package vault_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

const parent, other = "64b7f2a1c3d4e5f6a7b8c9d0", "64b7f2a1c3d4e5f6a7b8c9d1"

func cursor(user string, version int64) stream.Cursor {
	return stream.Cursor{ParentAccount: parent, UserID: user, Version: version}
}

func TestCursorsKeepTheMaximum(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	cursors := vault.Cursors{Pool: pool}
	position := rapid.Custom(func(t *rapid.T) stream.Cursor {
		return cursor("u"+strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "user")), rapid.Int64Range(0, 20).Draw(t, "version"))
	})
	rapid.Check(t, func(r *rapid.T) {
		ledgertest.Exec(r, pool, `truncate notice_cursors`)
		want := map[string]int64{}
		for _, batch := range rapid.SliceOfN(rapid.SliceOfN(position, 0, 8), 1, 4).Draw(r, "batches") {
			require.NoError(r, cursors.SaveCursors(context.Background(), batch))
			for _, p := range batch {
				want[p.UserID] = max(want[p.UserID], p.Version)
			}
		}
		for user, version := range want {
			stored, found, err := cursors.Cursor(context.Background(), parent, user)
			require.NoError(r, err)
			require.True(r, found)
			require.Equal(r, version, stored)
			_, found, err = cursors.Cursor(context.Background(), other, user)
			require.NoError(r, err)
			require.False(r, found, "another agency's")
		}
	})
}

// Writers of the same users in opposite orders would deadlock if rows were locked in the given
// order.
func TestConcurrentSavesKeepTheMaximum(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	cursors := vault.Cursors{Pool: pool}
	const writers, users, rounds = 4, 200, 15
	var group errgroup.Group
	for writer := range writers {
		group.Go(func() error {
			for round := range rounds {
				var batch []stream.Cursor
				for _, user := range rand.Perm(users) {
					batch = append(batch, cursor("u"+strconv.Itoa(user), int64(round*writers+writer)))
				}
				if err := cursors.SaveCursors(context.Background(), batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, users, ledgertest.Value[int](t, pool, `select count(*) from notice_cursors where version = $1`, rounds*writers-1))
}

// After an older log is restored, a cursor is not beyond the last version of its agency: users
// receive the notices of the next versions.
func TestCursorsAreLimitedToLogHeadAfterRestore(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	cursors := vault.Cursors{Pool: pool}
	require.NoError(t, cursors.SaveCursors(t.Context(), []stream.Cursor{
		cursor("u1", 9), cursor("u2", 3), {ParentAccount: other, UserID: "u3", Version: 2},
	}))
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return vault.ResetAfterRestore(t.Context(), tx, time.Now(), map[string]int64{parent: 5})
	}))
	for _, c := range []stream.Cursor{cursor("u1", 5), cursor("u2", 3), {ParentAccount: other, UserID: "u3"}} {
		version, found, err := cursors.Cursor(t.Context(), c.ParentAccount, c.UserID)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, c.Version, version)
	}
}
