package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	staff   = "5a0000000000000000000001" // of agencyA
	foreman = "5a0000000000000000000002" // of clientTwo
)

// view reads the dashboard of clientOwn, linked with clientTwo.
func view(t *testing.T, db *pgtest.DB) readmodels.DashboardView {
	t.Helper()
	v, err := (&readmodels.Dashboards{Pool: db.ReadOnly}).Dashboard(t.Context(),
		readmodels.DashboardRequest{ParentAccount: agencyA, SubAccount: clientOwn})
	require.NoError(t, err)
	return v
}

// moveIn fills the directory: clientTwo and its user belong to one agency or to the other.
func moveIn(t *testing.T, db *pgtest.DB, ofClientTwo, ofStaff string, others ...domain.DirectoryEntity) {
	t.Helper()
	ledgertest.Exec(t, db.Pool, `truncate accounts, users, sessions`)
	w := &world{Directory: []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agencyA, Name: "A", WhiteLabelURL: "https://a.example"},
		domain.DirectoryAccount{ID: agencyB, Name: "B"},
		domain.DirectoryAccount{ID: clientOwn, ParentAccount: agencyA, Name: "own"},
		domain.DirectoryAccount{ID: clientTwo, ParentAccount: ofClientTwo, Name: "two", Email: "two@two.example", Phone: "2", Address: "Two Road"},
		domain.DirectoryUser{ID: user, AccountID: clientOwn, Name: "ursula", Active: true},
		domain.DirectoryUser{ID: foreman, AccountID: clientTwo, Name: "frank", Email: "frank@two.example", Active: true, ResetPending: true},
		domain.DirectoryUser{ID: staff, AccountID: ofStaff, Name: "stella", Email: "stella@a.example", Phone: "1", MeetingLink: "https://meet.example", Active: true},
		domain.DirectorySession{ID: "s1", UserID: foreman, LoginAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	}}
	w.Directory = append(w.Directory, others...)
	w.Fold(t, db)
}

// A user who moved to another agency appears only as an id, like an erased one.
func TestDashboardShowsOnlyItsOwnAgency(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	linked := open(clientOwn, clientTwo)
	linked.users = append(linked.users, foreman)
	setDashboards(t, db, linked)
	ledgertest.Exec(t, db.Pool, `update dashboard_preferences set main_poc = array[$1::text]`, staff)

	moveIn(t, db, agencyA, agencyA)
	v := view(t, db)
	require.Equal(t, readmodels.MainAccount{Name: "A", LoginURL: "https://a.example"}, v.MainAccount)
	require.Equal(t, "own", v.SubAccountName)
	require.Contains(t, v.SubAccountIDs, readmodels.LinkedAccount{ID: clientTwo, Name: "two", Email: "two@two.example", Phone: "2", Address: "Two Road"})
	require.Len(t, v.Users, 2)
	require.Equal(t, "frank", v.Users[0].Name)
	require.False(t, v.Users[0].Active, "a reset is pending")
	require.NotNil(t, v.Users[0].LastLogin)
	require.Equal(t, []readmodels.POC{{ID: staff, Name: "stella", Email: "stella@a.example", Phone: "1", MeetingLink: "https://meet.example"}}, v.MainPOC)

	moveIn(t, db, agencyB, agencyB)
	v = view(t, db)
	require.Contains(t, v.SubAccountIDs, readmodels.LinkedAccount{ID: clientTwo})
	require.Len(t, v.Users, 1)
	require.Equal(t, user, v.Users[0].ID)
	require.Equal(t, []readmodels.POC{{ID: staff}}, v.MainPOC)
}

// Listed users who are not shown have a reason, so that sending the list back removes no one.
func TestHiddenListedUsersHaveReason(t *testing.T) {
	t.Parallel()
	const erased, inactive, elsewhere, left = "5a0000000000000000000003", "5a0000000000000000000004", "5a0000000000000000000005", "5a0000000000000000000006"
	db := pgtest.New(t)
	linked := open(clientOwn, clientTwo)
	linked.users = append(linked.users, foreman, staff, erased, inactive, elsewhere, left)
	setDashboards(t, db, linked)
	moveIn(t, db, agencyA, agencyA,
		domain.DirectoryAccount{ID: clientSix, RowID: 16, ParentAccount: agencyA, Name: "six"},
		domain.DirectoryUser{ID: left, AccountID: agencyA, Name: "former staff"},
		domain.DirectoryUser{ID: inactive, AccountID: clientOwn, Name: "ina"},
		domain.DirectoryUser{ID: elsewhere, AccountID: clientSix, Name: "else", Active: true},
	)
	v := view(t, db)
	require.Equal(t, []readmodels.UserNotShown{
		{ID: staff, Reason: "agency_staff"},
		{ID: erased, Reason: "unknown"},
		{ID: inactive, Reason: "inactive"},
		{ID: elsewhere, Reason: "other_account"},
		{ID: left, Reason: "inactive"},
	}, v.UsersNotShown)
	require.Len(t, v.Users, len(linked.users)-len(v.UsersNotShown), "every listed user is in one of the two")

	moveIn(t, db, agencyB, agencyB)
	require.Contains(t, view(t, db).UsersNotShown, readmodels.UserNotShown{ID: foreman, Reason: "unknown"}, "of another agency now")

	client, err := (&readmodels.Dashboards{Pool: db.ReadOnly}).Dashboard(t.Context(),
		readmodels.DashboardRequest{ParentAccount: agencyA, SubAccount: clientOwn, ClientAccount: clientOwn, ClientUser: user})
	require.NoError(t, err)
	require.Nil(t, client.UsersNotShown)
}

// Rule 7 removes scopes: preview and history name the users who lose one, except those who cannot
// open anything.
func TestPreviewAndHistoryNameUsersWhoLoseScope(t *testing.T) {
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
	preview, err := (&history.History{Pool: p.DB.ReadOnly}).NamedPreview(t.Context(), decided)
	require.NoError(t, err)
	named := func(id, name string) history.Named { return history.Named{ID: id, Name: &name} }
	ofSouth := []history.Named{named(south, "South")}
	require.Equal(t, []history.PreviewedAccess{
		{
			User: named(nina, "Name of d1"), Gains: ofSouth, Loses: []history.Named{},
			GainsScopes: []history.PreviewedScope{}, LosesScopes: []history.PreviewedScope{},
		},
		{
			User: named(sam, "Name of d2"), Gains: []history.Named{named(north, "North")}, Loses: []history.Named{},
			GainsScopes: []history.PreviewedScope{{Scope: "reports", Accounts: ofSouth}},
			LosesScopes: []history.PreviewedScope{{Scope: "analytics", Accounts: ofSouth}},
		},
	}, preview.Access)

	require.True(t, p.put(stella, link))
	decided, err = p.updates.Preview(t.Context(), commands.UpdateDashboard{
		Caller: p.caller(agencyA, stella), Change: domain.UpdateDashboard{Primary: north, Unlink: true, SubAccountIDs: &[]string{north}},
	})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{nina, sam, asleep}, decided.LostAccess)
	preview, err = (&history.History{Pool: p.DB.ReadOnly}).NamedPreview(t.Context(), decided)
	require.NoError(t, err)
	require.ElementsMatch(t, []history.Named{named(nina, "Name of d1"), named(sam, "Name of d2")}, preview.LostAccess)
	entries, _ := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 2})
	byDashboard := map[string]history.AccessEffect{}
	for _, e := range entries {
		byDashboard[e.Dashboard.ID] = e.Access
	}
	affected := named(asleep, "Asleep")
	require.Equal(t, map[string]history.AccessEffect{
		north: {
			Gained: []history.Named{named(sam, "Name of d2"), affected}, Lost: []history.Named{}, ScopesChanged: []history.Named{},
			CannotOpen: []history.Named{affected},
		},
		south: {
			Gained: []history.Named{named(nina, "Name of d1")}, Lost: []history.Named{},
			ScopesChanged: []history.Named{named(sam, "Name of d2"), affected}, CannotOpen: []history.Named{affected},
		},
	}, byDashboard)
}

// A listed user whose client is not linked cannot open the dashboard, and the history does not say
// that the user gained access.
func TestListedUserOfAnotherClientCannotOpen(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina, sam, stan}, AllowClientDashboard: new(true)}))
	entries, _ := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Limit: 1})
	require.Equal(t, []string{nina, sam}, ids(entries[0].Access.Gained))
	require.Equal(t, []string{sam}, ids(entries[0].Access.CannotOpen))
	linked := map[string]bool{}
	spans, _ := p.allSpans(t, history.Query{ParentAccount: agencyA, Limit: 9})
	for _, s := range spans {
		linked[s.User.ID] = s.LinkedToday
	}
	require.Equal(t, map[string]bool{nina: true, sam: false, stan: true}, linked)
	ofNorth := func() history.AccessEffect {
		entries, _ := asked(p, (*history.History).Entries, history.Query{ParentAccount: agencyA, Dashboard: north, Limit: 1})
		return entries[0].Access
	}
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, SubAccountIDs: &[]string{south}}))
	require.Equal(t, []string{sam}, ids(ofNorth().Gained), "when the client is linked")
	require.Empty(t, ofNorth().CannotOpen)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Unlink: true, SubAccountIDs: &[]string{north}}))
	require.Contains(t, ids(ofNorth().Lost), sam)
	require.NotContains(t, ids(ofNorth().CannotOpen), sam)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina, sam}}))
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}}))
	require.Equal(t, []string{sam}, ids(ofNorth().CannotOpen), "the user lost nothing")
}

// The history can be searched by names of actors, of added or removed users, and of clients. An
// unknown name finds nothing.
func TestHistoryIsSearchedByNames(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	require.True(t, p.put(stella, domain.UpdateDashboard{Primary: north, Users: &[]string{nina}}))
	require.True(t, p.put(stan, domain.UpdateDashboard{Primary: south, Users: &[]string{sam}}))
	for name, c := range map[string]struct {
		q    history.Query
		want []string
	}{
		"actor":   {history.Query{Actor: "name of 5A"}, []string{north}},
		"user":    {history.Query{User: "of d2"}, []string{south}},
		"an id":   {history.Query{User: nina}, []string{north}},
		"client":  {history.Query{Named: "sout"}, []string{south}},
		"person":  {history.Query{Named: "name of d1"}, []string{north}},
		"nobody":  {history.Query{Actor: "Zoe"}, nil},
		"foreign": {history.Query{Named: "Abroad"}, nil},
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
