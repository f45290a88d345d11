package vault_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestRotateReSealsUnderTheNewestKey(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	const rows = 1201 // three batches
	old := newSecrets(t, pool, key(t, 1))
	for i := range rows {
		put(t, old, fmt.Sprint(i), fmt.Sprint("token ", i))
	}
	put(t, newSecrets(t, pool, key(t, 3)), "of a lost key", "token")
	put(t, old, "spoilt", "token")
	_, err := pool.Exec(ctx, `update secrets set sealed = 'junk' where ref = 'spoilt'`)
	require.NoError(t, err)
	newest := newSecrets(t, pool, key(t, 2), key(t, 1))
	put(t, newest, "new", "sealed with the new key")
	done, err := newest.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{Resealed: rows, Remaining: 2, Unreadable: []string{"of a lost key", "spoilt"}}, done)

	alone := newSecrets(t, pool, key(t, 2)) // the old key is gone
	for i := range rows {
		require.Equal(t, fmt.Sprint("token ", i), get(t, alone, fmt.Sprint(i)))
	}
	require.Equal(t, "token", get(t, newSecrets(t, pool, key(t, 3)), "of a lost key"), "left as it is")
	require.NoError(t, alone.Delete(ctx, "spoilt"))
	require.NoError(t, alone.Delete(ctx, "of a lost key"))
	require.NoError(t, alone.Check(ctx))
	done, err = alone.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{}, done)
	var changed int
	require.NoError(t, pool.QueryRow(ctx, `select count(*) from secrets where updated_at <> $1`, taken).Scan(&changed))
	require.Zero(t, changed, "when a secret was taken does not change")
}

// Tokens are refreshed while operators rotate: a put that commits after Rotate has read and before
// it writes stays.
func TestRotateSeesAPutThatCommitsMeanwhile(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	old := newSecrets(t, pool, key(t, 1))
	sealed := func(token string) (b []byte) {
		put(t, old, "r", token)
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
	require.Equal(t, "fresh token", get(t, old, "r"))
}
