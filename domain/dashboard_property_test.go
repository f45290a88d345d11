package domain_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// Every change of random histories does what [world.model] says and keeps the invariants.
func TestRandomHistoriesKeepTheInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first, second := newWorld(), newWorld()
		first.accounts["c50000000000000000000000"] = true
		first.users["d11000000000000000000000"] = north
		first.users["5b0000000000000000000000"] = agency
		second.agency = otherAgency
		second.accounts = map[string]bool{otherAccount: true, "cb1000000000000000000000": true, "cb2000000000000000000000": true}
		second.users = map[string]string{otherUser: otherAccount, "db1000000000000000000000": "cb1000000000000000000000", "5c0000000000000000000000": otherAgency}
		second.poc = map[string][]string{}
		worlds := [2]*world{first, second}
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			n := rapid.IntRange(0, 1).Draw(t, "agency")
			w, other := worlds[n], worlds[1-n]
			untouched := snapshot(other.dashboards)
			if rapid.IntRange(0, 9).Draw(t, "orders change") == 0 {
				account := rapid.SampledFrom(keys(w.accounts)).Draw(t, "buyer")
				w.poc[account] = rapid.SliceOfN(rapid.SampledFrom(keys(w.users)), 0, 2).Draw(t, "assigned")
			}
			if rapid.IntRange(0, 5).Draw(t, "open") == 0 {
				w.stepOpen(t)
			} else {
				w.stepUpdate(t, other)
			}
			checkInvariants(t, w, other)
			require.Equal(t, untouched, snapshot(other.dashboards), "nothing of one agency ever in another's")
		}
		for _, w := range worlds {
			checkFoldFromZero(t, w)
		}
	})
}

func (w *world) stepOpen(t *rapid.T) {
	account := rapid.SampledFrom(keys(w.accounts)).Draw(t, "opened")
	event, err := domain.OpenDashboard(w.facts(account, nil, nil), account)
	require.NoError(t, err)
	_, existed := w.dashboards[account]
	require.Equal(t, existed, event == nil)
	before := snapshot(w.dashboards)
	w.fold(t, event)
	if !existed {
		before[account] = w.dashboards[account]
	}
	require.Equal(t, before, w.dashboards, "opening touches no other dashboard")
}

// drawUpdate draws a PUT; sometimes it names ids of the other agency or unknown ids.
func (w *world) drawUpdate(t *rapid.T, other *world) domain.UpdateDashboard {
	named := func(own, foreign []string) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if rapid.IntRange(0, 40).Draw(t, "foreign") == 0 {
				return rapid.SampledFrom(append(foreign, nobody)).Draw(t, "id")
			}
			return rapid.SampledFrom(own).Draw(t, "id")
		})
	}
	account := named(keys(w.accounts), append(keys(other.accounts), w.agency))
	c := domain.UpdateDashboard{Primary: account.Draw(t, "primary"), Unlink: rapid.Bool().Draw(t, "unlink")}
	if rapid.IntRange(0, 2).Draw(t, "accounts given") > 0 {
		from := account
		if present := w.dashboards[c.Primary].SubAccountIDs; c.Unlink && len(present) > 0 {
			from = rapid.SampledFrom(present) // else an unlink would almost never be accepted
		}
		c.SubAccountIDs = list(rapid.SliceOfN(from, 0, 3).Draw(t, "accounts"))
	}
	if rapid.IntRange(0, 2).Draw(t, "users given") == 0 {
		c.Users = list(rapid.SliceOfN(named(keys(w.users), keys(other.users)), 0, 4).Draw(t, "users"))
	}
	if rapid.IntRange(0, 3).Draw(t, "allow given") == 0 {
		c.AllowClientDashboard = new(rapid.Bool().Draw(t, "allow"))
	}
	if rapid.IntRange(0, 3).Draw(t, "scopes given") == 0 {
		c.Scopes = list(rapid.SliceOfN(rapid.SampledFrom([]string{"posts", "reports", "a.b"}), 0, 2).Draw(t, "scopes"))
	}
	return c
}

func (w *world) stepUpdate(t *rapid.T, other *world) {
	c := w.drawUpdate(t, other)
	facts := w.factsFor(c)
	shown := w.factsFor(c)
	event, err := domain.DecideUpdate(facts, c)
	require.Equal(t, shown, facts, "a decision changes no fact")

	wanted, wantLost, refusal := w.model(c)
	if refusal != "" {
		require.Nil(t, event)
		require.Equal(t, refusal, domain.CodeOf(err), "%v", err)
		return
	}
	require.NoError(t, err)
	before := snapshot(w.dashboards)
	w.fold(t, event)
	require.Equal(t, wanted, contents(w.dashboards))
	require.Equal(t, event == nil, reflect.DeepEqual(contents(before), wanted), "no change, no record; and the other way round")
	if event == nil {
		return
	}
	require.Equal(t, wantLost, event.Change().LostAccess)
	for id, d := range w.dashboards {
		changed := !reflect.DeepEqual(contents(before)[id], contents(w.dashboards)[id])
		require.Equal(t, changed, d.Version == int64(len(w.events)), "the ETag of %s moves exactly when it changed", id)
	}
}

// checkInvariants checks the invariants that always hold.
func checkInvariants(t *rapid.T, w, other *world) {
	for id, d := range w.dashboards {
		require.Contains(t, d.SubAccountIDs, id, "every member's set holds itself")
		for _, member := range d.SubAccountIDs {
			require.Equal(t, d.SubAccountIDs, w.dashboards[member].SubAccountIDs, "linked sets are equivalence classes")
			require.Equal(t, d.Users, w.dashboards[member].Users, "linked dashboards share one list")
			require.Equal(t, d.Scopes, w.dashboards[member].Scopes)
			require.Equal(t, d.AllowClientDashboard, w.dashboards[member].AllowClientDashboard)
			require.True(t, w.accounts[member])
		}
		for _, user := range d.Users {
			require.Contains(t, w.users, user)
			require.NotContains(t, other.users, user)
		}
		for _, set := range [][]string{d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes} {
			require.NotNil(t, set)
			require.True(t, slices.IsSorted(set))
			require.Len(t, slices.Compact(slices.Clone(set)), len(set))
		}
		require.Equal(t, w.agency, d.ParentAccount)
		require.Equal(t, domain.NewDashboardID(w.agency, id), d.DocumentID)
		require.Equal(t, d.DocumentID, d.ID)
	}
	if len(w.events) > 0 {
		checkSeparation(t, w)
	}
}

// checkSeparation: no user left by a split on a list of a client it was separated from by that
// change.
func checkSeparation(t *rapid.T, w *world) {
	last := w.events[len(w.events)-1].Change()
	if len(last.Split) == 0 {
		return
	}
	for _, id := range last.AffectedAccounts() {
		for _, user := range w.dashboards[id].Users {
			home := w.users[user]
			if slices.Contains(last.AffectedAccounts(), home) {
				require.Contains(t, w.dashboards[id].SubAccountIDs, home, "user %s stayed on a list it was separated from", user)
			}
		}
	}
}

// checkFoldFromZero: the events as they are written and read back give the same dashboards.
func checkFoldFromZero(t *rapid.T, w *world) {
	registry := domain.NewRegistry()
	again := &world{agency: w.agency, dashboards: map[string]domain.Dashboard{}}
	for _, event := range w.events {
		raw, err := json.Marshal(event)
		require.NoError(t, err)
		data, err := registry.Decode(event.EventType(), raw)
		require.NoError(t, err)
		require.NotEmpty(t, again.fold(t, data.(domain.DashboardEvent)), "a record that changes nothing")
	}
	require.Equal(t, w.dashboards, again.dashboards)
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func snapshot(dashboards map[string]domain.Dashboard) map[string]domain.Dashboard {
	out := map[string]domain.Dashboard{}
	for id, d := range dashboards {
		out[id] = clone(d)
	}
	return out
}

// model applies the rules one by one, independently of the code under test. lost holds the users
// without access after the change.
func (w *world) model(c domain.UpdateDashboard) (after map[string]doc, lost []string, refusal domain.Code) {
	if c.Primary == w.agency {
		return nil, nil, domain.CodeForbidden // rule 1
	}
	if !w.accounts[c.Primary] {
		return nil, nil, domain.CodeNotFound // rule 10
	}
	if slices.ContainsFunc(idsOf(c.SubAccountIDs), func(id string) bool { return !w.accounts[id] }) ||
		slices.ContainsFunc(idsOf(c.Users), func(id string) bool { return w.users[id] == "" }) {
		return nil, nil, domain.CodeUnprocessable // rule 10
	}
	before := contents(w.dashboards)
	stays, leaves, ok := w.modelSets(c)
	if !ok {
		return nil, nil, domain.CodeUnprocessable // rule 3
	}
	old := union(stays, leaves)
	given := idsOf(c.Users)
	for _, user := range given {
		if slices.Contains(leaves, w.users[user]) {
			return nil, nil, domain.CodeUnprocessable // rule 5
		}
	}

	after = contents(w.dashboards)
	primary := w.modelDoc(c.Primary)
	if c.AllowClientDashboard != nil {
		primary.allow = *c.AllowClientDashboard
	}
	if c.Scopes != nil {
		primary.scopes = union(*c.Scopes)
	}
	list := union(given)
	if c.Users == nil { // rule 4, less the users of what leaves (rule 5)
		for _, id := range stays {
			list = union(list, w.modelDoc(id).users)
		}
		list = minus(list, func(user string) bool { return slices.Contains(leaves, w.users[user]) })
	}
	for _, id := range stays { // rules 6 and 7
		after[id] = doc{linked: stays, users: list, poc: union(w.poc[id]), scopes: primary.scopes, allow: primary.allow}
	}
	for _, id := range leaves { // rules 3 and 5
		d := after[id]
		d.linked = []string{id}
		d.users = minus(d.users, func(user string) bool {
			home := w.users[user]
			return home != id && slices.Contains(old, home)
		})
		after[id] = d
	}
	for id, d := range before {
		lost = append(lost, minus(d.users, func(user string) bool { return slices.Contains(after[id].users, user) })...)
	}
	if lost = union(lost); len(lost) == 0 {
		lost = nil
	}
	return after, lost, ""
}

// modelSets applies rules 2 and 3.
func (w *world) modelSets(c domain.UpdateDashboard) (stays, leaves []string, ok bool) {
	present := w.modelDoc(c.Primary).linked
	switch {
	case c.SubAccountIDs == nil:
		return present, nil, true
	case c.Unlink:
		stays = union(*c.SubAccountIDs, []string{c.Primary})
		for _, id := range stays {
			if !slices.Contains(present, id) {
				return nil, nil, false
			}
		}
		return stays, minus(present, func(id string) bool { return slices.Contains(stays, id) }), true
	default:
		stays = present
		for _, id := range *c.SubAccountIDs {
			stays = union(stays, w.modelDoc(id).linked)
		}
		return stays, nil, true
	}
}

// modelDoc returns the current dashboard, or the one that a GET would create.
func (w *world) modelDoc(id string) doc {
	if d, ok := contents(w.dashboards)[id]; ok {
		return d
	}
	return doc{linked: []string{id}, users: []string{}, scopes: union(w.scopes)}
}

// contents returns the dashboards without their versions.
func contents(dashboards map[string]domain.Dashboard) map[string]doc {
	docs := map[string]doc{}
	for id, d := range dashboards {
		docs[id] = doc{linked: d.SubAccountIDs, users: d.Users, poc: d.MainPOC, scopes: d.Scopes, allow: d.AllowClientDashboard}
	}
	return docs
}

func union(lists ...[]string) []string {
	out := append([]string{}, slices.Concat(lists...)...)
	slices.Sort(out)
	return slices.Compact(out)
}

func minus(list []string, drop func(string) bool) []string {
	return slices.DeleteFunc(append([]string{}, list...), drop)
}

// Random histories cover the rest of fold.
func TestDashboardFoldRefusesInvalidChange(t *testing.T) {
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
