package vault_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var taken = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSecrets(t testing.TB, pool *pgxpool.Pool, keys ...vault.Key) *vault.Secrets {
	t.Helper()
	secrets, err := vault.NewSecrets(pool, keys)
	require.NoError(t, err)
	return secrets
}

// When a token ends can be read without a key, and is that of the token which is stored now.
func TestTimesStandBesideTheSeal(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 2), key(t, 1))
	ctx := t.Context()
	ends := taken.AddDate(0, 2, 0)
	later := ends.AddDate(0, 2, 0)
	says := func(updated time.Time, expires, renewable *time.Time) {
		t.Helper()
		var at time.Time
		var until, renewals *time.Time
		row := pool.QueryRow(ctx, `select updated_at, expires_at, renewable_until from secrets where ref = 'r'`)
		require.NoError(t, row.Scan(&at, &until, &renewals))
		require.Equal(t, []any{updated, expires, renewable}, []any{at, until, renewals})
	}
	times := domain.SecretTimes{Taken: taken, Expires: ends, RenewableUntil: later}
	require.NoError(t, newSecrets(t, pool, key(t, 1)).Put(ctx, "r", []byte("first"), times))
	says(taken, &ends, &later)
	_, err := secrets.Rotate(ctx)
	require.NoError(t, err)
	says(taken, &ends, &later)
	times = domain.SecretTimes{Taken: ends, Expires: later, RenewableUntil: ends}
	require.NoError(t, secrets.Swap(ctx, "r", []byte("first"), []byte("second"), times))
	says(ends, &later, &ends)
	require.NoError(t, secrets.Put(ctx, "r", []byte("third"), domain.SecretTimes{Taken: later}))
	says(later, nil, nil)
	require.NoError(t, secrets.Swap(ctx, "r", []byte("third"), []byte("noted"), domain.SecretTimes{Expires: ends}))
	says(later, &ends, nil) // the same token still
}

func TestSecretRoundTrip(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		ref := rapid.StringMatching(`[a-z0-9:/ü]{1,40}`).Draw(r, "ref")
		secret := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(r, "secret")
		require.NoError(r, secrets.Put(ctx, ref, secret, domain.SecretTimes{Taken: taken}))
		got, err := secrets.Get(ctx, ref)
		require.NoError(r, err)
		require.Equal(r, secret, got)

		var sealed []byte
		require.NoError(r, pool.QueryRow(ctx, `select sealed from secrets where ref = $1`, ref).Scan(&sealed))
		if len(secret) > 3 {
			require.NotContains(r, string(sealed), string(secret))
		}
		require.NoError(r, secrets.Delete(ctx, ref))
		_, err = secrets.Get(ctx, ref)
		require.ErrorIs(r, err, vault.ErrNoSecret)
	})
}

func TestPutRefusesAndKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t, setup(t), key(t, 1))
	ctx := t.Context()
	require.NoError(t, secrets.Put(ctx, "connection/7", []byte("good token"), domain.SecretTimes{Taken: taken}))
	long := strings.Repeat("s", vault.MaxSecret+1)
	for name, test := range map[string]struct {
		ref    string
		secret []byte
		want   error
		code   domain.Code
	}{
		"empty":      {"connection/7", []byte{}, vault.ErrEmptySecret, domain.CodeInvalid},
		"nil":        {"connection/7", nil, vault.ErrEmptySecret, domain.CodeInvalid},
		"too large":  {"connection/7", []byte(long), vault.ErrSecretTooLarge, domain.CodeTooLarge},
		"no ref":     {"", []byte("other token"), vault.ErrRef, domain.CodeInvalid},
		"NUL in ref": {"a\x00b", []byte("other token"), vault.ErrRef, domain.CodeInvalid},
		"not text":   {"a\xff", []byte("other token"), vault.ErrRef, domain.CodeInvalid},
		"long ref":   {strings.Repeat("r", vault.MaxRef+1), []byte("other token"), vault.ErrRef, domain.CodeInvalid},
	} {
		err := secrets.Put(ctx, test.ref, test.secret, domain.SecretTimes{Taken: taken})
		require.ErrorIs(t, err, test.want, name)
		require.Equal(t, test.code, domain.CodeOf(err), name)
		require.NotContains(t, err.Error(), "other token", name)
	}
	got, err := secrets.Get(ctx, "connection/7")
	require.NoError(t, err)
	require.Equal(t, "good token", string(got))

	ref, secret := strings.Repeat("ü", vault.MaxRef), []byte(strings.Repeat("s", vault.MaxSecret))
	require.NoError(t, secrets.Put(ctx, ref, secret, domain.SecretTimes{Taken: taken}), "the limits themselves")
	got, err = secrets.Get(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, secret, got)
}

func TestUnknownRefIsNotFound(t *testing.T) {
	t.Parallel()
	secrets := newSecrets(t, setup(t), key(t, 1))
	for _, ref := range []string{"nobody", "", "a\x00b", "\xff"} {
		_, err := secrets.Get(t.Context(), ref)
		require.ErrorIs(t, err, vault.ErrNoSecret)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		require.NoError(t, secrets.Delete(t.Context(), ref))
	}
}

// A row that is moved does not open, and equal secrets do not look alike.
func TestRowMovedToAnotherRefDoesNotOpen(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	ctx := t.Context()
	require.NoError(t, secrets.Put(ctx, "connection/1", []byte("the rich one's token"), domain.SecretTimes{Taken: taken}))
	require.NoError(t, secrets.Put(ctx, "connection/2", []byte("the rich one's token"), domain.SecretTimes{Taken: taken}))
	var distinct int
	require.NoError(t, pool.QueryRow(ctx, `select count(distinct sealed) from secrets`).Scan(&distinct))
	require.Equal(t, 2, distinct)
	_, err := pool.Exec(ctx, `
		update secrets set sealed = (select sealed from secrets where ref = 'connection/1') where ref = 'connection/2'`)
	require.NoError(t, err)
	_, err = secrets.Get(ctx, "connection/2")
	require.ErrorIs(t, err, vault.ErrTampered)
	got, err := secrets.Get(ctx, "connection/1")
	require.NoError(t, err)
	require.Equal(t, "the rich one's token", string(got))
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	ctx := t.Context()
	require.NoError(t, secrets.Put(ctx, "r", []byte("a secret token"), domain.SecretTimes{Taken: taken}))
	var sealed []byte
	require.NoError(t, pool.QueryRow(ctx, `select sealed from secrets where ref = 'r'`).Scan(&sealed))
	store := func(b []byte) {
		_, err := pool.Exec(ctx, `update secrets set sealed = $1 where ref = 'r'`, b)
		require.NoError(t, err)
	}
	for i := range sealed {
		changed := append([]byte(nil), sealed...)
		changed[i] ^= 1
		store(changed)
		_, err := secrets.Get(ctx, "r")
		requireTampered(t, err)
	}
	for length := range sealed {
		store(sealed[:length])
		_, err := secrets.Get(ctx, "r")
		requireTampered(t, err)
	}
	store(append(append([]byte(nil), sealed...), 0))
	_, err := secrets.Get(ctx, "r")
	requireTampered(t, err)

	store(sealed)
	got, err := secrets.Get(ctx, "r")
	require.NoError(t, err)
	require.Equal(t, "a secret token", string(got))
}

func requireTampered(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, vault.ErrTampered)
	require.Equal(t, domain.CodeInternal, domain.CodeOf(err))
	require.NotContains(t, err.Error(), "token")
}

func TestAnotherKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	ctx := t.Context()
	require.NoError(t, newSecrets(t, pool, key(t, 1)).Put(ctx, "r", []byte("s"), domain.SecretTimes{Taken: taken}))
	stranger := newSecrets(t, pool, key(t, 2))
	_, err := stranger.Get(ctx, "r")
	require.ErrorIs(t, err, vault.ErrUnknownKey)
	require.ErrorContains(t, err, key(t, 1).ID())
	require.ErrorIs(t, stranger.Check(ctx), vault.ErrUnknownKey)
	require.ErrorContains(t, stranger.Check(ctx), "kept.secrets where key_id = '"+key(t, 1).ID()+"'")
	require.NoError(t, newSecrets(t, pool, key(t, 2), key(t, 1)).Check(ctx))

	// A row that claims the wrong key is not opened by trying.
	_, err = pool.Exec(ctx, `update secrets set key_id = $1`, key(t, 2).ID())
	require.NoError(t, err)
	_, err = newSecrets(t, pool, key(t, 1), key(t, 2)).Get(ctx, "r")
	require.ErrorIs(t, err, vault.ErrTampered)
}

func TestSecretsNeedGoodKeys(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]vault.Keys{
		"none": nil, "empty": {vault.Key{}}, "twice": {key(t, 1), key(t, 1)},
	} {
		_, err := vault.NewSecrets(nil, keys)
		require.Error(t, err, name)
	}
}

func TestGetManyLeavesOutWhatIsNotThereOrDoesNotOpen(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	secrets := newSecrets(t, pool, key(t, 1))
	for _, ref := range []string{"a", "b", "c"} {
		require.NoError(t, secrets.Put(t.Context(), ref, []byte("secret of "+ref), domain.SecretTimes{Taken: taken}))
	}
	_, err := pool.Exec(t.Context(), `update secrets set sealed = (select sealed from secrets where ref = 'a') where ref = 'b'`)
	require.NoError(t, err)
	got, err := secrets.GetMany(t.Context(), []string{"a", "b", "c", "nobody"})
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"a": []byte("secret of a"), "c": []byte("secret of c")}, got)
}
