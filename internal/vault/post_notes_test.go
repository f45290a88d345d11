package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPostNotesGoWithAReadingWithTimeAndWithTheirAccount(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	fetching, ctx := vault.NewFetching(pool), t.Context()
	note := func(id string, tried time.Time) domain.PostNote {
		return domain.PostNote{ExternalID: id, Class: "not_found", Since: taken, TriedAt: tried}
	}
	ids := func(account int64) (ids []string) {
		notes, err := fetching.PostNotes(ctx, account)
		require.NoError(t, err)
		for _, n := range notes {
			ids = append(ids, n.ExternalID)
		}
		return ids
	}
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, []domain.PostNote{note("a", taken), note("b", taken), note("c", taken)}, nil, taken))
	require.NoError(t, fetching.KeepPostNotes(ctx, 2, []domain.PostNote{note("a", taken)}, nil, taken))
	later := taken.Add(time.Hour)
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, []domain.PostNote{note("b", later)}, []string{"a"}, later))
	require.ElementsMatch(t, []string{"b", "c"}, ids(1))
	require.Equal(t, []string{"a"}, ids(2))
	notes, err := fetching.PostNotes(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, "not_found", notes[0].Class)
	require.True(t, taken.Equal(notes[0].Since) && taken.Equal(notes[0].TriedAt))

	// Of accounts that nobody reads any more, too.
	muchLater := taken.Add(400*24*time.Hour + time.Minute)
	require.NoError(t, fetching.KeepPostNotes(ctx, 1, nil, []string{"none"}, muchLater))
	require.Equal(t, []string{"b"}, ids(1))
	require.Empty(t, ids(2))

	require.NoError(t, vault.NewEraser(pool).ForgetReads(ctx, []int64{1}, nil))
	require.Empty(t, ids(1))
}
