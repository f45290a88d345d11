package domain_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What posts say and where they are shown is on topic contents, which forgets. Of topic metrics, which does not, each member that can hold
// words is listed here: ids, and names of figures, kinds, reasons, facets
// and places.
func TestMetricsEventsHoldNoTexts(t *testing.T) {
	t.Parallel()
	tenant := []string{"parent_account", "account_id"}
	want := map[string][]string{
		"metrics.account_erased.v1":  tenant,
		"metrics.post_read.v1":       append([]string{"external_id", "missing.name", "missing.reason", "missing.detail", "growth_window"}, tenant...),
		"metrics.post_registered.v1": append([]string{"external_id", "origin", "post_type"}, tenant...),
		"metrics.account_read.v1": append([]string{
			"figures.name", "figures.kind", "figures.source", "figures.day", "figures.window", "missing.name", "missing.reason",
			"missing.detail",                                                                              // our sentence: TestWordsOfPlatformsAreKeptFor30Days
			"demographics.facet", "demographics.values.*", "demographics.names.*", "demographics.names.*", // places and their names
		}, tenant...),
	}
	registry := domain.NewRegistry()
	found := map[string][]string{}
	for _, eventType := range registry.Types() {
		if !strings.HasPrefix(eventType, "metrics.") {
			continue
		}
		for _, raw := range samplesOf(t, eventType) {
			data, err := registry.Decode(eventType, raw)
			require.NoError(t, err)
			found[eventType] = wordsOf("", reflect.TypeOf(data))
		}
	}
	require.Len(t, found, len(want))
	for eventType, members := range want {
		require.ElementsMatch(t, members, found[eventType], "%s: may this stay in the log for ever? Texts, names and addresses may not", eventType)
	}
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
			case field.Anonymous && name == "":
				members = append(members, wordsOf(path, field.Type)...)
			case name != "-":
				members = append(members, wordsOf(strings.TrimPrefix(path+"."+name, "."), field.Type)...)
			}
		}
	}
	return members
}
