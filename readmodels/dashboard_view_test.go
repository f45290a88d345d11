package readmodels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	staff   = "5a0000000000000000000001" // of agencyA
	foreman = "5a0000000000000000000002" // of clientTwo
)

// view reads the dashboard of clientOwn, linked with clientTwo.
func view(t *testing.T, db *pgtest.DB) readmodels.DashboardView {
	t.Helper()
	v, err := readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: db.ReadOnly}).Dashboard(t.Context(),
		readmodels.DashboardRequest{ParentAccount: agencyA, SubAccount: clientOwn})
	require.NoError(t, err)
	return v
}

// moveIn fills the directory: clientTwo, and with it its user, belongs to one agency or to the other.
func moveIn(t *testing.T, db *pgtest.DB, ofClientTwo, ofStaff string, others ...domain.DirectoryEntity) {
	t.Helper()
	_, err := db.Pool.Exec(t.Context(), `truncate accounts, users, sessions`)
	require.NoError(t, err)
	w := &world{Directory: []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agencyA, Name: "A", WhiteLabelURL: "https://a.example"},
		domain.DirectoryAccount{ID: agencyB, Name: "B"},
		domain.DirectoryAccount{ID: clientOwn, ParentAccount: agencyA, Name: "own"},
		domain.DirectoryAccount{ID: clientTwo, ParentAccount: ofClientTwo, Name: "two", Email: "two@two.example", Phone: "2", Address: "Two Road"},
		domain.DirectoryUser{ID: user, AccountID: clientOwn, Name: "ursula", Active: true},
		domain.DirectoryUser{ID: foreman, AccountID: clientTwo, Name: "frank", Email: "frank@two.example", Active: true, ResetPending: true},
		domain.DirectoryUser{ID: staff, AccountID: ofStaff, Name: "stella", Email: "stella@a.example", Phone: "1", MeetingLink: "https://meet.example"},
		domain.DirectorySession{ID: "s1", UserID: foreman, LoginAt: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	}}
	w.Directory = append(w.Directory, others...)
	w.Fold(t, db)
}

// Who has moved to another agency shows as who was erased does: as an id.
func TestDashboardShowsNobodyOfAnotherAgency(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	linked := open(clientOwn, clientTwo)
	linked.users = append(linked.users, foreman)
	setDashboards(t, db, linked)
	_, err := db.Pool.Exec(t.Context(), `update dashboard_preferences set main_poc = array[$1::text]`, staff)
	require.NoError(t, err)

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

// Who is listed and not shown is told with the reason: a list that is sent back removes nobody.
func TestWhoIsListedAndNotShown(t *testing.T) {
	t.Parallel()
	const gone, inactive, elsewhere = "5a0000000000000000000003", "5a0000000000000000000004", "5a0000000000000000000005"
	db := pgtest.New(t)
	linked := open(clientOwn, clientTwo)
	linked.users = append(linked.users, foreman, staff, gone, inactive, elsewhere)
	setDashboards(t, db, linked)
	moveIn(t, db, agencyA, agencyA,
		domain.DirectoryAccount{ID: clientSix, RowID: 16, ParentAccount: agencyA, Name: "six"},
		domain.DirectoryUser{ID: inactive, AccountID: clientOwn, Name: "ina"},
		domain.DirectoryUser{ID: elsewhere, AccountID: clientSix, Name: "else", Active: true},
	)
	v := view(t, db)
	require.Equal(t, []readmodels.UserNotShown{
		{ID: staff, Reason: "agency_staff"}, {ID: gone, Reason: "unknown"}, {ID: inactive, Reason: "inactive"}, {ID: elsewhere, Reason: "other_account"},
	}, v.UsersNotShown)
	require.Len(t, v.Users, len(linked.users)-len(v.UsersNotShown), "everybody is in one of the two")

	moveIn(t, db, agencyB, agencyB)
	require.Contains(t, view(t, db).UsersNotShown, readmodels.UserNotShown{ID: foreman, Reason: "unknown"}, "of another agency now")

	client, err := readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: db.ReadOnly}).Dashboard(t.Context(),
		readmodels.DashboardRequest{ParentAccount: agencyA, SubAccount: clientOwn, ClientAccount: clientOwn, ClientUser: user})
	require.NoError(t, err)
	require.Nil(t, client.UsersNotShown)
}
