package projections_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// One record takes a user off the lists of three linked dashboards, closes them, and splits a fourth off: each user
// hears of it once, of the gravest that befell him; so also in tables that are folded from zero.
func TestOneNoticeForEachRecordAndUser(t *testing.T) {
	t.Parallel()
	l := followLive(t)
	const client3, client4 = "a30000000000000000000000", "a40000000000000000000000"
	linked := []string{client1, client2, client3, client4}
	set := domain.DashboardChange{
		Primary: client1, Linked: linked, Users: []string{"both", "gone", "stays", "split"}, AllowClientDashboard: true,
		Scopes: []string{"posts"}, MainPOC: map[string][]string{}, Created: map[string]string{},
	}
	for _, account := range linked {
		set.Created[account] = domain.NewDashboardID(l.key, account)
	}
	l.put(l.next(domain.AccountsLinked{DashboardChange: set}))
	require.Zero(t, l.count("select count(*) from access_notices"))

	split := set
	split.Linked, split.Users, split.AllowClientDashboard, split.Created = linked[:3], []string{"stays"}, false, nil
	split.Split = []domain.SplitDashboard{{SubAccountID: client4, Users: []string{"both", "split"}}}
	split.LostAccess = []string{"both", "gone", "split", "stays"} // stays has left the list of client4
	l.put(l.next(domain.AccountsUnlinked{DashboardChange: split}))
	closed := set
	closed.Primary, closed.Linked, closed.Users, closed.Created, closed.AllowClientDashboard = client4, linked[3:], []string{"both", "split"}, nil, false
	l.put(l.next(domain.DashboardSettingsChanged{DashboardChange: closed}))

	rows, err := l.db.Pool.Query(t.Context(), "select version || ' ' || user_id || ' ' || kind from access_notices order by version, user_id")
	require.NoError(t, err)
	notices, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"2 both client_access_removed", "2 gone client_access_removed", "2 split client_access_removed", "2 stays client_access_removed",
		"3 both board_closed", "3 split board_closed",
	}, notices)
	l.sameFromZero(dashboards)
}
