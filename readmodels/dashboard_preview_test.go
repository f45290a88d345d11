package readmodels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Rule 7 takes scopes: preview and history name who loses one, without those who can open nothing.
func TestLinkingNamesWhoLosesAScope(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	open := new(true)
	require.True(t, p.put(stella, domain.UpdateDashboard{
		Primary: north, Users: &[]string{nina}, Scopes: &[]string{"posts", "reports"}, AllowClientDashboard: open,
	}))
	const asleep = "d40000000000000000000000"
	p.Put(t, domain.DirectoryUser{ID: asleep, AccountID: south, Name: "Asleep", Email: "asleep@example.com"})
	require.True(t, p.put(stella, domain.UpdateDashboard{
		Primary: south, Users: &[]string{sam, asleep, stan}, Scopes: &[]string{"analytics", "posts"}, AllowClientDashboard: open,
	}))

	link := domain.UpdateDashboard{Primary: north, SubAccountIDs: &[]string{south}}
	decided, err := p.updates.Preview(t.Context(), commands.UpdateDashboard{Caller: p.caller(agencyA, stella), Change: link})
	require.NoError(t, err)
	preview, err := readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: p.DB.ReadOnly}).Named(t.Context(), decided)
	require.NoError(t, err)
	named := func(id, name string) readmodels.Named { return readmodels.Named{ID: id, Name: &name} }
	ofSouth := []readmodels.Named{named(south, "South")}
	require.Equal(t, []readmodels.PreviewedAccess{
		{
			User: named(nina, "Name of d1"), Gains: ofSouth, Loses: []readmodels.Named{},
			GainsScopes: []readmodels.PreviewedScope{}, LosesScopes: []readmodels.PreviewedScope{},
		},
		{
			User: named(sam, "Name of d2"), Gains: []readmodels.Named{named(north, "North")}, Loses: []readmodels.Named{},
			GainsScopes: []readmodels.PreviewedScope{{Scope: "reports", Accounts: ofSouth}},
			LosesScopes: []readmodels.PreviewedScope{{Scope: "analytics", Accounts: ofSouth}},
		},
	}, preview.Access)

	require.True(t, p.put(stella, link))
	decided, err = p.updates.Preview(t.Context(), commands.UpdateDashboard{
		Caller: p.caller(agencyA, stella), Change: domain.UpdateDashboard{Primary: north, Unlink: true, SubAccountIDs: &[]string{north}},
	})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{nina, sam, asleep}, decided.LostAccess)
	preview, err = readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: p.DB.ReadOnly}).Named(t.Context(), decided)
	require.NoError(t, err)
	require.ElementsMatch(t, []readmodels.Named{named(nina, "Name of d1"), named(sam, "Name of d2")}, preview.LostAccess)
	entries, _, err := p.history.Entries(t.Context(), readmodels.HistoryQuery{ParentAccount: agencyA, Limit: 2})
	require.NoError(t, err)
	byDashboard := map[string]readmodels.AccessEffect{}
	for _, e := range entries {
		byDashboard[e.Dashboard.ID] = e.Access
	}
	whom := named(asleep, "Asleep")
	require.Equal(t, map[string]readmodels.AccessEffect{
		north: {
			Gained: []readmodels.Named{named(sam, "Name of d2"), whom}, Lost: []readmodels.Named{}, ScopesChanged: []readmodels.Named{},
			InactiveToday: []readmodels.Named{whom},
		},
		south: {
			Gained: []readmodels.Named{named(nina, "Name of d1")}, Lost: []readmodels.Named{},
			ScopesChanged: []readmodels.Named{named(sam, "Name of d2"), whom}, InactiveToday: []readmodels.Named{whom},
		},
	}, byDashboard)
}

// The history is searched by names, too: of who acted, of who was added or removed, and of clients. A name that nobody has finds nothing.
func TestHistoryIsSearchedByNames(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}}))
	require.True(t, p.put(stan, domain.UpdateDashboard{Primary: south, Users: &[]string{sam}}))
	for name, c := range map[string]struct {
		q    readmodels.HistoryQuery
		want []string
	}{
		"actor":   {readmodels.HistoryQuery{Actor: "name of 5A"}, []string{north}},
		"user":    {readmodels.HistoryQuery{User: "of d2"}, []string{south}},
		"an id":   {readmodels.HistoryQuery{User: nina}, []string{north}},
		"client":  {readmodels.HistoryQuery{Named: "sout"}, []string{south}},
		"person":  {readmodels.HistoryQuery{Named: "name of d1"}, []string{north}},
		"nobody":  {readmodels.HistoryQuery{Actor: "Zoe"}, nil},
		"foreign": {readmodels.HistoryQuery{Named: "Abroad"}, nil},
	} {
		c.q.ParentAccount, c.q.Limit = agencyA, 10
		entries, _, err := p.history.Entries(t.Context(), c.q)
		require.NoError(t, err, name)
		var found []string
		for _, e := range entries {
			found = append(found, e.Dashboard.ID)
		}
		require.Equal(t, c.want, found, name)
	}
}
