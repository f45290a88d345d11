package domain_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Random histories cover the rest of fold.
func TestFold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.given(t, change(north, users(nina)), change(south, users(nina)))
	before, at := w.dashboards, day0.Add(time.Hour)
	revisions, err := domain.DashboardChange{Primary: north, Linked: []string{north, west}, Users: []string{wes}}.Fold(agency, 9, at, before)
	require.ErrorContains(t, err, west, "of a dashboard that is nowhere")
	require.Empty(t, revisions)
	revisions, err = domain.DashboardChange{
		Primary: north, Linked: []string{north}, Users: []string{sam}, Created: map[string]string{north: "another"},
	}.Fold(agency, 9, at, before)
	require.NoError(t, err)
	require.Equal(t, before[north].DocumentID, revisions[0].After.DocumentID, "what a record creates is there already: it stays")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("load: %w", domain.ErrDashboardNotFound)
	require.ErrorIs(t, wrapped, domain.ErrDashboardNotFound)
	require.NotErrorIs(t, wrapped, domain.ErrMainAccount)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(wrapped))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(errors.New("other")))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(nil))
	require.True(t, domain.AccessRefused(wrapped))
	require.True(t, domain.AccessRefused(domain.ErrMainAccount))
	require.False(t, domain.AccessRefused(errors.New("the database is away")), "a passing fault cuts nobody")
	require.False(t, domain.AccessRefused(nil))

	first := domain.ErrMainAccount.WithField("a", "1")
	second, third := first.WithField("b", "2"), first.WithField("c", "3")
	require.Equal(t, []string{"a", "b"}, fieldsOf(second))
	require.Equal(t, []string{"a", "c"}, fieldsOf(third), "copies share nothing")
	require.Empty(t, domain.ErrMainAccount.Fields, "a sentinel is never changed")
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	names := map[domain.Platform]string{1: "facebook", 3: "instagram", 4: "linkedin", 6: "tiktok"}
	for p := domain.Platform(-1); p < 10; p++ {
		name, valid := names[p]
		require.Equal(t, valid, p.Valid())
		if valid {
			require.Equal(t, name, p.String())
			require.Contains(t, domain.Platforms(), p)
		}
	}
	require.Len(t, domain.Platforms(), len(names))
	require.Equal(t, "platform(2)", domain.Platform(2).String())
}

// Notices lists each user who stays on the list of a closed dashboard, and each who lost access,
// once.
func TestNoticesOfAClosedDashboard(t *testing.T) {
	t.Parallel()
	set := func(allow bool, users ...string) domain.DashboardChange {
		return domain.DashboardChange{
			Primary: north, Linked: []string{north, south}, Users: users, AllowClientDashboard: allow, Scopes: defaultScopes,
			MainPOC: map[string][]string{}, Created: map[string]string{north: "n", south: "s"},
		}
	}
	present := map[string]domain.Dashboard{}
	fold := func(c domain.DashboardChange) []domain.Notice {
		revisions, err := c.Fold(agency, 1, day0, present)
		require.NoError(t, err)
		for _, r := range revisions {
			present[r.After.SubAccountID] = r.After
		}
		return c.Notices(revisions)
	}
	require.Empty(t, fold(set(false, nina)), "it was never open")
	require.Empty(t, fold(set(true, nina, sam)))
	closing := set(false, nina, wes)
	closing.LostAccess = []string{sam}
	require.Equal(t, []domain.Notice{
		{UserID: sam, Kind: domain.NoticeAccessRemoved, SubAccounts: []string{}},
		{UserID: nina, Kind: domain.NoticeBoardClosed, SubAccounts: []string{north, south}},
	}, fold(closing), "who came with the change has lost nothing")
	require.Empty(t, fold(set(false, nina, wes, sam)), "once per change")
}

func TestLinkIsOpenUntilItsEnd(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	link := domain.ConnectLink{ExpiresAt: end}
	require.True(t, link.Open(end.Add(-time.Microsecond)))
	require.False(t, link.Open(end))
	link.RevokedAt = new(end.Add(-time.Hour))
	require.False(t, link.Open(end.Add(-time.Minute)))
}
