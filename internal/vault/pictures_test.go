package vault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

var pictured = domain.PostRef{ParentAccount: strings.Repeat("a", 24), SocialAccount: 70, ExternalID: "p"}

type picturesWith struct{ *vault.Pictures }

func newPictures(t *testing.T, pool *pgxpool.Pool, keys ...vault.Key) picturesWith {
	t.Helper()
	return picturesWith{vault.NewPictures(pool, vault.Keys(keys))}
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

// Of several processes, one downloads a picture, and only once.
func TestPictureIsDownloadedOnce(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p := newPictures(t, pool, key(t, 1))
	p.requirePicture(t, "", pictured)
	begun := errors.New("another process has begun")
	ledgertest.OneWins(t, begun, func(int) error {
		begins, err := p.Begin(t.Context(), pictured, day0)
		if err == nil && !begins {
			return begun
		}
		return err
	})
	p.requirePicture(t, "", pictured) // in progress
	require.NoError(t, p.Keep(t.Context(), pictured, []byte("a picture")))
	p.requirePicture(t, "a picture", pictured)
	require.False(t, p.begins(t, pictured, day0.AddDate(0, 1, 0)))

	require.NotContains(t, ledgertest.Value[string](t, pool, `select encode(sealed, 'escape') from pictures`), "a picture", "the stored picture is sealed")
	ledgertest.Exec(t, pool, `update pictures set parent_account = $1`, strings.Repeat("b", 24))
	moved := pictured
	moved.ParentAccount = strings.Repeat("b", 24)
	p.requirePicture(t, "", moved) // it does not open for another agency
}

// A picture that cannot be downloaded is tried three times, hours apart; one that can never be
// downloaded, once.
func TestPictureAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	p := newPictures(t, setup(t), key(t, 1))
	tries := 0
	for hour := range 100 {
		if p.begins(t, pictured, day0.Add(time.Duration(hour)*time.Hour)) {
			tries++
		}
	}
	require.Equal(t, 3, tries)

	other := pictured
	other.ExternalID = "q"
	require.True(t, p.begins(t, other, day0))
	require.NoError(t, p.GiveUp(t.Context(), other))
	require.False(t, p.begins(t, other, day0.AddDate(1, 0, 0)))

	require.NoError(t, p.ForgetOld(t.Context(), day0.AddDate(2, 0, 0)))
	require.True(t, p.begins(t, other, day0.AddDate(2, 0, 0)), "records expire")
}

// A picture without its key counts as missing and may be downloaded again.
func TestPictureWithoutKeyIsMissing(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	before := newPictures(t, pool, key(t, 1))
	require.True(t, before.begins(t, pictured, day0))
	require.NoError(t, before.Keep(t.Context(), pictured, []byte("a picture")))
	newPictures(t, pool, key(t, 2), key(t, 1)).requirePicture(t, "a picture", pictured) // every key opens

	after := newPictures(t, pool, key(t, 2))
	after.requirePicture(t, "", pictured)
	require.True(t, after.begins(t, pictured, day0.AddDate(0, 0, 1)))
	require.NoError(t, after.Keep(t.Context(), pictured, []byte("again")))
	after.requirePicture(t, "again", pictured)
}

// A picture that is erased while it is downloaded is not stored afterward.
func TestErasedPictureIsNotStored(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	p := newPictures(t, pool, key(t, 1))
	kept, under, stays := pictured, pictured, pictured
	under.ExternalID, stays.SocialAccount = "under way", 71
	for _, post := range []domain.PostRef{kept, under, stays} {
		require.True(t, p.begins(t, post, day0))
	}
	require.NoError(t, p.Keep(t.Context(), kept, []byte("a picture")))
	require.NoError(t, p.Keep(t.Context(), stays, []byte("another")))
	require.NoError(t, vault.NewEraser(pool).ForgetReads(t.Context(), []int64{70}, []int64{71}))
	require.NoError(t, p.Keep(t.Context(), under, []byte("late")))
	p.requirePicture(t, "", kept)
	p.requirePicture(t, "", under)
	p.requirePicture(t, "another", stays) // of a page that remains

	require.NoError(t, p.Forget(t.Context(), []domain.PostRef{stays, kept}))
	require.Zero(t, ledgertest.Value[int](t, pool, `select count(*) from pictures`))
}

func TestPostNotesAreDeleted(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	fetching, ctx := vault.Fetching{Pool: pool}, t.Context()
	note := func(id string, tried time.Time) domain.PostNote {
		return domain.PostNote{ExternalID: id, Code: domain.StatusNotFound, Since: day0, TriedAt: tried}
	}
	ids := func(account int64) (ids []string) {
		all, err := fetching.PostNotes(ctx, []int64{account})
		notes := all[account]
		require.NoError(t, err)
		for _, n := range notes {
			ids = append(ids, n.ExternalID)
		}
		return ids
	}
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, []domain.PostNote{note("a", day0), note("b", day0), note("c", day0)}, nil, day0))
	require.NoError(t, fetching.KeepPostNotes(ctx, 2, []domain.PostNote{note("a", day0)}, nil, day0))
	later := day0.Add(time.Hour)
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, []domain.PostNote{note("b", later)}, []string{"a"}, later))
	require.ElementsMatch(t, []string{"b", "c"}, ids(1))
	require.Equal(t, []string{"a"}, ids(2))
	all, err := fetching.PostNotes(ctx, []int64{1, 2})
	notes := all[2]
	require.NoError(t, err)
	require.Equal(t, domain.StatusNotFound, notes[0].Code)
	require.True(t, day0.Equal(notes[0].Since) && day0.Equal(notes[0].TriedAt))

	// This also applies to accounts that are no longer read.
	muchLater := day0.Add(400*24*time.Hour + time.Minute)
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, nil, []string{"none"}, muchLater))
	require.Equal(t, []string{"b"}, ids(1))
	require.Empty(t, ids(2))

	require.NoError(t, vault.NewEraser(pool).ForgetReads(ctx, []int64{1}, nil))
	require.Empty(t, ids(1))
}
