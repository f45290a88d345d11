package vault_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var (
	pictured    = domain.PostRef{ParentAccount: strings.Repeat("a", 24), SocialAccount: 70, ExternalID: "p"}
	pictureTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
)

func keysOf(t *testing.T, text string) vault.Keys {
	t.Helper()
	keys, err := vault.ParseKeys(text)
	require.NoError(t, err)
	return keys
}

// Of several processes one takes a picture, and once: when it is there, nobody takes it again.
func TestAPictureIsTakenOnce(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p, err := vault.NewPictures(pool, keysOf(t, strings.Repeat("11", 32)))
	require.NoError(t, err)
	_, err = p.Picture(t.Context(), pictured)
	require.ErrorIs(t, err, vault.ErrNoPicture)

	var began atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			begun, err := p.Begin(t.Context(), pictured, pictureTime)
			if err != nil {
				t.Error(err)
			}
			if begun {
				began.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, began.Load())
	_, err = p.Picture(t.Context(), pictured)
	require.ErrorIs(t, err, vault.ErrNoPicture, "it is under way")

	require.NoError(t, p.Keep(t.Context(), pictured, []byte("a picture")))
	picture, err := p.Picture(t.Context(), pictured)
	require.NoError(t, err)
	require.Equal(t, "a picture", string(picture))
	begun, err := p.Begin(t.Context(), pictured, pictureTime.AddDate(0, 1, 0))
	require.NoError(t, err)
	require.False(t, begun)

	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), `select encode(sealed, 'escape') from pictures`).Scan(&stored))
	require.NotContains(t, stored, "a picture", "it is sealed")
	_, err = pool.Exec(t.Context(), `update pictures set parent_account = $1`, strings.Repeat("b", 24))
	require.NoError(t, err)
	moved := pictured
	moved.ParentAccount = strings.Repeat("b", 24)
	_, err = p.Picture(t.Context(), moved)
	require.ErrorIs(t, err, vault.ErrNoPicture, "it opens for no other agency")
}

// A picture that cannot be taken is tried three times, hours apart; one that cannot be taken at all, once.
func TestAPictureIsTriedABoundedNumberOfTimes(t *testing.T) {
	t.Parallel()
	p, err := vault.NewPictures(setup(t), keysOf(t, strings.Repeat("11", 32)))
	require.NoError(t, err)
	begins := func(post domain.PostRef, at time.Time) bool {
		begun, err := p.Begin(t.Context(), post, at)
		require.NoError(t, err)
		return begun
	}
	tries := 0
	for hour := range 100 {
		if begins(pictured, pictureTime.Add(time.Duration(hour)*time.Hour)) {
			tries++
		}
	}
	require.Equal(t, 3, tries)

	other := pictured
	other.ExternalID = "q"
	require.True(t, begins(other, pictureTime))
	require.NoError(t, p.GiveUp(t.Context(), other))
	require.False(t, begins(other, pictureTime.AddDate(1, 0, 0)))

	require.NoError(t, p.ForgetOld(t.Context(), pictureTime.AddDate(2, 0, 0)))
	require.True(t, begins(other, pictureTime.AddDate(2, 0, 0)), "notes go with time")
}

// A picture whose key is gone counts as none, and may be taken again.
func TestAPictureWithoutItsKeyIsNone(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	before, err := vault.NewPictures(pool, keysOf(t, strings.Repeat("11", 32)))
	require.NoError(t, err)
	begun, err := before.Begin(t.Context(), pictured, pictureTime)
	require.NoError(t, err)
	require.True(t, begun)
	require.NoError(t, before.Keep(t.Context(), pictured, []byte("a picture")))

	both, err := vault.NewPictures(pool, keysOf(t, strings.Repeat("22", 32)+","+strings.Repeat("11", 32)))
	require.NoError(t, err)
	_, err = both.Picture(t.Context(), pictured)
	require.NoError(t, err, "all keys open")

	after, err := vault.NewPictures(pool, keysOf(t, strings.Repeat("22", 32)))
	require.NoError(t, err)
	_, err = after.Picture(t.Context(), pictured)
	require.ErrorIs(t, err, vault.ErrNoPicture)
	begun, err = after.Begin(t.Context(), pictured, pictureTime.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.True(t, begun)
	require.NoError(t, after.Keep(t.Context(), pictured, []byte("again")))
	picture, err := after.Picture(t.Context(), pictured)
	require.NoError(t, err)
	require.Equal(t, "again", string(picture))
}

// What is erased while its picture is under way is not stored after it.
func TestAnErasedPictureDoesNotComeBack(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p, err := vault.NewPictures(pool, keysOf(t, strings.Repeat("11", 32)))
	require.NoError(t, err)
	kept, under, stays := pictured, pictured, pictured
	under.ExternalID, stays.SocialAccount = "under way", 71
	for _, post := range []domain.PostRef{kept, under, stays} {
		begun, err := p.Begin(t.Context(), post, pictureTime)
		require.NoError(t, err)
		require.True(t, begun)
	}
	require.NoError(t, p.Keep(t.Context(), kept, []byte("a picture")))
	require.NoError(t, p.Keep(t.Context(), stays, []byte("another")))
	require.NoError(t, vault.NewEraser(pool).ForgetReads(t.Context(), []int64{70}, []int64{71}))
	require.NoError(t, p.Keep(t.Context(), under, []byte("late")))
	for _, post := range []domain.PostRef{kept, under} {
		_, err = p.Picture(t.Context(), post)
		require.ErrorIs(t, err, vault.ErrNoPicture)
	}
	_, err = p.Picture(t.Context(), stays)
	require.NoError(t, err, "of a page that stays")

	require.NoError(t, p.Forget(t.Context(), []domain.PostRef{stays, kept}))
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from pictures`).Scan(&rows))
	require.Zero(t, rows)
}
