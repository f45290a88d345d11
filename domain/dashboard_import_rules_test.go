package domain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

const elsewhere = "ff0000000000000000000009"

// old returns a legacy document that was changed the given number of hours after the first day.
func old(account string, hours int, linked ...string) domain.ImportedDashboard {
	return domain.ImportedDashboard{
		DocumentID: "d0c" + account[:21], SubAccountID: account, SubAccountIDs: append([]string{account}, linked...),
		Users: []string{}, MainPOC: []string{}, Scopes: []string{"analytics"},
		CreatedAt: day0, UpdatedAt: day0.Add(time.Duration(hours) * time.Hour),
	}
}

func importFacts() domain.ImportFacts {
	return domain.ImportFacts{
		ParentAccount: agency,
		Accounts:      map[string]bool{north: true, south: true, east: true, west: true},
		UserAccounts:  map[string]string{nina: north, sam: south, eva: east, pocNorth: agency},
		Present:       map[string]domain.PresentDashboard{},
		Now:           day0.Add(1000 * time.Hour),
	}
}

// planned returns the dashboards of a plan, by account.
func planned(plan domain.ImportPlan) map[string]domain.ImportedDashboard {
	dashboards := map[string]domain.ImportedDashboard{}
	for _, d := range slices.Concat(plan.Sets...) {
		dashboards[d.SubAccountID] = d
	}
	return dashboards
}

// setsOf returns the linked sets of a plan, by account.
func setsOf(plan domain.ImportPlan) map[string][]string {
	sets := map[string][]string{}
	for account, d := range planned(plan) {
		sets[account] = d.SubAccountIDs
	}
	return sets
}

func notesOf(notes []domain.ImportNote) (lines []string) {
	for _, n := range notes {
		lines = append(lines, strings.Join([]string{n.SubAccountID[:2], n.Field, n.ID, n.Reason}, "|"))
	}
	return lines
}

// The numbered rules, one by one.
func TestPlanImportRepairsLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		documents []domain.ImportedDashboard
		want      map[string][]string
		repairs   int
	}{
		"a sound pair stays": {
			[]domain.ImportedDashboard{old(north, 1, south), old(south, 1, north)},
			map[string][]string{north: pair, south: pair},
			0,
		},
		"a link that one side names is taken away": {
			[]domain.ImportedDashboard{old(north, 1, south), old(south, 2)},
			map[string][]string{north: {north}, south: {south}},
			1,
		},
		"an account in two sets stays in the one changed last": {
			[]domain.ImportedDashboard{old(north, 1, south), old(south, 2, north, east), old(east, 3, south)},
			map[string][]string{north: {north}, south: sorted(south, east), east: sorted(south, east)},
			2,
		},
		"a chain never becomes a circle": { // north—south—east, where north and east never saw each other
			[]domain.ImportedDashboard{old(north, 3, south), old(south, 2, north, east), old(east, 1, south)},
			map[string][]string{north: pair, south: pair, east: {east}},
			2,
		},
		"accounts of others and accounts without a dashboard": {
			[]domain.ImportedDashboard{old(north, 1, elsewhere, west)},
			map[string][]string{north: {north}},
			2,
		},
		"a set that does not hold itself": {
			[]domain.ImportedDashboard{{DocumentID: "d0c", SubAccountID: north, UpdatedAt: day0}},
			map[string][]string{north: {north}},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := domain.PlanImport(importFacts(), c.documents)
			require.Equal(t, c.want, setsOf(plan))
			require.Len(t, plan.Repairs, c.repairs, "%v", notesOf(plan.Repairs))
			slices.Reverse(c.documents)
			require.Equal(t, plan, domain.PlanImport(importFacts(), c.documents), "whatever the order of the file")
		})
	}
}

func TestPlanImportRefusesAndRepairs(t *testing.T) {
	t.Parallel()
	late := old(west, 2000)
	first, second := old(east, 1), old(east, 2)
	first.DocumentID = "aaaaaaaaaaaaaaaaaaaaaaaa"
	broken := old(north, 1, south)
	broken.Users, broken.MainPOC, broken.Scopes = []string{nina, sam, nina, elsewhere}, []string{pocNorth, elsewhere}, []string{"analytics", "Not One"}
	plan := domain.PlanImport(importFacts(), []domain.ImportedDashboard{old(elsewhere, 1), old(agency, 1), late, first, second, broken, old(south, 1)})
	require.Equal(t, []string{
		"aa||" + old(agency, 1).DocumentID + "|is the agency's own account, which has no dashboard",
		east[:2] + "||aaaaaaaaaaaaaaaaaaaaaaaa|has another document that was changed later or at the same time",
		west[:2] + "||" + late.DocumentID + "|has a creation or change time in the future",
		"ff||" + old(elsewhere, 1).DocumentID + "|is not an account of agency " + agency,
	}, sorted(notesOf(plan.Refused)...))
	repaired := planned(plan)[north]
	require.Equal(t, []string{nina}, repaired.Users, "users of a client that is no longer linked are removed")
	require.Equal(t, []string{pocNorth}, repaired.MainPOC)
	require.Equal(t, []string{"analytics"}, repaired.Scopes)
	require.Len(t, plan.Repairs, 5)
}

// Rule 5, and repeated imports.
func TestPlanImportKeepsExistingDashboards(t *testing.T) {
	t.Parallel()
	documents := []domain.ImportedDashboard{old(north, 1, south, west), old(south, 1, north), old(east, 1)}
	facts := importFacts()
	first := domain.PlanImport(facts, documents)
	require.Len(t, first.Sets, 2)
	appended := presentAfter(t, facts, first)

	facts.Present = appended
	again := domain.PlanImport(facts, documents)
	require.Empty(t, again.Sets, "the same import twice appends nothing")
	require.Equal(t, 3, again.Unchanged)
	require.Equal(t, first.Repairs, again.Repairs, "and tells the same")

	changed := appended[south]
	changed.Users = []string{sam}
	facts.Present = map[string]domain.PresentDashboard{south: changed}
	half := domain.PlanImport(facts, documents)
	require.Equal(t, map[string][]string{north: {north}, east: {east}}, setsOf(half), "a dashboard that was changed here keeps its links")
	require.Len(t, half.Kept, 1)
	require.Equal(t, south, half.Kept[0].SubAccountID)
	require.Contains(t, strings.Join(notesOf(half.Repairs), "\n"), "that the import does not change")

	facts.Present = map[string]domain.PresentDashboard{south: {Dashboard: domain.Dashboard{SubAccountID: south}, OnlyOpened: true}}
	require.Equal(t, setsOf(first), setsOf(domain.PlanImport(facts, documents)), "one that was only opened makes room")
}

// presentAfter folds a plan as the projection does.
func presentAfter(t require.TestingT, f domain.ImportFacts, plan domain.ImportPlan) map[string]domain.PresentDashboard {
	present := map[string]domain.PresentDashboard{}
	dashboards := map[string]domain.Dashboard{}
	for id, p := range f.Present {
		present[id], dashboards[id] = p, p.Dashboard
	}
	for i, together := range plan.Sets {
		event := domain.DashboardsImported{Dashboards: together}
		require.NoError(t, event.Validate())
		revisions, err := event.Change().Fold(f.ParentAccount, int64(i+1), f.Now, dashboards)
		require.NoError(t, err)
		for _, r := range revisions {
			present[r.After.SubAccountID] = domain.PresentDashboard{Dashboard: r.After}
		}
	}
	return present
}

// A dashboard is imported with its own id and times, even over one that was only opened.
func TestImportedDashboardKeepsIDAndTimes(t *testing.T) {
	t.Parallel()
	opened := domain.Dashboard{DocumentID: "new", ID: "new", SubAccountID: north, ParentAccount: agency, CreatedAt: day0.Add(time.Hour)}
	event := domain.DashboardsImported{Dashboards: []domain.ImportedDashboard{old(north, 5)}}
	revisions, err := event.Change().Fold(agency, 3, day0.Add(time.Hour*900), map[string]domain.Dashboard{north: opened})
	require.NoError(t, err)
	was := old(north, 5)
	require.Equal(t, []domain.DashboardRevision{{Before: &opened, After: domain.Dashboard{
		DocumentID: was.DocumentID, ID: was.DocumentID, SubAccountID: north, ParentAccount: agency, SubAccountIDs: []string{north},
		Users: []string{}, MainPOC: []string{}, Scopes: was.Scopes, CreatedAt: day0, UpdatedAt: day0.Add(5 * time.Hour), Version: 3,
	}}}, revisions)
	require.Equal(t, []string{north}, event.Change().AffectedAccounts())
}

func TestImportedDashboardsEventIsValidated(t *testing.T) {
	t.Parallel()
	with := func(change func(*domain.ImportedDashboard)) domain.DashboardsImported {
		d := old(north, 1)
		change(&d)
		return domain.DashboardsImported{Dashboards: []domain.ImportedDashboard{d}}
	}
	require.NoError(t, with(func(*domain.ImportedDashboard) {}).Validate())
	for name, event := range map[string]domain.DashboardsImported{
		"nothing":             {},
		"an invalid id":       with(func(d *domain.ImportedDashboard) { d.DocumentID = "x" }),
		"not in its own set":  with(func(d *domain.ImportedDashboard) { d.SubAccountIDs = []string{south} }),
		"a set of its own":    with(func(d *domain.ImportedDashboard) { d.SubAccountIDs = []string{north, south} }),
		"a time out of reach": with(func(d *domain.ImportedDashboard) { d.UpdatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"an endless name":     with(func(d *domain.ImportedDashboard) { d.Users = []string{strings.Repeat("u", 300)} }),
		"twice":               {Dashboards: []domain.ImportedDashboard{old(north, 1), old(north, 2)}},
	} {
		require.Error(t, event.Validate(), name)
	}
}

// Whatever the old links were: sets are consistent, no link or user is added, and a repetition does
// nothing.
func TestPlanImportAddsNoLinkOrUser(t *testing.T) {
	t.Parallel()
	accounts := []string{north, south, east, west}
	people := []string{nina, sam, eva, elsewhere, pocNorth}
	rapid.Check(t, func(t *rapid.T) {
		var documents []domain.ImportedDashboard
		before := map[string]domain.ImportedDashboard{}
		for _, id := range accounts {
			if rapid.IntRange(0, 4).Draw(t, "missing") == 0 {
				continue
			}
			d := old(id, rapid.IntRange(0, 3).Draw(t, "hours"))
			d.SubAccountIDs = rapid.SliceOfN(rapid.SampledFrom(append(accounts, elsewhere)), 0, 4).Draw(t, "linked")
			d.Users = rapid.SliceOfN(rapid.SampledFrom(people), 0, 4).Draw(t, "users")
			documents, before[id] = append(documents, d), d
		}
		facts := importFacts()
		plan := domain.PlanImport(facts, documents)
		require.Len(t, setsOf(plan), len(documents))
		for id, linked := range setsOf(plan) {
			require.Contains(t, linked, id)
			for _, other := range linked {
				require.Equal(t, linked, setsOf(plan)[other])
				if other != id {
					require.Contains(t, before[id].SubAccountIDs, other, "a link that was not there")
				}
			}
		}
		for account, d := range planned(plan) {
			require.Subset(t, before[account].Users, d.Users)
		}
		facts.Present = presentAfter(t, facts, plan)
		again := domain.PlanImport(facts, documents)
		require.Empty(t, again.Sets)
		require.Equal(t, plan.Repairs, again.Repairs)
		require.Equal(t, len(documents), again.Unchanged)
	})
}

func sorted(ids ...string) []string { slices.Sort(ids); return ids }
