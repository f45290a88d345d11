package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Rule 3: unlinking keeps exactly the request and the primary. Accounts that leave are unlinked.
func TestRule3Unlinking(t *testing.T) {
	t.Parallel()
	trioLinked := []domain.UpdateDashboard{change(north, accounts(south, east))}
	run(t, map[string]scenario{
		"exactly the request and the primary stay": {
			given: trioLinked, when: change(north, accounts(south), unlink),
			event: unlinked, docs: with(same(pair), map[string]doc{east: alone(east)}),
		},
		"the primary stays though it is not named": {
			given: trioLinked, when: change(east, accounts(south), unlink),
			event: unlinked, docs: with(same([]string{south, east}), map[string]doc{north: alone(north)}),
		},
		"[] means the primary alone": {
			given: trioLinked, when: change(south, accounts(), unlink), event: unlinked,
			docs: map[string]doc{north: alone(north), south: alone(south), east: alone(east)},
		},
		"absent: no link changes": {
			given: trioLinked, when: change(north, unlink, users(staff)), event: usersSet, docs: same(trio, staff),
		},
		"an account that is not in the present set": {
			given: trioLinked, when: change(north, accounts(south, west), unlink),
			code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[1]"},
		},
		"an account that is linked with others": {
			given: []domain.UpdateDashboard{change(north, accounts(south)), change(east, accounts(west))},
			when:  change(north, accounts(south, east), unlink),
			code:  domain.CodeUnprocessable, fields: []string{"sub_account_ids[1]"},
		},
		"of a dashboard that is not there yet": {
			when: change(north, accounts(south), unlink), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[0]"},
		},
	})
}

// Rules 3 and 7: dashboards that leave keep their settings. The others take the primary's or the
// given ones.
func TestRule3SplitKeepsSettings(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.given(t, change(north, accounts(south, east), allow(true), scopes("reports")))
	before := w.dashboards[east]
	w.poc[east] = []string{eva}
	w.given(t, change(north, accounts(south), unlink, allow(false), scopes("posts")))

	require.True(t, w.dashboards[east].AllowClientDashboard)
	require.Equal(t, []string{"reports"}, w.dashboards[east].Scopes)
	require.Equal(t, before.MainPOC, w.dashboards[east].MainPOC)
	require.Equal(t, before.DocumentID, w.dashboards[east].DocumentID)
	require.Equal(t, before.CreatedAt, w.dashboards[east].CreatedAt)
	require.False(t, w.dashboards[south].AllowClientDashboard)
	require.Equal(t, []string{"posts"}, w.dashboards[south].Scopes)
}

// Rule 5, unlinking: each side loses the other's users. Users of the agency stay on both.
func TestRule5Split(t *testing.T) {
	t.Parallel()
	everyone := []string{staff, nina, sam, eva}
	given := []domain.UpdateDashboard{change(north, accounts(south, east), users(everyone...))}
	run(t, map[string]scenario{
		"one leaves": {
			given: given, when: change(north, accounts(south), unlink), event: unlinked,
			docs: with(same(pair, staff, nina, sam), map[string]doc{east: alone(east, staff, eva)}),
			lost: []string{nina, sam, eva},
		},
		"all part: those that leave are separated from each other too": {
			given: given, when: change(north, accounts(), unlink), event: unlinked,
			docs: map[string]doc{north: alone(north, staff, nina), south: alone(south, staff, sam), east: alone(east, staff, eva)},
			lost: []string{nina, sam, eva},
		},
		"users given go to what stays; what leaves keeps its own": {
			given: given, when: change(north, accounts(south), unlink, users(sam)), event: unlinked,
			docs: with(same(pair, sam), map[string]doc{east: alone(east, staff, eva)}),
			lost: []string{staff, nina, sam, eva},
		},
		"naming a user of what leaves": {
			given: given, when: change(north, accounts(south), unlink, users(nina, eva, staff)),
			code: domain.CodeUnprocessable, fields: []string{"users[1]"},
		},
		"naming a user of what is not linked is no split": {
			given: given, when: change(north, accounts(south), unlink, users(nina, wes)), event: unlinked,
			docs: with(same(pair, nina, wes), map[string]doc{east: alone(east, staff, eva)}),
			lost: []string{staff, nina, sam, eva},
		},
		"a user of an account outside of the old set stays on both sides": {
			given: []domain.UpdateDashboard{change(north, accounts(south), users(wes, sam))},
			when:  change(north, accounts(), unlink), event: unlinked,
			docs: map[string]doc{north: alone(north, wes), south: alone(south, sam, wes)}, lost: []string{sam},
		},
		"without lost access there is no notice": {
			given: []domain.UpdateDashboard{change(north, accounts(south), users(staff))},
			when:  change(north, accounts(), unlink), event: unlinked,
			docs: map[string]doc{north: alone(north, staff), south: alone(south, staff)},
		},
	})
}

// An agency's first GET creates the dashboard with the defaults, once.
func TestOpenDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld()
	event, err := domain.OpenDashboard(w.facts(south, nil, nil), south)
	require.NoError(t, err)
	require.Equal(t, opened, event.EventType())
	require.Empty(t, event.Change().LostAccess)
	w.fold(t, event)
	id, at := domain.NewDashboardID(agency, south), day0.Add(time.Minute)
	require.Equal(t, map[string]domain.Dashboard{south: {
		DocumentID: id, ID: id, SubAccountID: south, ParentAccount: agency, SubAccountIDs: []string{south}, Users: []string{},
		MainPOC: []string{pocSouth}, Scopes: defaultScopes, CreatedAt: at, UpdatedAt: at, Version: 1,
	}}, w.dashboards)
	for _, id := range []string{otherAccount, nobody, agency} {
		_, err := domain.OpenDashboard(newWorld().facts(id, nil, nil), id)
		require.ErrorIs(t, err, domain.ErrDashboardNotFound)
	}
}

// The id of a dashboard is derived from its owner, so a repeated or replayed creation gives the
// same id.
func TestNewDashboardID(t *testing.T) {
	t.Parallel()
	id := domain.NewDashboardID(agency, north)
	require.Equal(t, "c00a2d778bc01809a031f7ad", id, "frozen: it is what the log holds")
	require.NotEqual(t, id, domain.NewDashboardID(otherAgency, north))
	require.NotEqual(t, id, domain.NewDashboardID(agency, south))
}
