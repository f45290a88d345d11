package vault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var (
	pictured    = domain.PostRef{ParentAccount: strings.Repeat("a", 24), SocialAccount: 70, ExternalID: "p"}
	pictureTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

// picturesWith are pictures under keys of the bytes given, and whether one began to be taken.
type picturesWith struct{ *vault.Pictures }

func newPictures(t *testing.T, pool *pgxpool.Pool, keys ...string) picturesWith {
	t.Helper()
	for i, of := range keys {
		keys[i] = strings.Repeat(of, 32)
	}
	parsed, err := vault.ParseKeys(strings.Join(keys, ","))
	require.NoError(t, err)
	p, err := vault.NewPictures(pool, parsed)
	require.NoError(t, err)
	return picturesWith{p}
}

func (p picturesWith) begins(t *testing.T, post domain.PostRef, at time.Time) bool {
	t.Helper()
	begun, err := p.Begin(t.Context(), post, at)
	require.NoError(t, err)
	return begun
}

func (p picturesWith) requirePicture(t *testing.T, want string, post domain.PostRef) {
	t.Helper()
	picture, err := p.Picture(t.Context(), post)
	if want == "" {
		require.ErrorIs(t, err, vault.ErrNoPicture)
		return
	}
	require.NoError(t, err)
	require.Equal(t, want, string(picture))
}

// Of several processes one takes a picture, and once: when it is there, nobody takes it again.
func TestAPictureIsTakenOnce(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p := newPictures(t, pool, "11")
	p.requirePicture(t, "", pictured)
	begun := errors.New("another has begun")
	oneWins(t, begun, func(int) error {
		begins, err := p.Begin(t.Context(), pictured, pictureTime)
		if err == nil && !begins {
			return begun
		}
		return err
	})
	p.requirePicture(t, "", pictured) // it is under way
	require.NoError(t, p.Keep(t.Context(), pictured, []byte("a picture")))
	p.requirePicture(t, "a picture", pictured)
	require.False(t, p.begins(t, pictured, pictureTime.AddDate(0, 1, 0)))

	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `select encode(sealed, 'escape') from pictures`).Scan(&stored))
	require.NotContains(t, stored, "a picture", "it is sealed")
	_, err := pool.Exec(t.Context(), `update pictures set parent_account = $1`, strings.Repeat("b", 24))
	require.NoError(t, err)
	moved := pictured
	moved.ParentAccount = strings.Repeat("b", 24)
	p.requirePicture(t, "", moved) // it opens for no other agency
}

// A picture that cannot be taken is tried three times, hours apart; one that cannot be taken at all, once.
func TestAPictureIsTriedABoundedNumberOfTimes(t *testing.T) {
	t.Parallel()
	p := newPictures(t, setup(t), "11")
	tries := 0
	for hour := range 100 {
		if p.begins(t, pictured, pictureTime.Add(time.Duration(hour)*time.Hour)) {
			tries++
		}
	}
	require.Equal(t, 3, tries)

	other := pictured
	other.ExternalID = "q"
	require.True(t, p.begins(t, other, pictureTime))
	require.NoError(t, p.GiveUp(t.Context(), other))
	require.False(t, p.begins(t, other, pictureTime.AddDate(1, 0, 0)))

	require.NoError(t, p.ForgetOld(t.Context(), pictureTime.AddDate(2, 0, 0)))
	require.True(t, p.begins(t, other, pictureTime.AddDate(2, 0, 0)), "notes go with time")
}

// A picture whose key is gone counts as none, and may be taken again.
func TestAPictureWithoutItsKeyIsNone(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	before := newPictures(t, pool, "11")
	require.True(t, before.begins(t, pictured, pictureTime))
	require.NoError(t, before.Keep(t.Context(), pictured, []byte("a picture")))
	newPictures(t, pool, "22", "11").requirePicture(t, "a picture", pictured) // all keys open

	after := newPictures(t, pool, "22")
	after.requirePicture(t, "", pictured)
	require.True(t, after.begins(t, pictured, pictureTime.AddDate(0, 0, 1)))
	require.NoError(t, after.Keep(t.Context(), pictured, []byte("again")))
	after.requirePicture(t, "again", pictured)
}

// What is erased while its picture is under way is not stored after it.
func TestAnErasedPictureDoesNotComeBack(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p := newPictures(t, pool, "11")
	kept, under, stays := pictured, pictured, pictured
	under.ExternalID, stays.SocialAccount = "under way", 71
	for _, post := range []domain.PostRef{kept, under, stays} {
		require.True(t, p.begins(t, post, pictureTime))
	}
	require.NoError(t, p.Keep(t.Context(), kept, []byte("a picture")))
	require.NoError(t, p.Keep(t.Context(), stays, []byte("another")))
	require.NoError(t, vault.NewEraser(pool).ForgetReads(t.Context(), []int64{70}, []int64{71}))
	require.NoError(t, p.Keep(t.Context(), under, []byte("late")))
	p.requirePicture(t, "", kept)
	p.requirePicture(t, "", under)
	p.requirePicture(t, "another", stays) // of a page that stays

	require.NoError(t, p.Forget(t.Context(), []domain.PostRef{stays, kept}))
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from pictures`).Scan(&rows))
	require.Zero(t, rows)
}
