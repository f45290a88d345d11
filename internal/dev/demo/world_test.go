package demo_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

func TestSameConfigSameWorld(t *testing.T) {
	t.Parallel()
	a, b := world(), world()
	require.Equal(t, slices.Collect(a.Drafts()), slices.Collect(b.Drafts()))
	require.Equal(t, a.Changes(), b.Changes())
	require.Equal(t, a.IDs(), b.IDs())
	require.Equal(t, a.Secrets(), b.Secrets())

	other := demo.New(demo.Config{Seed: seed + 1, Anchor: anchor})
	require.NotEqual(t, a.IDs().ParentAccount, other.IDs().ParentAccount)
	require.NotEqual(t, a.IDs().Posts, other.IDs().Posts)
}

// TestDirectoryHasTheInterestingCases: the demo is there to show them.
func TestDirectoryHasTheInterestingCases(t *testing.T) {
	t.Parallel()
	w := world()
	has := func(what string, found bool) {
		t.Helper()
		require.True(t, found, what)
	}
	users := entities[domain.DirectoryUser](w)
	has("inactive user", slices.ContainsFunc(users, func(u domain.DirectoryUser) bool { return !u.Active }))
	has("pending reset", slices.ContainsFunc(users, func(u domain.DirectoryUser) bool { return u.Active && u.ResetPending }))
	signedIn := map[string]bool{}
	for _, s := range entities[domain.DirectorySession](w) {
		signedIn[s.UserID] = true
	}
	has("never signed in", slices.ContainsFunc(users, func(u domain.DirectoryUser) bool { return !signedIn[u.ID] }))

	orders := entities[domain.DirectoryOrder](w)
	for _, product := range append(demo.ManagedSubscriptions(), "logo_design") {
		has(product, slices.ContainsFunc(orders, func(o domain.DirectoryOrder) bool { return o.ProductType == product }))
	}
	uncounted := map[string]bool{}
	for _, o := range orders {
		for _, u := range o.AssignedUsers {
			uncounted[u] = uncounted[u] || slices.Contains([]string{"site", "listings", "logo_design"}, o.ProductType)
		}
	}
	for _, o := range orders {
		if !slices.Contains([]string{"site", "listings", "logo_design"}, o.ProductType) {
			for _, u := range o.AssignedUsers {
				require.False(t, uncounted[u], "who is assigned to orders that do not count shows a wrong point of contact at once")
			}
		}
	}
	subscriptions := entities[domain.DirectorySubscription](w)
	has("price", slices.ContainsFunc(subscriptions, func(s domain.DirectorySubscription) bool { return s.PriceMinor != nil && s.Currency != "" }))
	has("no price", slices.ContainsFunc(subscriptions, func(s domain.DirectorySubscription) bool { return s.PriceMinor == nil }))
	active := map[string]bool{}
	for _, s := range subscriptions {
		active[s.AccountID] = active[s.AccountID] || s.EndsAt == nil
	}
	require.NotContains(t, active, w.IDs().ParentAccount, "it would count for all clients")
	lapsed := slices.DeleteFunc(w.IDs().SubAccounts, func(id string) bool { return active[id] })
	require.Len(t, lapsed, 1)
	planned := entities[domain.DirectoryPlannedPost](w)
	has("planned and published", slices.ContainsFunc(planned, func(p domain.DirectoryPlannedPost) bool { return p.ExternalID != "" }))
	has("yet to come", slices.ContainsFunc(planned, func(p domain.DirectoryPlannedPost) bool { return p.ExternalID == "" && p.ScheduledAt.After(anchor) }))
}

var address = regexp.MustCompile(`[\w.+-]+@([\w.-]+)`)

// TestNamesNothingReal: mail sent to a demo's people must reach nobody.
func TestNamesNothingReal(t *testing.T) {
	t.Parallel()
	for _, e := range world().Entities() {
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		for _, found := range address.FindAllStringSubmatch(string(raw), -1) {
			host := found[1]
			require.True(t, strings.HasSuffix(host, ".example.com") || strings.HasSuffix(host, ".example.org"), "address %s", found[0])
		}
	}
}
