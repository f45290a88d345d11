package demo_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
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

func TestCounts(t *testing.T) {
	t.Parallel()
	w := world()
	ids := w.IDs()
	require.Len(t, ids.SubAccounts, 8)
	require.Len(t, ids.Accounts, 8)
	require.GreaterOrEqual(t, len(ids.Users), 14)
	require.GreaterOrEqual(t, len(ids.SocialAccounts), 24)
	require.GreaterOrEqual(t, len(ids.Posts), 200)
	require.Len(t, ids.Foreign.SubAccounts, 2)
	require.Len(t, ids.Foreign.Users, 3)
	require.Len(t, ids.Foreign.Members, 2)

	perPlatform, linkedIn := map[domain.Platform]int{}, map[domain.AccountType]int{}
	for _, s := range entities[domain.DirectorySocialAccount](w) {
		if s.ParentAccount != ids.ParentAccount {
			continue
		}
		perPlatform[s.Platform]++
		if s.Platform == domain.LinkedIn {
			linkedIn[s.AccountType]++
		}
	}
	require.Equal(t, map[domain.Platform]int{domain.Facebook: 6, domain.Instagram: 6, domain.LinkedIn: 6, domain.TikTok: 6}, perPlatform)
	require.Len(t, linkedIn, 2)
	require.Len(t, entities[domain.DirectorySocialAccount](w), 24+3)
	require.Len(t, w.Secrets(), 24+3)
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

// TestReferencesResolve also proves that each entity comes after those that it names.
func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *demo.World, _ demo.Config) {
		seen := map[string]bool{}
		known := func(kind, id string) {
			t.Helper()
			require.True(t, seen[domain.DirectoryKey(kind, id)], "%s %s is not known yet", kind, id)
		}
		for _, e := range w.Entities() {
			switch e := e.(type) {
			case domain.DirectoryAccount:
				if e.ParentAccount != "" {
					known(domain.KindAccount, e.ParentAccount)
				}
			case domain.DirectoryUser:
				known(domain.KindAccount, e.AccountID)
			case domain.DirectorySession:
				known(domain.KindUser, e.UserID)
			case domain.DirectoryOrder:
				known(domain.KindAccount, e.Buyer)
				known(domain.KindAccount, e.Seller)
				for _, u := range e.AssignedUsers {
					known(domain.KindUser, u)
				}
			case domain.DirectorySubscription:
				known(domain.KindAccount, e.AccountID)
			case domain.DirectoryMember:
				known(domain.KindAccount, e.AccountID)
				if e.UserID != "" {
					known(domain.KindUser, e.UserID)
				}
			case domain.DirectoryConnection:
				known(domain.KindMember, domain.DirectoryMember{ID: e.MemberID}.EntityID())
			case domain.DirectorySocialAccount:
				known(domain.KindAccount, e.AccountID)
				known(domain.KindMember, domain.DirectoryMember{ID: e.MemberID}.EntityID())
				known(domain.KindConnection, domain.DirectoryConnection{ID: e.ConnectionID}.EntityID())
			case domain.DirectoryDefaultAccount:
				known(domain.KindMember, domain.DirectoryMember{ID: e.MemberID}.EntityID())
				known(domain.KindSocialAccount, domain.DirectorySocialAccount{ID: e.SocialAccount}.EntityID())
			case domain.DirectoryPlannedPost:
				known(domain.KindSocialAccount, domain.DirectorySocialAccount{ID: e.SocialAccount}.EntityID())
				known(domain.KindCategory, domain.DirectoryCategory{ID: e.CategoryID}.EntityID())
			case domain.DirectoryCategory:
			default:
				t.Fatalf("unexpected entity %T", e)
			}
			seen[domain.EntityKey(e)] = true
		}
	})
}

// TestSecretsOpenTheSimulator: each connection's tokens are taken for its own account.
func TestSecretsOpenTheSimulator(t *testing.T) {
	t.Parallel()
	w := world()
	s := simulator.New(simulator.Config{Seed: seed})
	require.NoError(t, w.Register(s))
	require.Error(t, w.Register(simulator.New(simulator.Config{Seed: seed + 1})))
	byRef := map[string]demo.Secret{}
	for _, secret := range w.Secrets() {
		byRef[secret.Ref] = secret
	}
	connections := byID[domain.DirectoryConnection](t, w)
	for _, account := range entities[domain.DirectorySocialAccount](w) {
		connection := connections[domain.DirectoryConnection{ID: account.ConnectionID}.EntityID()]
		require.Equal(t, account.MemberID, connection.MemberID)
		secret, ok := byRef[connection.SecretRef]
		require.True(t, ok)
		if !w.LostAt(account.ID).IsZero() {
			require.NotEmpty(t, secret.AccessToken)
			continue
		}
		require.Equal(t, simulator.Tokens{Access: secret.AccessToken, Refresh: secret.RefreshToken}, s.Tokens(account.Platform, account.ExternalID))
	}
}

func TestIDsAreDemoJSON(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(world().IDs())
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(raw, &got))
	names := func(v any) []string {
		object, ok := v.(map[string]any)
		require.True(t, ok)
		var out []string
		for name := range object {
			out = append(out, name)
		}
		return out
	}
	first := func(name string) any {
		list, ok := got[name].([]any)
		require.True(t, ok, name)
		return list[0]
	}
	require.ElementsMatch(t, []string{
		"parent_account", "sub_accounts", "users", "members", "accounts", "social_accounts", "posts", "categories", "foreign",
	}, names(got))
	require.ElementsMatch(t, []string{"id", "account"}, names(first("users")))
	require.ElementsMatch(t, []string{"id", "pId"}, names(first("social_accounts")))
	require.ElementsMatch(t, []string{"parent_account", "sub_accounts", "users", "members"}, names(got["foreign"]))
}

func TestPeople(t *testing.T) {
	t.Parallel()
	w := world()
	people, users := w.People(), byID[domain.DirectoryUser](t, w)
	parent := w.IDs().ParentAccount
	require.Equal(t, demo.Person{UserID: people.Agency.UserID, AccountID: parent, Role: "agency"}, people.Agency)
	require.Equal(t, demo.Person{UserID: people.Client.UserID, AccountID: w.IDs().SubAccounts[0], Role: "client"}, people.Client)
	require.Equal(t, demo.Person{UserID: people.Auditor.UserID, AccountID: parent, Role: "auditor"}, people.Auditor)
	require.Equal(t, demo.Person{UserID: people.Operator.UserID, Role: "operator"}, people.Operator)
	require.NotContains(t, users, people.Operator.UserID, "an operator belongs to no tenant")
	for _, p := range []demo.Person{people.Agency, people.Client, people.Auditor, people.Foreign} {
		require.True(t, users[p.UserID].Active)
		require.Equal(t, p.AccountID, users[p.UserID].AccountID)
	}
	require.True(t, users[people.Agency.UserID].IsOwner)
}

// TestEventID: the form is a UUID, and parts cannot run into each other.
func TestEventID(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, demo.EventID("a", "b"))
	require.NotEqual(t, demo.EventID("a", "bc"), demo.EventID("a", "b", "c"))
	require.NotEqual(t, demo.EventID("ab"), demo.EventID("a", "b"))
}

func TestAnchorIsUTCWholeSeconds(t *testing.T) {
	t.Parallel()
	odd := demo.New(demo.Config{Seed: seed, Anchor: anchor.Add(123 * time.Microsecond).In(time.FixedZone("", 3600))})
	require.Equal(t, world().IDs(), odd.IDs())
}
