package domain_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// The topics dashboards, metrics and operations are kept for ever, so nothing that says who someone is may enter them: what posts say is
// on topic contents, names are on topic directory, and both forget. Each member that can hold words is listed here: ids, scopes, and
// names of figures, kinds, reasons, facets and places.
func TestEventsThatAreKeptHoldNoTexts(t *testing.T) {
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
		"metrics.account_erased.v1":  tenant,
		"metrics.post_read.v1":       append([]string{"external_id", "missing.name", "missing.reason", "missing.detail", "growth_window"}, tenant...),
		"metrics.post_registered.v1": append([]string{"external_id", "origin", "post_type"}, tenant...),
		"metrics.account_read.v1": append([]string{
			"figures.name", "figures.kind", "figures.source", "figures.day", "figures.window", "missing.name", "missing.reason",
			"missing.detail",                                                                              // our sentence: TestWordsOfPlatformsAreKeptFor30Days
			"demographics.facet", "demographics.values.*", "demographics.names.*", "demographics.names.*", // places and their names
		}, tenant...),
		"audit.read.v1":     filter,
		"audit.exported.v1": append([]string{"format"}, filter...),
		"operations.person_erased.v1": {
			"user", "accounts.account_id", "order.by", "order.ground", "order.due", "order.reason.code", "order.reason.ticket",
		},
	}
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

// wordsOf are the members of a payload's type that can hold words.
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
