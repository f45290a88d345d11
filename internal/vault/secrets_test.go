package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func newSecrets(t testing.TB, pool *pgxpool.Pool, keys ...vault.Key) *vault.Secrets {
	t.Helper()
	secrets, err := vault.NewSecrets(pool, vault.Keys(keys))
	require.NoError(t, err)
	return secrets
}

// put stores a secret obtained at day0.
func put(t testing.TB, secrets *vault.Secrets, ref, secret string) {
	t.Helper()
	require.NoError(t, secrets.Put(t.Context(), ref, []byte(secret), domain.SecretTimes{Taken: day0}))
}

func get(t testing.TB, secrets *vault.Secrets, ref string) string {
	t.Helper()
	secret, err := secrets.Get(t.Context(), ref)
	require.NoError(t, err)
	return string(secret)
}

func TestSecretRoundTrip(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		ref := rapid.StringMatching(`[a-z0-9:/ü]{1,40}`).Draw(r, "ref")
		secret := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(r, "secret")
		require.NoError(r, secrets.Put(ctx, ref, secret, domain.SecretTimes{Taken: day0}))
		got, err := secrets.Get(ctx, ref)
		require.NoError(r, err)
		require.Equal(r, secret, got)

		sealed := ledgertest.Value[[]byte](r, pool, `select sealed from secrets where ref = $1`, ref)
		if len(secret) > 3 {
			require.NotContains(r, string(sealed), string(secret))
		}
		require.NoError(r, secrets.Delete(ctx, ref))
		_, err = secrets.Get(ctx, ref)
		require.ErrorIs(r, err, vault.ErrNoSecret)
	})
}

// The expiry of a token can be read without a key and belongs to the currently stored token.
func TestSecretExpiryIsReadableWithoutKey(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 2), key(t, 1))
	ctx := t.Context()
	ends := day0.AddDate(0, 2, 0)
	later := ends.AddDate(0, 2, 0)
	says := func(updated time.Time, expires, renewable *time.Time) {
		t.Helper()
		var at time.Time
		var until, renewals *time.Time
		row := pool.QueryRow(ctx, `select updated_at, expires_at, renewable_until from secrets where ref = 'r'`)
		require.NoError(t, row.Scan(&at, &until, &renewals))
		require.Equal(t, []any{updated, expires, renewable}, []any{at, until, renewals})
	}
	times := domain.SecretTimes{Taken: day0, Expires: ends, RenewableUntil: later}
	require.NoError(t, newSecrets(t, pool, key(t, 1)).Put(ctx, "r", []byte("first"), times))
	_, err := secrets.Rotate(ctx)
	require.NoError(t, err)
	says(day0, &ends, &later)
	times = domain.SecretTimes{Taken: ends, Expires: later, RenewableUntil: ends}
	require.NoError(t, secrets.Swap(ctx, "r", "", []byte("first"), []byte("second"), times))
	says(ends, &later, &ends)
	require.NoError(t, secrets.Put(ctx, "r", []byte("third"), domain.SecretTimes{Taken: later}))
	says(later, nil, nil)
	require.NoError(t, secrets.Swap(ctx, "r", "", []byte("third"), []byte("noted"), domain.SecretTimes{Expires: ends}))
	says(later, &ends, nil) // still the same token
}

func TestPutRefusalKeepsStoredSecret(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t, setup(t), key(t, 1))
	put(t, secrets, "connection/7", "good token")
	for name, test := range map[string]struct {
		ref, secret string
		want        error
		code        domain.Code
	}{
		"empty":      {"connection/7", "", vault.ErrEmptySecret, domain.CodeInvalid},
		"too large":  {"connection/7", strings.Repeat("s", vault.MaxSecret+1), vault.ErrSecretTooLarge, domain.CodeTooLarge},
		"no ref":     {"", "other token", vault.ErrRef, domain.CodeInvalid},
		"NUL in ref": {"a\x00b", "other token", vault.ErrRef, domain.CodeInvalid},
		"not text":   {"a\xff", "other token", vault.ErrRef, domain.CodeInvalid},
		"long ref":   {strings.Repeat("r", vault.MaxRef+1), "other token", vault.ErrRef, domain.CodeInvalid},
	} {
		err := secrets.Put(t.Context(), test.ref, []byte(test.secret), domain.SecretTimes{Taken: day0})
		require.ErrorIs(t, err, test.want, name)
		require.Equal(t, test.code, domain.CodeOf(err), name)
		require.NotContains(t, err.Error(), "other token", name)
	}
	require.Equal(t, "good token", get(t, secrets, "connection/7"))
	ref, secret := strings.Repeat("ü", vault.MaxRef), strings.Repeat("s", vault.MaxSecret) // exactly the limits
	put(t, secrets, ref, secret)
	require.Equal(t, secret, get(t, secrets, ref))
	for _, ref := range []string{"nobody", "", "a\x00b", "\xff"} {
		_, err := secrets.Get(t.Context(), ref)
		require.ErrorIs(t, err, vault.ErrNoSecret)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		require.NoError(t, secrets.Delete(t.Context(), ref))
	}
}

// A row moved to another ref does not open, also in GetMany, and equal secrets look different.
func TestSecretCannotBeDecryptedUnderOtherRef(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	for _, ref := range []string{"a", "b", "c"} {
		put(t, secrets, ref, "token")
	}
	require.Equal(t, 3, ledgertest.Value[int](t, pool, `select count(distinct sealed) from secrets`))
	ledgertest.Exec(t, pool, `update secrets set sealed = (select sealed from secrets where ref = 'a') where ref = 'b'`)
	_, err := secrets.Get(t.Context(), "b")
	require.ErrorIs(t, err, vault.ErrTampered)
	got, err := secrets.GetMany(t.Context(), []string{"a", "b", "c", "nobody"})
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"a": []byte("token"), "c": []byte("token")}, got)
}

func TestChangedByteIsDetected(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	put(t, secrets, "r", "a secret token")
	sealed := ledgertest.Value[[]byte](t, pool, `select sealed from secrets where ref = 'r'`)
	store := func(b []byte) { ledgertest.Exec(t, pool, `update secrets set sealed = $1 where ref = 'r'`, b) }
	changed := [][]byte{append(bytes.Clone(sealed), 0)}
	for i := range sealed {
		other := bytes.Clone(sealed)
		other[i] ^= 1
		changed = append(changed, other, sealed[:i])
	}
	for _, b := range changed {
		store(b)
		_, err := secrets.Get(t.Context(), "r")
		require.ErrorIs(t, err, vault.ErrTampered)
		require.Equal(t, domain.CodeInternal, domain.CodeOf(err))
		require.NotContains(t, err.Error(), "token")
	}
	store(sealed)
	require.Equal(t, "a secret token", get(t, secrets, "r"))
}

func TestSecretCannotBeDecryptedWithOtherKey(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	put(t, newSecrets(t, pool, key(t, 1)), "r", "s")
	stranger := newSecrets(t, pool, key(t, 2))
	_, err := stranger.Get(ctx, "r")
	require.ErrorIs(t, err, vault.ErrUnknownKey)
	require.ErrorContains(t, err, key(t, 1).ID())
	require.NotContains(t, stranger.Check(ctx).Error(), "internal:", "shown to a person when a process starts")
	require.ErrorContains(t, stranger.Check(ctx), "kept.secrets where key_id = '"+key(t, 1).ID()+"'")
	require.NoError(t, newSecrets(t, pool, key(t, 2), key(t, 1)).Check(ctx))

	// A row with the wrong key ID is not opened with other keys.
	ledgertest.Exec(t, pool, `update secrets set key_id = $1`, key(t, 2).ID())
	_, err = newSecrets(t, pool, key(t, 1), key(t, 2)).Get(ctx, "r")
	require.ErrorIs(t, err, vault.ErrTampered)
	for name, keys := range map[string]vault.Keys{"none": nil, "empty": {vault.Key{}}, "twice": {key(t, 1), key(t, 1)}} {
		_, err := vault.NewSecrets(nil, keys)
		require.Error(t, err, name)
	}
}

func TestRotateResealsWithNewestKey(t *testing.T) {
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
	ledgertest.Exec(t, pool, `update secrets set sealed = 'junk' where ref = 'spoilt'`)
	newest := newSecrets(t, pool, key(t, 2), key(t, 1))
	put(t, newest, "new", "sealed with the new key")
	done, err := newest.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{Resealed: rows, Remaining: 2, Unreadable: []string{"of a lost key", "spoilt"}}, done)

	alone := newSecrets(t, pool, key(t, 2)) // without the old key
	for i := range rows {
		require.Equal(t, fmt.Sprint("token ", i), get(t, alone, fmt.Sprint(i)))
	}
	require.Equal(t, "token", get(t, newSecrets(t, pool, key(t, 3)), "of a lost key"), "not changed")
	require.NoError(t, alone.Delete(ctx, "spoilt"))
	require.NoError(t, alone.Delete(ctx, "of a lost key"))
	require.NoError(t, alone.Check(ctx))
	done, err = alone.Rotate(ctx)
	require.NoError(t, err)
	require.Equal(t, vault.Rotation{}, done)
	require.Zero(t, ledgertest.Value[int](t, pool, `select count(*) from secrets where updated_at <> $1`, day0), "updated_at does not change")
}

// Tokens are refreshed while operators rotate keys.
func TestRotateWithConcurrentPut(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	old := newSecrets(t, pool, key(t, 1))
	sealed := func(token string) []byte {
		put(t, old, "r", token)
		return ledgertest.Value[[]byte](t, pool, `select sealed from secrets where ref = 'r'`)
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
	ledgertest.Eventually(t, func() bool {
		var waiting bool
		row := pool.QueryRow(ctx, `
			select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
		return row.Scan(&waiting) == nil && waiting
	}, "Rotate to wait for the put")
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-rotated)
	require.Equal(t, "fresh token", get(t, old, "r"))
}

// Who has checked what is stored replaces or deletes only that: the tokens of a sign-in in between are
// kept.
func TestSecretStoredByConcurrentSignInIsKept(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t, setup(t), key(t, 1))
	ctx, times := t.Context(), domain.SecretTimes{Taken: day0}
	over := func(old, secret string) error {
		var before []byte
		if old != "" {
			before = []byte(old)
		}
		return secrets.PutOver(ctx, "r", before, []byte(secret), times)
	}
	require.ErrorIs(t, over("gone", "x"), vault.ErrSwapped)
	require.NoError(t, over("", "first"))
	require.ErrorIs(t, over("", "x"), vault.ErrSwapped)
	require.ErrorIs(t, over("another", "x"), vault.ErrSwapped)
	require.Equal(t, "first", get(t, secrets, "r"))
	require.NoError(t, over("first", "second"))

	seen, err := secrets.SignedInAt(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, day0, seen.UTC())
	require.NoError(t, secrets.Swap(ctx, "r", "", []byte("second"), []byte("renewed"), domain.SecretTimes{Taken: day0.Add(time.Minute)}))
	require.NoError(t, secrets.Put(ctx, "r", []byte("signed in"), domain.SecretTimes{Taken: day0.Add(time.Hour)}))
	require.NoError(t, secrets.DeleteOf(ctx, "r", seen))
	require.Equal(t, "signed in", get(t, secrets, "r"))
	require.NoError(t, secrets.DeleteOf(ctx, "r", nil))
	require.Equal(t, "signed in", get(t, secrets, "r"))
	seen, err = secrets.SignedInAt(ctx, "r")
	require.NoError(t, err)
	require.NoError(t, secrets.Swap(ctx, "r", "", []byte("signed in"), []byte("renewed"), times))
	require.NoError(t, secrets.DeleteOf(ctx, "r", seen), "a renewal is no sign-in")
	_, err = secrets.Get(ctx, "r")
	require.ErrorIs(t, err, vault.ErrNoSecret)
	seen, err = secrets.SignedInAt(ctx, "r")
	require.NoError(t, err)
	require.Nil(t, seen)
}
