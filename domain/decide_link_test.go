package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

var (
	pair = []string{north, south}
	trio = []string{north, south, east}
	all4 = []string{north, south, east, west}
)

// Rule 2: linking unites the sets of the primary and of every requested account.
func TestRule2Linking(t *testing.T) {
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
func TestRule4UserMerging(t *testing.T) {
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
func TestRule5UsersGiven(t *testing.T) {
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
func TestRule6PointsOfContact(t *testing.T) {
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
func TestRule7Settings(t *testing.T) {
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
func TestEventNames(t *testing.T) {
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
