package vault_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestRotateReSealsUnderTheNewestKey(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	const rows = 1201 // three batches
	before := newSecrets(t, pool, key(t, 1))
	for i := range rows {
		require.NoError(t, before.Put(ctx, fmt.Sprintf("connection/%d", i), fmt.Appendf(nil, "token %d", i), domain.SecretTimes{Taken: taken}))
	}
	after := newSecrets(t, pool, key(t, 2), key(t, 1))
	require.NoError(t, after.Put(ctx, "new", []byte("sealed with the new key"), domain.SecretTimes{Taken: taken}))

	done, err := after.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{Resealed: rows}, done)

	alone := newSecrets(t, pool, key(t, 2)) // the old key is gone
	require.NoError(t, alone.Check(ctx))
	for i := range rows {
		got, err := alone.Get(ctx, fmt.Sprintf("connection/%d", i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("token %d", i), string(got))
	}
	var changed int
	require.NoError(t, pool.QueryRow(ctx, `select count(*) from secrets where updated_at <> $1`, taken).Scan(&changed))
	require.Zero(t, changed, "when a secret was taken does not change")

	done, err = alone.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{}, done)
}

func TestRotateLeavesAndNamesWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	old := newSecrets(t, pool, key(t, 1))
	for _, ref := range []string{"a", "b", "c"} {
		require.NoError(t, old.Put(ctx, ref, []byte("token"), domain.SecretTimes{Taken: taken}))
	}
	require.NoError(t, newSecrets(t, pool, key(t, 3)).Put(ctx, "d", []byte("token"), domain.SecretTimes{Taken: taken}))
	_, err := pool.Exec(ctx, `update secrets set sealed = 'junk' where ref = 'b'`)
	require.NoError(t, err)

	done, err := newSecrets(t, pool, key(t, 2), key(t, 1)).Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{Resealed: 2, Remaining: 2, Unreadable: []string{"b", "d"}}, done)
	got, err := newSecrets(t, pool, key(t, 3)).Get(ctx, "d")
	require.NoError(t, err)
	require.Equal(t, "token", string(got))
}

// Tokens are refreshed while operators rotate: a put that commits after Rotate has read and before
// it writes stays.
func TestRotateSeesAPutThatCommitsMeanwhile(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	old := newSecrets(t, pool, key(t, 1))
	sealed := func(token string) (b []byte) {
		require.NoError(t, old.Put(ctx, "r", []byte(token), domain.SecretTimes{Taken: taken}))
		require.NoError(t, pool.QueryRow(ctx, `select sealed from secrets where ref = 'r'`).Scan(&b))
		return b
	}
	fresh := sealed("fresh token")
	sealed("stale token")

	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer tx.Rollback(ctx)
	_, err = tx.Exec(ctx, `update secrets set sealed = $1 where ref = 'r'`, fresh)
	require.NoError(t, err)
	current := newSecrets(t, pool, key(t, 2), key(t, 1))
	rotated := make(chan error, 1)
	go func() {
		_, err := current.Rotate(context.Background())
		rotated <- err
	}()
	require.Eventually(t, func() bool {
		var waiting bool
		row := pool.QueryRow(ctx, `
			select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
		return row.Scan(&waiting) == nil && waiting
	}, time.Minute, 10*time.Millisecond, "Rotate to wait for the put")
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-rotated)

	got, err := old.Get(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, "fresh token", string(got))
}
