package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
