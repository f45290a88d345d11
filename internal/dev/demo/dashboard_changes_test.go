package demo_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

// factsOf builds the facts of an agency from the entities alone, as the read side would.
func factsOf(w *demo.World, parent string) domain.DashboardFacts {
	f := domain.DashboardFacts{
		ParentAccount: parent, Dashboards: map[string]domain.Dashboard{}, Accounts: map[string]bool{},
		UserAccounts: map[string]string{}, OrderPOC: map[string][]string{},
		Defaults: domain.DashboardDefaults{Scopes: demo.DashboardScopes()},
	}
	for _, a := range entities[domain.DirectoryAccount](w) {
		if a.ParentAccount == parent {
			f.Accounts[a.ID] = true
		}
	}
	for _, u := range entities[domain.DirectoryUser](w) {
		if f.Accounts[u.AccountID] || u.AccountID == parent {
			f.UserAccounts[u.ID] = u.AccountID
		}
	}
	for _, o := range entities[domain.DirectoryOrder](w) {
		counts := slices.Contains(demo.ManagedSubscriptions(), o.ProductType) && o.ProductType != "site" && o.ProductType != "listings"
		if o.Seller == parent && counts {
			f.OrderPOC[o.Buyer] = append(f.OrderPOC[o.Buyer], o.AssignedUsers...)
		}
	}
	return f
}

// played is what the changes of one agency make.
type played struct {
	facts  domain.DashboardFacts
	events []domain.DashboardEvent
}

// play applies the plan as commands do: decide, then fold.
func play(t *testing.T, w *demo.World) map[string]*played {
	t.Helper()
	ids := w.IDs()
	out := map[string]*played{
		ids.ParentAccount:         {facts: factsOf(w, ids.ParentAccount)},
		ids.Foreign.ParentAccount: {facts: factsOf(w, ids.Foreign.ParentAccount)},
	}
	for i, c := range w.Changes() {
		p := out[c.ParentAccount]
		var event domain.DashboardEvent
		var err error
		if c.Update == nil {
			event, err = domain.OpenDashboard(p.facts, c.SubAccount)
		} else {
			require.Equal(t, c.SubAccount, c.Update.Primary)
			event, err = domain.DecideUpdate(p.facts, *c.Update)
		}
		require.NoError(t, err, "change %d", i)
		require.NotNil(t, event, "change %d makes no record", i)
		p.events = append(p.events, event)
		revisions, err := event.Change().Fold(c.ParentAccount, int64(len(p.events)), c.At, p.facts.Dashboards)
		require.NoError(t, err)
		for _, r := range revisions {
			p.facts.Dashboards[r.After.SubAccountID] = r.After
		}
	}
	return out
}

func TestChangesMakeThePromisedState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *demo.World, cfg demo.Config) {
		all := play(t, w)
		ids, people := w.IDs(), w.People()
		ours := all[ids.ParentAccount]
		require.GreaterOrEqual(t, len(ours.events), max(cfg.Changes, 40))
		require.Len(t, ours.facts.Dashboards, 8)
		require.Len(t, all[ids.Foreign.ParentAccount].facts.Dashboards, 2)

		sets := w.LinkedSets()
		require.Len(t, sets, 2)
		require.Len(t, sets[0], 3)
		require.Len(t, sets[1], 2)
		linked := map[string]bool{}
		for _, set := range sets {
			for _, id := range set {
				linked[id] = true
				d := ours.facts.Dashboards[id]
				require.Equal(t, slices.Sorted(slices.Values(set)), d.SubAccountIDs)
				require.True(t, d.AllowClientDashboard)
				require.Contains(t, d.Scopes, "analytics")
				require.True(t, slices.ContainsFunc(d.Users, func(u string) bool { return slices.Contains(set, ours.facts.UserAccounts[u]) }), "a client's user is on the list")
			}
		}
		require.Contains(t, ours.facts.Dashboards[people.Client.AccountID].Users, people.Client.UserID)
		require.True(t, linked[people.Client.AccountID])

		closed, quiet := 0, 0
		for id, d := range ours.facts.Dashboards {
			if !linked[id] {
				require.Equal(t, []string{id}, d.SubAccountIDs)
			}
			if !d.AllowClientDashboard {
				closed++
			} else if !slices.Contains(d.Scopes, "analytics") {
				quiet++
			}
		}
		require.Equal(t, 1, closed)
		require.Equal(t, 1, quiet)
	})
}
