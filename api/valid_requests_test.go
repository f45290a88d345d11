package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// All parameters of a request at once: what is refused then is what the document says in its text, because no form can say it.
func TestValidRequestsAreRefusedForWhatNoFormSays(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	asked, taken := 0, 0
	for _, op := range reads(t) {
		if op.Method != http.MethodGet {
			continue
		}
		described := list(doc["paths"].(map[string]any)[documented(op.Pattern)].(map[string]any)["get"].(map[string]any)["parameters"])
		for seed := range 6 {
			address, query := op.Pattern, url.Values{}
			for i, p := range described {
				name, in := p["name"].(string), p["in"].(string)
				switch value := drawn(t, schemaOf(p, components), seed+i); {
				case in == "path":
					address = strings.ReplaceAll(address, "{"+name+"}", url.PathEscape(value))
				case in == "query" && (p["required"] == true || (seed+i)%3 == 0):
					query.Set(name, value)
				}
			}
			answer := b.get(address+"?"+query.Encode(), b.tokenOf(roleFor(op)))
			if asked++; answer.status != http.StatusBadRequest {
				taken++
				continue
			}
			for _, e := range answer.failure(t).Errors {
				requireUnsaid(t, doc, e.Detail, address+"?"+query.Encode())
			}
		}
	}
	require.Greater(t, asked, 300)
	require.Greater(t, taken, asked/3)
}

// unsaid is what no form says: how a refusal of it begins, and what the text of the document says of it.
var unsaid = map[string]string{
	"does not lie before":      "a range begins before it ends",
	"lies after to":            "a range begins before it ends",
	"lies more than 1096 days": "at most 1,096 days",
	"stands beside":            "at excludes version, from and to",
	"has not come yet":         "a moment of the history has come",
	"is of JSON":               "meta is of JSON and table of CSV",
	"is not a cursor of":       "a cursor is one that a page of the same list gave",
}

// requireUnsaid requires that a refusal is one of those that the text of the document announces.
func requireUnsaid(t *testing.T, doc map[string]any, detail, address string) {
	t.Helper()
	for begins, said := range unsaid {
		if strings.HasPrefix(detail, begins) {
			text := strings.Join(strings.Fields(doc["info"].(map[string]any)["description"].(string)), " ")
			require.Contains(t, text, said)
			return
		}
	}
	require.Fail(t, "the document allows what is refused", "%s: %s", address, detail)
}

func schemaOf(parameter, components map[string]any) map[string]any {
	schema := parameter["schema"].(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		return components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	return schema
}

// drawn is a value that a schema allows.
func drawn(t *testing.T, schema map[string]any, seed int) string {
	t.Helper()
	if words, ok := schema["enum"].([]any); ok {
		return fmt.Sprint(words[seed%len(words)])
	}
	if schema["type"] == "integer" {
		least, most := schema["minimum"].(float64), schema["maximum"].(float64)
		return fmt.Sprint([]int64{int64(least), int64(most), int64(least) + 1, int64(most/2) + 1}[seed%4])
	}
	pattern, ok := schema["pattern"].(string)
	require.True(t, ok, "a parameter without a form: %v", schema)
	value := rapid.StringMatching(pattern).Example(seed + 1)
	if most, ok := schema["maxLength"].(float64); ok {
		value = string([]rune(value)[:min(len([]rune(value)), int(most))])
	}
	return value
}
