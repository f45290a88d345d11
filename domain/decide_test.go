package domain_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	pair = []string{north, south}
	trio = []string{north, south, east}
	all4 = []string{north, south, east, west}
)

// Rule 2: linking unites the sets of the primary and of every requested account.
func TestRule2LinkingUnitesSets(t *testing.T) {
	t.Parallel()
	run(t, map[string]scenario{
		"two that have no dashboard yet": {
			when: change(north, accounts(south)), event: linked, docs: same(pair),
		},
		"the primary need not be named, and may be": {
			when: change(north, accounts(south, north, south)), event: linked, docs: same(pair),
		},
		"the sets of all that are requested come along": {
			given: []domain.UpdateDashboard{change(north, accounts(south)), change(east, accounts(west))},
			when:  change(north, accounts(east)), event: linked, docs: same(all4),
		},
		"the set of the primary comes along too": {
			given: []domain.UpdateDashboard{change(north, accounts(south))},
			when:  change(south, accounts(east)), event: linked, docs: same(trio),
		},
		"a requested account without a dashboard is linked, not dropped": {
			given: []domain.UpdateDashboard{change(north, users(nina))},
			when:  change(north, accounts(east)), event: linked, docs: same([]string{north, east}, nina),
		},
		"absent: the present set": {
			given: []domain.UpdateDashboard{change(north, accounts(south))},
			when:  change(north, users(staff)), event: usersSet, docs: same(pair, staff),
		},
		"without unlink nothing is unlinked: []": {
			given: []domain.UpdateDashboard{change(north, accounts(south))},
			when:  change(north, accounts(), users(staff)), event: usersSet, docs: same(pair, staff),
		},
		"without unlink nothing is unlinked: a part": {
			given: []domain.UpdateDashboard{change(north, accounts(south, east))},
			when:  change(north, accounts(south)),
		},
	})
}

// Rule 4: without users in the request, linked dashboards share the union of all their lists.
func TestRule4LinkedDashboardsShareAllUsers(t *testing.T) {
	t.Parallel()
	separate := []domain.UpdateDashboard{change(north, users(nina, staff)), change(south, users(sam, staff)), change(east, users(eva))}
	run(t, map[string]scenario{
		"linking merges": {
			given: separate, when: change(north, accounts(south)),
			event: linked, docs: same(pair, staff, nina, sam),
		},
		"of the sets that come along too": {
			given: append(separate[:3:3], change(south, accounts(east))),
			when:  change(north, accounts(south)), event: linked, docs: same(trio, staff, nina, sam, eva),
		},
		"one account alone keeps its list": {
			given: separate, when: change(north, allow(true)),
			event: settings, docs: map[string]doc{north: func() doc { d := alone(north, staff, nina); d.allow = true; return d }()},
		},
	})
}

// Rule 5: given users become the list of every linked dashboard. Users who are on no list lost
// access.
func TestRule5GivenUsersReplaceEveryLinkedList(t *testing.T) {
	t.Parallel()
	run(t, map[string]scenario{
		"replace the list of every linked dashboard": {
			given: []domain.UpdateDashboard{change(north, accounts(south), users(nina, sam))},
			when:  change(south, users(sam, staff)), event: usersSet, docs: same(pair, staff, sam), lost: []string{nina},
		},
		"[] empties the lists": {
			given: []domain.UpdateDashboard{change(north, accounts(south), users(nina, sam))},
			when:  change(north, users()), event: usersSet, docs: same(pair), lost: []string{nina, sam},
		},
		"and link: who was on a list that joins loses it too": {
			given: []domain.UpdateDashboard{change(north, users(nina)), change(south, users(sam))},
			when:  change(north, accounts(south), users(nina)), event: linked, docs: same(pair, nina), lost: []string{sam},
		},
		"given twice count once": {
			when: change(north, users(nina, nina)), event: usersSet, docs: map[string]doc{north: alone(north, nina)},
		},
		"losing the allow flag or a scope is no lost access": {
			given: []domain.UpdateDashboard{change(north, users(nina), allow(true))},
			when:  change(north, allow(false), scopes()), event: settings,
			docs: map[string]doc{north: {linked: []string{north}, users: []string{nina}, poc: pocOf(north), scopes: []string{}}},
		},
		"moving within the set is no lost access": {
			given: []domain.UpdateDashboard{change(north, users(nina)), change(south, users(sam))},
			when:  change(north, accounts(south)), event: linked, docs: same(pair, nina, sam),
		},
	})
}

// Rule 6: each linked account's points of contact come from its own orders, at every change.
func TestRule6PointsOfContactComeFromOwnOrders(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.given(t, change(north, accounts(south, east)))
	require.Equal(t, []string{pocNorth}, w.dashboards[north].MainPOC)
	require.Equal(t, []string{pocSouth}, w.dashboards[south].MainPOC, "not overwritten with the primary's")
	require.Empty(t, w.dashboards[east].MainPOC)

	w.poc = map[string][]string{south: {staff, pocSouth, staff}, east: {eva}}
	w.given(t, change(north, allow(true)))
	require.Empty(t, w.dashboards[north].MainPOC)
	require.Equal(t, []string{staff, pocSouth}, w.dashboards[south].MainPOC, "distinct, in order")
	require.Equal(t, []string{eva}, w.dashboards[east].MainPOC)

	w.poc = map[string][]string{north: {pocNorth}}
	event, err := w.decide(change(east))
	require.NoError(t, err)
	require.Equal(t, settings, event.EventType(), "changed orders alone are a change")
}

// Rule 7: absent settings keep the primary's value; the final values go to every linked dashboard.
func TestRule7SettingsApplyToLinkedDashboards(t *testing.T) {
	t.Parallel()
	northSet := []domain.UpdateDashboard{change(north, allow(true), scopes("reports")), change(south, scopes("posts"))}
	setTo := func(set []string, allow bool, scopes ...string) map[string]doc {
		docs := same(set)
		for id, d := range docs {
			d.allow, d.scopes = allow, scopes
			docs[id] = d
		}
		return docs
	}
	run(t, map[string]scenario{
		"absent: the primary's, not the others'": {
			given: northSet, when: change(north, accounts(south)), event: linked, docs: setTo(pair, true, "reports"),
		},
		"absent, from the other side": {
			given: northSet, when: change(south, accounts(north)), event: linked, docs: setTo(pair, false, "posts"),
		},
		"given: to every linked dashboard": {
			given: append(northSet[:2:2], change(north, accounts(south))),
			when:  change(south, allow(false), scopes("b", "a", "b")), event: settings, docs: setTo(pair, false, "a", "b"),
		},
		"a new primary takes the defaults, whatever it is linked with": {
			given: northSet, when: change(east, accounts(north)), event: linked,
			docs: setTo([]string{north, east}, false, "analytics", "posts"),
		},
		"a new dashboard that joins takes the primary's": {
			given: northSet, when: change(north, accounts(east)), event: linked, docs: setTo([]string{north, east}, true, "reports"),
		},
		"a PUT without a body creates what a GET would": {
			when: change(north), event: settings, docs: map[string]doc{north: alone(north)},
		},
		"scopes may be none": {
			when: change(north, scopes()), event: settings,
			docs: map[string]doc{north: {linked: []string{north}, users: []string{}, poc: pocOf(north), scopes: []string{}}},
		},
	})
}

// Rule 8: a change without an effect appends no record, whatever its order and repetitions.
func TestRule8NoChangeNoRecord(t *testing.T) {
	t.Parallel()
	given := []domain.UpdateDashboard{change(north, accounts(south), users(nina, sam), allow(true), scopes("a", "b"))}
	run(t, map[string]scenario{
		"an empty body":               {given: given, when: change(north)},
		"the same body":               {given: given, when: given[0]},
		"the same sets, in disorder":  {given: given, when: change(south, accounts(south, north, south), users(sam, nina, sam), scopes("b", "a", "b"), allow(true))},
		"unlink with the whole set":   {given: given, when: change(north, accounts(south), unlink)},
		"unlink without accounts":     {given: given, when: change(north, unlink)},
		"unlink of one that is alone": {given: []domain.UpdateDashboard{change(east, users(eva))}, when: change(east, accounts(), unlink)},
		"the other side of the set":   {given: given, when: change(south)},
	})
}

// A change with several effects is named after the first that applies.
func TestChangeIsNamedAfterItsFirstEffect(t *testing.T) {
	t.Parallel()
	given := []domain.UpdateDashboard{change(north, accounts(south), users(nina, sam))}
	for name, c := range map[string]struct {
		change domain.UpdateDashboard
		want   string
	}{
		"unlinks, users, settings": {change(north, accounts(), unlink, users(nina), allow(true)), unlinked},
		"links, users, settings":   {change(north, accounts(east), users(nina), allow(true)), linked},
		"users, settings":          {change(north, users(nina), allow(true)), usersSet},
		"settings":                 {change(north, allow(true)), settings},
	} {
		w := newWorld()
		w.given(t, given...)
		event, err := w.decide(c.change)
		require.NoError(t, err, name)
		require.Equal(t, c.want, event.EventType(), name)
	}
}

// Rule 3: unlinking keeps exactly the request and the primary. Accounts that leave are unlinked.
func TestRule3UnlinkingKeepsOnlyRequestedAccounts(t *testing.T) {
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
func TestRule5UnlinkingRemovesUsersOfOtherSide(t *testing.T) {
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
func TestOpenDashboardCreatesItOnceWithDefaults(t *testing.T) {
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
func TestDashboardIDIsDerivedFromOwner(t *testing.T) {
	t.Parallel()
	id := domain.NewDashboardID(agency, north)
	require.Equal(t, "c00a2d778bc01809a031f7ad", id, "frozen: it is what the log holds")
	require.NotEqual(t, id, domain.NewDashboardID(otherAgency, north))
	require.NotEqual(t, id, domain.NewDashboardID(agency, south))
}

// Rule 1: the main account has no dashboard settings.
func TestRule1MainAccountIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.accounts[agency] = true // even if the directory said so
	for name, c := range map[string]domain.UpdateDashboard{
		"an empty body":   change(agency),
		"a whole body":    change(agency, allow(true), accounts(north), users(staff), scopes("posts")),
		"a failing match": change(agency, ifMatch(7)),
		"a foreign user":  change(agency, users(otherUser)),
	} {
		event, err := w.decide(c)
		require.Nil(t, event, name)
		require.ErrorIs(t, err, domain.ErrMainAccount, name)
		require.EqualError(t, err, "forbidden: You cannot update dashboard settings of main account")
	}
}

// Rule 9: If-Match compares the version of the last record that changed this dashboard.
func TestRule9IfMatchComparesLastVersion(t *testing.T) {
	t.Parallel()
	// north is changed by versions 1 and 3, south by version 2 only.
	given := []domain.UpdateDashboard{
		change(north, users(nina)), change(south, users(sam)), change(north, allow(true)),
	}
	northOpen := alone(north, staff)
	northOpen.allow = true
	run(t, map[string]scenario{
		"the version it has": {
			given: given, when: change(north, users(staff), ifMatch(3)),
			event: usersSet, docs: map[string]doc{north: northOpen}, lost: []string{nina},
		},
		"one of several": {
			given: given, when: change(south, users(staff), ifMatch(9, 2)),
			event: usersSet, docs: map[string]doc{south: alone(south, staff)}, lost: []string{sam},
		},
		"any": {
			given: given, when: change(south, users(staff), ifMatchAny),
			event: usersSet, docs: map[string]doc{south: alone(south, staff)}, lost: []string{sam},
		},
		"an older version of it": {given: given, when: change(north, users(staff), ifMatch(1)), code: domain.CodePreconditionFailed},
		"the stream's version, which did not change it": {
			given: given, when: change(south, users(staff), ifMatch(3)), code: domain.CodePreconditionFailed,
		},
		"an unknown tag":          {given: given, when: change(south, users(staff), ifMatch()), code: domain.CodePreconditionFailed},
		"any, of a missing one":   {given: given, when: change(east, users(staff), ifMatchAny), code: domain.CodePreconditionFailed},
		"0, of a missing one":     {given: given, when: change(east, users(staff), ifMatch(0)), code: domain.CodePreconditionFailed},
		"no change, but no match": {given: given, when: change(south, users(sam), ifMatch(1)), code: domain.CodePreconditionFailed},
		"no change, and a match":  {given: given, when: change(south, users(sam), ifMatch(2))},
	})
}

// Rule 10: a foreign or unknown id is 404 in the path and 422 in the body, without further details.
func TestRule10ForeignIDIs404InPathAnd422InBody(t *testing.T) {
	t.Parallel()
	run(t, map[string]scenario{
		"path: unknown account":       {when: change(nobody), code: domain.CodeNotFound},
		"path: another agency's":      {when: change(otherAccount), code: domain.CodeNotFound},
		"path: another agency":        {when: change(otherAgency), code: domain.CodeNotFound},
		"path before body":            {when: change(nobody, users(otherUser)), code: domain.CodeNotFound},
		"body before If-Match":        {when: change(north, users(otherUser), ifMatch(9)), code: domain.CodeUnprocessable, fields: []string{"users[0]"}},
		"body: the agency itself":     {when: change(north, accounts(agency)), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[0]"}},
		"body: foreign on an unlink":  {when: change(north, accounts(otherAccount), unlink), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[0]"}},
		"body: all offenders at once": {when: change(north, accounts(south, otherAccount, nobody), users(nobody, nina, otherUser), scopes("ok", "Not")), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[1]", "sub_account_ids[2]", "users[0]", "users[2]", "scopes[1]"}},
		"users of any own account and of the agency may be named": {
			when: change(north, users(staff, sam, nina)), event: usersSet, docs: map[string]doc{north: alone(north, staff, nina, sam)},
		},
	})
}

// Rule 10: foreign and unknown ids give the same answer, byte for byte, in the path and in the
// body.
func TestRule10ForeignAndUnknownReadAlike(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, pair := range map[string][2]domain.UpdateDashboard{
		"path":    {change(otherAccount), change(nobody)},
		"account": {change(north, accounts(otherAccount)), change(north, accounts(nobody))},
		"user":    {change(north, users(otherUser)), change(north, users(nobody))},
		"unlink":  {change(north, accounts(otherAccount), unlink), change(north, accounts(nobody), unlink)},
	} {
		_, foreign := w.decide(pair[0])
		_, unknown := w.decide(pair[1])
		require.Error(t, foreign, name)
		require.Equal(t, foreign, unknown, name)
		require.NotContains(t, foreign.Error(), otherAccount, name)
	}
}

// The form of scopes: [a-z][a-z0-9_.-]{0,63}. Their number is bounded. A scope that is named twice
// counts once.
func TestScopeNamesAreValidated(t *testing.T) {
	t.Parallel()
	long := "a23456789012345678901234567890123456789012345678901234567890123"
	for scope, ok := range map[string]bool{
		"a": true, "posts": true, "a.b-c_9": true, long + "4": true,
		long + "45": false, "": false, "A": false, "9a": false, "a b": false, "a\n": false, "ä": false, "-a": false,
	} {
		_, err := newWorld().decide(change(north, scopes(scope)))
		if ok {
			require.NoError(t, err, scope)
			continue
		}
		require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err), scope)
		require.Equal(t, []string{"scopes[0]"}, fieldsOf(err), scope)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("s%d", i)
	}
	_, err := newWorld().decide(change(north, scopes(append(many[:100:100], many[:100]...)...)))
	require.NoError(t, err)
	_, err = newWorld().decide(change(north, scopes(many...)))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
	require.Equal(t, []string{"scopes"}, fieldsOf(err))
}

// An erased person stays on lists by id, and GET returns that id. A list that is sent back with it is
// not refused.
func TestErasedListedUserCanBeSentBack(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.given(t, change(north, users(nina, sam)))
	delete(w.users, sam)
	event, err := w.decide(change(north, users(sam)))
	require.NoError(t, err)
	require.Equal(t, []string{nina}, event.Change().LostAccess)
	_, err = w.decide(change(south, users(sam)))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err), "it is not on this list")
}
