package domain_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// GDPR: topic `dashboards` is kept for ever and its records cannot be changed, so nothing that says who
// someone is may enter it. Every member that an event on it can have stands here; one that is added must
// be looked at, and hold ids, scopes or flags only.
func TestDashboardEventsHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"primary", "linked", "users", "allow_client_dashboard", "scopes", "main_poc", "main_poc.*", "split", "split.sub_account_id",
		"split.users", "created", "created.*", "lost_access",
		"dashboards", "dashboards._id", "dashboards.sub_account_id", "dashboards.sub_account_ids", "dashboards.users", "dashboards.main_poc",
		"dashboards.allow_client_dashboard", "dashboards.scopes", "dashboards.created_at", "dashboards.updated_at",
	}
	registry := domain.NewRegistry()
	met := map[string]bool{}
	types := 0
	for _, eventType := range registry.Types() {
		if !strings.HasPrefix(eventType, "dashboard.") {
			continue
		}
		types++
		for name, raw := range samplesOf(t, eventType) {
			data, err := registry.Decode(eventType, raw)
			require.NoError(t, err)
			event, ok := data.(domain.DashboardEvent)
			require.True(t, ok)
			encoded, err := json.Marshal(event)
			require.NoError(t, err)
			var members map[string]any
			require.NoError(t, json.Unmarshal(encoded, &members))
			for _, path := range membersOf("", members) {
				met[path] = true
				require.Contains(t, allowed, path, "%s: may this stay in the log for ever? Names, e-mails and phones may not", name)
			}
			requireIDs(t, event.Change())
			if imported, ok := data.(domain.DashboardsImported); ok {
				for _, d := range imported.Dashboards {
					requireIDs(t, domain.DashboardChange{
						Primary: d.SubAccountID, Linked: d.SubAccountIDs, Users: d.Users, LostAccess: append(d.MainPOC, d.DocumentID),
					})
				}
			}
		}
	}
	require.Equal(t, 6, types)
	require.Len(t, met, len(allowed), "the samples fill every member, so that one that holds more would be seen")
}

// requireIDs: whatever names a person or an account is an id of 24 hex digits.
func requireIDs(t *testing.T, c domain.DashboardChange) {
	t.Helper()
	ids := slices.Concat([]string{c.Primary}, c.Linked, c.Users, c.LostAccess)
	for account, poc := range c.MainPOC {
		ids = append(append(ids, account), poc...)
	}
	for account, document := range c.Created {
		ids = append(ids, account, document)
	}
	for _, s := range c.Split {
		ids = append(append(ids, s.SubAccountID), s.Users...)
	}
	for _, id := range ids {
		_, ok := domain.HexID(id)
		require.True(t, ok, "%q is not an id", id)
	}
}

// membersOf are the paths of all members; keys that are ids count as "*".
func membersOf(prefix string, members map[string]any) (paths []string) {
	for name, value := range members {
		if _, isID := domain.HexID(name); isID {
			name = "*"
		}
		paths = append(paths, prefix+name)
		switch v := value.(type) {
		case map[string]any:
			paths = append(paths, membersOf(prefix+name+".", v)...)
		case []any:
			for _, item := range v {
				if object, ok := item.(map[string]any); ok {
					paths = append(paths, membersOf(prefix+name+".", object)...)
				}
			}
		}
	}
	return paths
}

// Records about readings and erasures name persons by ids too, for the same reason.
func TestAuditEventsHoldNoNames(t *testing.T) {
	t.Parallel()
	registry := domain.NewRegistry()
	for eventType, allowed := range map[string][]string{
		"audit.read.v1": {
			"what", "dashboard", "as_of_version", "filter", "filter.types", "filter.actor", "filter.user", "filter.account", "filter.at",
			"filter.from", "filter.to", "filter.order", "filter.limit", "filter.cursor", "filter.by_name",
		},
		"audit.exported.v1": {
			"format", "what", "dashboard", "as_of_version", "filter", "filter.types", "filter.actor", "filter.user", "filter.account", "filter.at",
			"filter.from", "filter.to", "filter.order", "filter.limit", "filter.cursor", "filter.by_name",
		},
		"operations.person_erased.v1": {
			"user", "members", "sessions", "connections", "profiles", "pages", "social_accounts", "contents", "accounts", "accounts.social_account_id", "accounts.account_id", "accounts.p_id",
			"order", "order.by", "order.ground", "order.due", "order.reason", "order.reason.code", "order.reason.ticket",
		},
	} {
		require.True(t, registry.Knows(eventType))
		for _, raw := range samplesOf(t, eventType) {
			var members map[string]any
			require.NoError(t, json.Unmarshal(raw, &members))
			require.Subset(t, allowed, membersOf("", members))
		}
	}
}

func TestAuditEventsAreValidated(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.AuditRead{What: domain.AuditDiff}.Validate())
	require.Error(t, domain.AuditRead{What: "everything"}.Validate())
	require.NoError(t, domain.AuditExported{Format: "csv"}.Validate())
	require.Error(t, domain.AuditExported{Format: "xls"}.Validate())
	require.Error(t, domain.AuditRead{What: domain.AuditDiff, Dashboard: strings.Repeat("x", 300)}.Validate())
}

func TestDifferenceBetween(t *testing.T) {
	t.Parallel()
	was := domain.Dashboard{
		SubAccountID: north, SubAccountIDs: []string{north, south}, Users: []string{nina, sam}, Scopes: []string{"a", "b"},
		MainPOC: []string{pocNorth}, AllowClientDashboard: true,
	}
	is := domain.Dashboard{
		SubAccountID: north, SubAccountIDs: []string{north, east}, Users: []string{nina, eva}, Scopes: []string{"b", "c"}, MainPOC: []string{pocSouth},
	}
	require.Equal(t, domain.DashboardDifference{
		Linked: []string{east}, Unlinked: []string{south}, UsersAdded: []string{eva}, UsersRemoved: []string{sam},
		ScopesAdded: []string{"c"}, ScopesRemoved: []string{"a"}, MainPOCAdded: []string{pocSouth}, MainPOCRemoved: []string{pocNorth},
		AllowClientChanged: true,
	}, domain.DifferenceBetween(&was, is))
	none := []string{}
	require.Equal(t, domain.DashboardDifference{
		Linked: none, Unlinked: none, UsersAdded: none, UsersRemoved: none, ScopesAdded: none, ScopesRemoved: none, MainPOCAdded: none, MainPOCRemoved: none,
	}, domain.DifferenceBetween(&was, was))
	created := domain.DifferenceBetween(nil, is)
	require.True(t, created.Created)
	require.Equal(t, []string{east}, created.Linked, "a dashboard is not linked with itself")
	require.Equal(t, is.Users, created.UsersAdded)
	require.False(t, created.AllowClientChanged)
	require.Equal(t, []string{nina, sam}, was.Users, "nothing is changed in place")
}

func TestPersonErased(t *testing.T) {
	t.Parallel()
	p := domain.Person{
		User: nina, Sessions: []string{"a", "b"}, Members: []int64{7}, Profiles: []int64{1},
		Connections: []domain.PersonConnection{{ID: 70, SecretRef: "c"}, {ID: 71}},
		Pages:       []domain.DirectorySocialAccount{{ID: 2, Name: "a name"}},
	}
	require.Equal(t, []string{"c"}, p.SecretRefs())
	require.Equal(t, domain.PersonErased{
		User: nina, Members: []int64{7}, Sessions: 2, Connections: []int64{70, 71}, Profiles: []int64{1}, Pages: []int64{2},
	}, p.Erased())
}
