package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The API document says of every parameter what it takes: values made of its patterns, bounds and words are never called
// malformed. Two things no pattern says: that a range begins before it ends, and which cursors there are.
func TestValuesOfTheDocumentAreTaken(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	asked := 0
	for _, op := range reads(t) {
		if op.Method != http.MethodGet || strings.Contains(op.ID, "AtRoot") {
			continue
		}
		described := doc["paths"].(map[string]any)[op.Pattern].(map[string]any)["get"].(map[string]any)
		for _, p := range list(described["parameters"]) {
			name, in := p["name"].(string), p["in"].(string)
			if in == "header" || name == "cursor" {
				continue
			}
			schema := p["schema"].(map[string]any)
			if ref, ok := schema["$ref"].(string); ok {
				schema = components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
			}
			for seed := range 2 {
				value := drawn(t, schema, seed)
				address := addressOf(op, name, value)
				answer := b.get(address, b.tokenOf(roleFor(op)))
				asked++
				if answer.status != http.StatusBadRequest {
					continue
				}
				for _, e := range answer.failure(t).Errors {
					require.Regexp(t, ofTwo, e.Detail, "%s %s=%q", op.Pattern, name, value)
				}
			}
		}
	}
	require.Greater(t, asked, 400)
}

// ofTwo is what is wrong between two parameters, both of which are well-formed: the order and length of a range, and two
// where one of them is needed.
var ofTwo = regexp.MustCompile(`^(does not lie before|lies more than 1096 days|lies in the future|lies after to|stands beside at)`)

// drawn is a value that a schema allows.
func drawn(t *testing.T, schema map[string]any, seed int) string {
	t.Helper()
	if words, ok := schema["enum"].([]any); ok {
		return fmt.Sprint(words[seed%len(words)])
	}
	if schema["type"] == "integer" {
		least, most := schema["minimum"].(float64), schema["maximum"].(float64)
		return fmt.Sprint([]int64{int64(least), int64(most), int64(least) + 1, int64(most/2) + 1}[seed])
	}
	pattern, ok := schema["pattern"].(string)
	require.True(t, ok, "a parameter without a form: %v", schema)
	value := rapid.StringMatching(pattern).Example(seed + 1)
	if most, ok := schema["maxLength"].(float64); ok {
		value = string([]rune(value)[:min(len([]rune(value)), int(most))])
	}
	return value
}

// What the old description of numbers allowed and the service refuses is no value of the document any more.
func TestPatternsRefuseWhatTheServiceRefuses(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	schemaOf := func(path, name string) *regexp.Regexp {
		for _, p := range list(doc["paths"].(map[string]any)[path].(map[string]any)["get"].(map[string]any)["parameters"]) {
			if p["name"] == name {
				return regexp.MustCompile(p["schema"].(map[string]any)["pattern"].(string))
			}
		}
		require.Fail(t, "no such parameter", "%s %s", path, name)
		return nil
	}
	category, times := schemaOf("/api/activities", "cId"), schemaOf("/api/activities", "startTime")
	accounts := schemaOf("/api/activities", "account")
	for value, of := range map[string]*regexp.Regexp{
		"01": category, "-1": category, "2026-02-30": times, "2025-02-29": times, "2026-01-01T10:00:00": times, "20260101": times, "soon": times,
		"2026-13-01": times, "11,": accounts, "0": accounts, "11,x": accounts,
	} {
		require.NotRegexp(t, of, value)
	}
	for value, of := range map[string]*regexp.Regexp{
		"0": category, "all": category, "12": category, "2024-02-29": times, "2026-12-31": times, "2026-01-01T10:00:00Z": times,
		"2026-01-01T10:00:00.5+02:00": times, "1767225600": times, "1767225600000": times, "11," + client1: accounts,
	} {
		require.Regexp(t, of, value)
	}
}
