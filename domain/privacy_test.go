package domain_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The topics dashboards, metrics and operations are kept forever, so no personal data may enter
// them: texts of posts are on topic contents and names on topic directory, where they can be
// erased. This list contains every member that can hold text: ids, scopes, and names of figures,
// kinds, reasons, facets and places.
func TestPermanentEventsContainNoPersonalText(t *testing.T) {
	t.Parallel()
	change := []string{
		"primary", "linked", "users", "scopes", "main_poc.*", "main_poc.*", "split.sub_account_id", "split.users", "created.*", "created.*", "lost_access",
	}
	tenant := []string{"parent_account", "account_id"}
	filter := []string{
		"what", "dashboard", "filter.types", "filter.actor", "filter.user", "filter.account", "filter.at", "filter.from", "filter.to", "filter.order", "filter.cursor",
	}
	want := map[string][]string{
		"dashboard.opened.v1": change, "dashboard.accounts_linked.v1": change, "dashboard.accounts_unlinked.v1": change,
		"dashboard.users_changed.v1": change, "dashboard.settings_changed.v1": change,
		"dashboard.imported.v1": {
			"dashboards._id", "dashboards.sub_account_id", "dashboards.sub_account_ids", "dashboards.users", "dashboards.main_poc", "dashboards.scopes",
		},
		"metrics.account_erased.v1":   tenant,
		"metrics.import_withdrawn.v1": {"import"}, // an id
		"metrics.post_read.v1":        append([]string{"external_id", "missing.name", "missing.code", "growth_window"}, tenant...),
		"metrics.post_registered.v1":  append([]string{"external_id", "origin", "post_type"}, tenant...),
		"metrics.posts_merged.v1":     append([]string{"external_id", "other_id"}, tenant...),
		"metrics.account_read.v1": append([]string{
			"figures.name", "figures.kind", "figures.source", "figures.day", "figures.window", "missing.name", "missing.code",
			// our sentence: TestPlatformErrorMessagesAreDeletedAfter30Days
			"demographics.facet", "demographics.values.*", "demographics.names.*", "demographics.names.*", // places and their names
		}, tenant...),
		"audit.read.v1":     filter,
		"audit.exported.v1": append([]string{"format"}, filter...),
		"operations.person_erased.v1": {
			"user", "accounts.account_id", "order.by", "order.ground", "order.due", "order.reason.code", "order.reason.ticket",
			"via", "claimed_name",
		},
	}
	want["dashboard.event_skipped.v1"] = []string{"reason.code", "reason.ticket"}
	registry := domain.NewRegistry()
	for _, eventType := range registry.Types() {
		topic, _, _ := strings.Cut(eventType, ".")
		members, listed := want[eventType]
		if !listed {
			require.NotContains(t, []string{"dashboard", "metrics", "audit"}, topic, eventType)
			continue
		}
		delete(want, eventType)
		for _, raw := range samplesOf(t, eventType) {
			data, err := registry.Decode(eventType, raw)
			require.NoError(t, err)
			require.ElementsMatch(t, members, wordsOf("", reflect.TypeOf(data)),
				"%s: may this stay in the log for ever? Texts, names and addresses may not", eventType)
		}
	}
	require.Empty(t, want)
}

// wordsOf returns the members of a payload's type that can hold text.
func wordsOf(path string, of reflect.Type) (members []string) {
	switch {
	case of == reflect.TypeFor[time.Time]():
	case of.Kind() == reflect.String:
		members = append(members, path)
	case of.Kind() == reflect.Pointer, of.Kind() == reflect.Slice:
		members = wordsOf(path, of.Elem())
	case of.Kind() == reflect.Map:
		members = append(wordsOf(path+".*", of.Key()), wordsOf(path+".*", of.Elem())...)
	case of.Kind() == reflect.Struct:
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case !field.IsExported(): // no part of the payload
			case field.Anonymous && name == "":
				members = append(members, wordsOf(path, field.Type)...)
			case name != "-":
				members = append(members, wordsOf(strings.TrimPrefix(path+"."+name, "."), field.Type)...)
			}
		}
	}
	return members
}

func TestErasureOrderIsValidated(t *testing.T) {
	t.Parallel()
	good := domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonCustomerRequest}}
	require.NoError(t, good.Validate())
	for want, change := range map[string]func(*domain.ErasureOrder){
		"cannot order an erasure": func(o *domain.ErasureOrder) { o.By = "somebody" },
		"not a ground":            func(o *domain.ErasureOrder) { o.Ground = "" },
		"not a date":              func(o *domain.ErasureOrder) { o.Due = "2026-02-30" },
		`reason "" is unknown`:    func(o *domain.ErasureOrder) { o.Reason.Code = "" },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, bad.Validate(), want)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(bad.Validate()))
		require.Error(t, domain.PersonErased{Order: bad}.Validate())
	}
	require.NoError(t, domain.PersonErased{}.Validate(), "old records have no order")
}

func TestAuditEventsAreValidated(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.AuditRead{What: domain.AuditDiff}.Validate())
	require.NoError(t, domain.AuditExported{Format: "csv"}.Validate())
	require.Error(t, domain.AuditExported{Format: "csv", Dashboard: strings.Repeat("x", 300)}.Validate())
	require.Error(t, domain.AuditRead{What: domain.AuditDiff, Dashboard: strings.Repeat("x", 300)}.Validate())
}

func TestDashboardDifference(t *testing.T) {
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

func TestPersonErasedListsErasedIDs(t *testing.T) {
	t.Parallel()
	p := domain.Person{
		User: nina, Sessions: []string{"a", "b"}, Members: []int64{7}, Profiles: []int64{1},
		Connections: []domain.PersonConnection{{ID: 70, SecretRef: "c"}, {ID: 71}},
		Pages:       []domain.DirectorySocialAccount{{ID: 2, Name: "a name"}},
	}
	require.Equal(t, []string{"c"}, domain.SecretRefs(p.Connections))
	require.Equal(t, domain.PersonErased{
		User: nina, Members: []int64{7}, Sessions: 2, Connections: []int64{70, 71}, Profiles: []int64{1}, Pages: []int64{2},
	}, p.Erased())
}
