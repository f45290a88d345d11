package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The API document says of every parameter what it takes: values made of its patterns, bounds and words are never called
// malformed.
func TestValuesOfTheDocumentAreTaken(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	components := doc["components"].(map[string]any)["schemas"].(map[string]any)
	asked := 0
	for _, op := range reads(t) {
		if op.Method != http.MethodGet {
			continue
		}
		described := doc["paths"].(map[string]any)[documented(op.Pattern)].(map[string]any)["get"].(map[string]any)
		for _, p := range list(described["parameters"]) {
			name, in := p["name"].(string), p["in"].(string)
			if in == "header" {
				continue
			}
			schema := schemaOf(p, components)
			for seed := range 2 {
				value := drawn(t, schema, seed)
				address := addressOf(op, name, value)
				answer := b.get(address, b.tokenOf(roleFor(op)))
				asked++
				if answer.status != http.StatusBadRequest {
					continue
				}
				for _, e := range answer.failure(t).Errors {
					requireUnsaid(t, doc, e.Detail, address)
				}
			}
		}
	}
	require.Greater(t, asked, 400)
}

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

// What the old description of numbers allowed and the service refuses is no value of the document any more.
func TestPatternsRefuseWhatTheServiceRefuses(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	doc := b.document()
	patternOf := func(path, name string) *regexp.Regexp {
		for _, p := range list(doc["paths"].(map[string]any)[documented(path)].(map[string]any)["get"].(map[string]any)["parameters"]) {
			if p["name"] == name {
				return regexp.MustCompile(p["schema"].(map[string]any)["pattern"].(string))
			}
		}
		require.Fail(t, "no such parameter", "%s %s", path, name)
		return nil
	}
	category, times := patternOf("/api/activities", "cId"), patternOf("/api/activities", "startTime")
	accounts := patternOf("/api/activities", "account")
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	member := func(body, name string) map[string]any {
		return schemas[body].(map[string]any)["properties"].(map[string]any)[name].(map[string]any)
	}
	name := regexp.MustCompile(member("NewUserBody", "name")["pattern"].(string))
	linked := regexp.MustCompile(member("UpdateBody", "sub_account_ids")["items"].(map[string]any)["pattern"].(string))
	pattern := func(body, name string) *regexp.Regexp {
		return regexp.MustCompile(member(body, name)["pattern"].(string))
	}
	phone, user, token := pattern("NewUserBody", "phone"), pattern("RegistrationBody", "user"), pattern("TokensBody", "access_token")
	page, to := pattern("RegistrationBody", "external_id"), pattern("ConnectBody", "return_to")
	scope := regexp.MustCompile(member("UpdateBody", "scopes")["items"].(map[string]any)["pattern"].(string))
	for value, of := range map[string]*regexp.Regexp{
		"": name, "\u00a0 ": name, "a\nb": name, "no id": linked, "1\n2": phone, "nobody": user, "two words": token, "urn:li:": page, "//evil.example": to,
		"no/slash": to, "/a b": to, "/%": to, "Posts": scope, "a b": scope, strings.Repeat("s", 65): scope,
		"01": category, "-1": category, "2026-02-30": times, "2025-02-29": times, "2026-01-01T10:00:00": times, "20260101": times, "soon": times,
		"2026-13-01": times, "11,": accounts, "0": accounts, "11,x": accounts,
	} {
		require.NotRegexp(t, of, value)
	}
	for value, of := range map[string]*regexp.Regexp{
		"Jonas Weber": name, "Ä": name, client2: linked, "+49 30 1234": phone, bob: user, "EAAB0|x.y-z_": token, "urn:li:organization:7": page,
		"/console/clients?from=a%20b#top": to, "https://app.example.com:8443": to, "/": to, "analytics": scope, "a_b.c-d": scope,
		"0": category, "all": category, "12": category, "2024-02-29": times, "2026-12-31": times, "2026-01-01T10:00:00Z": times,
		"2026-01-01T10:00:00.5+02:00": times, "1767225600": times, "1767225600000": times, "11," + client1: accounts,
	} {
		require.Regexp(t, of, value)
	}
}
