package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// quantities are the numbers and instants of the answers under /api/ that no old path has: each has one name, and each name means
// one of them. A new member finds its quantity here, or adds it; a unit stands at the end of the name.
var quantities = map[string]string{
	// Figures.
	"followers": "people who follow", "followers_change": "followers gained", "likes": "likes", "comments": "comments", "shares": "shares", "views": "views",
	"engagement_rate_pct": "engagement by reach or followers", "impressions": "times shown", "clicks": "clicks", "reach": "people reached", "engagement": "interactions", "posts": "posts published",
	"social_accounts": "connected profiles and pages", "listed_users": "users on the list of a dashboard", "users_count": "users there are", "dashboards_count": "dashboards there are", "records": "records that a checkpoint covers",
	"saves": "times kept", "avg_watch_ms": "average length of a view",
	// Ids.
	"id": "the entity itself", "row_id": "account, by number", "p_id": "platform, by number", "a_type": "type of a LinkedIn account", "c_id": "category",
	"member_id": "member", "social_account_id": "connected profile or page", "connection_id": "authorisation",
	// Instants.
	"from": "start of a range", "to": "end of a range", "captured_at": "reading at the platform", "published_at": "publication", "created_at": "making",
	"updated_at": "last change; of figures, the newest reading behind them", "time": "event", "last_read_at": "newest reading of an account", "last_posts_at": "newest reading of its posts",
	"retry_at": "next try", "next_due": "next reading", "expires_at": "end of a token", "refresh_expires_at": "end of a refresh token", "sign_in_before": "last moment for a sign-in", "data_access_expires_at": "end of Meta's data for a token", "calls_a_day": "calls that readings cost", "token_stored_at": "arrival of a token",
	"until": "as of", "requested_at": "request", "started_at": "start", "finished_at": "finish", "scheduled_at": "schedule",
	"live_at": "going live", "retired_at": "retirement", "revoked_at": "taking back of a link", "works_until": "end of a link", "signed_in_at": "sign-in", "last_login": "newest sign-in of a user", "seen_at": "last request", "ends_at": "end of a session", "since": "start of a pause", "at": "check of tables",
	"event_time": "newest event folded", "recorded_at": "oldest reading behind figures", "progressed_at": "last batch",
	// Durations and sizes.
	"expires_in_seconds": "life of a ticket", "elapsed_seconds": "time since the start", "eta_seconds": "time to the end", "lag_seconds": "time behind",
	"bytes": "size",
	// The log and what folds it.
	"partition": "partition", "offset": "place of a record", "start_offset": "first place", "next_offset": "next place",
	"end_offset": "place behind the last", "version": "version", "generation": "generation", "events_done": "events folded in bulk",
	"events_total": "events to fold in bulk", "events_per_second": "speed of folding", "lag_events": "events not folded yet", "line": "line of a request", "taken": "lines taken", "unchanged": "lines that tell nothing new", "refused": "lines refused", "parked": "events parked",
	"behind": "events that wait behind one", "stale": "events folded in vain", "folded": "events folded by hand",
	"count": "events concerned", "left": "events tried in vain", "attempt": "tries", "failures": "tries that failed in a row",
	"leader": "broker that leads", "replicas": "brokers with a copy", "in_sync_replicas": "brokers with a whole copy",
}

// units are what ends the name of a number of that kind.
var units = map[string][]string{
	"_minor": {"price", "cost", "amount", "revenue", "spend", "fee"},
	"_pct":   {"pct", "percent", "rate", "ratio"},
}

func TestEachQuantityHasOneName(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(raw, &doc))
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	added, old := map[string]bool{}, map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		reached := old
		if strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/api/projects/") {
			reached = added
		}
		for _, operation := range operationsOf(item) {
			answers := operation.(map[string]any)["responses"].(map[string]any)
			reach(answers["200"], components, reached)
		}
	}
	used := map[string]bool{}
	for component := range added {
		if old[component] {
			continue
		}
		properties, _ := components[component].(map[string]any)["properties"].(map[string]any)
		for member, schema := range properties {
			if !isQuantity(schema.(map[string]any)) {
				continue
			}
			used[member] = true
			require.Contains(t, quantities, member, "%s.%s: use the name that the quantity has elsewhere, or say what it is", component, member)
			for unit, kinds := range units {
				for word := range strings.SplitSeq(member, "_") {
					if slices.Contains(kinds, word) {
						require.True(t, strings.HasSuffix(member, unit), "%s.%s: end it with its unit, %s", component, member, unit)
					}
				}
			}
		}
	}
	named := map[string]string{}
	for member := range used {
		require.Empty(t, named[quantities[member]], "%s and %s are one quantity", member, named[quantities[member]])
		named[quantities[member]] = member
	}
	require.Greater(t, len(used), 60)
}

// reach adds the components that a part of the document refers to.
func reach(part any, components map[string]any, reached map[string]bool) {
	switch part := part.(type) {
	case map[string]any:
		if ref, ok := part["$ref"].(string); ok {
			name, isSchema := strings.CutPrefix(ref, "#/components/schemas/")
			if isSchema && !reached[name] {
				reached[name] = true
				reach(components[name], components, reached)
			}
		}
		for value := range maps.Values(part) {
			reach(value, components, reached)
		}
	case []any:
		for _, value := range part {
			reach(value, components, reached)
		}
	}
}

func isQuantity(schema map[string]any) bool {
	types, several := schema["type"].([]any)
	if !several {
		types = []any{schema["type"]}
	}
	return slices.Contains(types, any("integer")) || slices.Contains(types, any("number")) || schema["format"] == "date-time"
}
