package api_test

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// document reads /openapi.json, decoded.
func (b *bundle) document() map[string]any {
	b.t.Helper()
	answer := b.ask(http.MethodGet, "/openapi.json", "").Says(b.t, http.StatusOK)
	require.Equal(b.t, "application/json", answer.Header.Get("Content-Type"))
	return answer.Object(b.t)
}

// setupAll is a server with every route that there can be.
func setupAll(t *testing.T, change ...func(*api.Deps)) *bundle {
	t.Helper()
	b, _ := setupAudit(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.Entities = &directory.Entities{} // described, not asked
		d.Streams = quietHub(t)
		d.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		})
	}}, change...)...)
	return b
}

// What is served is described, and nothing else.
func TestOpenAPIHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	b := setupAll(t)
	doc := b.document()
	paths := doc["paths"].(map[string]any)
	described, ids := 0, map[any]bool{}
	for path, item := range paths {
		for method, operation := range operationsOf(item) {
			described++
			op := operation.(map[string]any)
			require.NotEmpty(t, op["summary"], "%s %s", method, path)
			require.False(t, ids[op["operationId"]], "%s: generated clients have a function for each operation", op["operationId"])
			ids[op["operationId"]] = true
			for _, p := range parametersOf(doc, op) {
				require.NotEmpty(t, p["description"], "parameter %s of %s %s", p["name"], method, path)
			}
		}
	}
	served := map[string]bool{}
	for _, route := range b.server.Routes() {
		item, ok := paths[documented(route.Pattern)].(map[string]any)
		require.True(t, ok, route.Pattern)
		require.Contains(t, item, strings.ToLower(route.Method))
		served[route.Method+" "+documented(route.Pattern)] = true
	}
	require.Len(t, served, described)
}

// documented is the path under which the document has a pattern: without the prefix of the
// analytics, which is a server there.
func documented(pattern string) string {
	return strings.TrimPrefix(strings.TrimSuffix(pattern, "*"), "/auth")
}

// operationsOf are the operations of a path in the document, without its servers.
func operationsOf(item any) map[string]any {
	operations := maps.Clone(item.(map[string]any))
	delete(operations, "servers")
	return operations
}

// The document is valid, also its examples.
func TestOpenAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	raw := setupAll(t).ask(http.MethodGet, "/openapi.json", "").Says(t, http.StatusOK).Body
	require.Less(t, len(raw), 450_000, "bytes of the document: say once what operations share")
	document, err := openapi3.NewLoader().LoadFromData([]byte(raw))
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context(), openapi3.EnableExamplesValidation()))
}

// Generators make a type of each component and a field of each member: names differ without regard to
// case and to characters that a name of Go cannot have, and no member with a type of its own is named
// like its schema, which mypy refuses.
func TestOpenAPINamesAreUniqueForGenerators(t *testing.T) {
	t.Parallel()
	plain := func(name string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) }
	types := map[string]string{}
	doc := setupAll(t).document()
	for section, components := range merged(doc, doc).(map[string]any)["components"].(map[string]any) {
		for name, component := range components.(map[string]any) {
			at := section + "/" + name
			if section != "headers" && section != "responses" && section != "examples" { // no types are made of these
				require.Empty(t, types[plain(name)], at)
				types[plain(name)] = at
			}
			schema := component.(map[string]any)
			members, _ := schema["properties"].(map[string]any)
			fields, renamed := map[string]string{}, schema["x-ogen-properties"]
			for member, of := range members {
				require.False(t, plain(name) == plain(member) && of.(map[string]any)["$ref"] != nil, "%s has a member of its name", at)
				if other := fields[plain(member)]; other != "" {
					require.NotNil(t, renamed, "%s: %s and %s", at, member, other)
				}
				fields[plain(member)] = member
			}
		}
	}
}

// Every member of every answer says what it is: by its field's comment, by its type, or by the
// glossary.
func TestEveryResponseMemberIsDescribed(t *testing.T) {
	t.Parallel()
	doc := setupAll(t).document()
	components := merged(doc, doc).(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	members := map[string]bool{"dashboards": true, "dashboard_preferences": true} // a topic and a table
	for _, component := range components {
		properties, _ := component.(map[string]any)["properties"].(map[string]any)
		for member := range properties {
			members[member] = true
		}
	}
	for name, component := range components {
		properties, _ := component.(map[string]any)["properties"].(map[string]any)
		for member, value := range properties {
			text, _ := value.(map[string]any)["description"].(string)
			if ref, is := value.(map[string]any)["$ref"].(string); is && text == "" {
				text = components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)["description"].(string)
			}
			require.NotEmpty(t, text, "%s.%s: write a comment on its field that says what it is, its unit and kind, and what null means", name, member)
			foreign(t, text, name+"."+member, components)
			for _, quoted := range quotedMember.FindAllStringSubmatch(text, -1) {
				require.True(t, members[quoted[1]], "%s.%s speaks of %s, which no answer has: %s", name, member, quoted[1], text)
			}
		}
		text, _ := component.(map[string]any)["description"].(string)
		require.NotEmpty(t, text, "%s: write the comment of its type", name)
		foreign(t, text, name, components)
	}
}

// quotedMember is a member that a description speaks of; the values of a list stand after a dash.
var quotedMember = regexp.MustCompile("(?:^|[^-] )`(?:meta\\.)?([a-z][a-z_]*)`")

// Who reads the document sees JSON: a name of a Go field or method in it is a riddle.
var goName = regexp.MustCompile(`\b[A-Z][a-z]+(?:[A-Z][a-z]*)+\b`)

func foreign(t *testing.T, text, where string, components map[string]any) {
	t.Helper()
	for _, word := range goName.FindAllString(text, -1) {
		if _, ok := components[word]; ok {
			continue
		}
		require.Contains(t, wordsOfTheDocument, word, "%s: %s", where, text)
	}
}

// wordsOfTheDocument look like names of Go but are not.
var wordsOfTheDocument = []string{"LinkedIn", "TikTok", "EventSource", "AsyncAPI", "OpenAPI", "MiB", "KiB"}

// Each error has an example that is one, and each operation a request that the server takes.
func TestOpenAPIExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	doc := b.document()
	checked := 0
	for name, response := range b.contract.doc.Components.Responses {
		if response.Value.Content["application/problem+json"] == nil { // not an error
			continue
		}
		for media, schema := range map[string]string{"application/json": "ErrorBody", "application/problem+json": "ProblemBody"} {
			for code, example := range response.Value.Content[media].Examples {
				value := example.Value.Value.(map[string]any)
				raw, err := json.Marshal(value)
				require.NoError(t, err)
				require.NoError(t, b.contract.matches(component(schema), raw), name)
				require.Equal(t, code, value["code"])
				checked++
			}
		}
	}
	require.Greater(t, checked, 15)
	for path, item := range doc["paths"].(map[string]any) {
		for method, operation := range operationsOf(item) {
			op := operation.(map[string]any)
			b.requireExample(path, method)
			foreign(t, fmt.Sprint(op["summary"], " ", op["description"]), path, nil)
		}
	}
}

// The page of documentation loads nothing. It shows each operation with its parameters and a request
// that the server takes.
func TestDocsPageSampleRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	shell := regexp.MustCompile(`(?s)^curl( -N| -X (?:PUT|POST|DELETE))?(?: -H "Authorization: Bearer \$TOKEN")?(?: -H "Content-Type: application/(?:json" -d|x-ndjson" --data-binary) '(.*)')? "\$BASE(/[^"]*)"$`)
	answer := b.get("/docs", "").Says(t, http.StatusOK, "<code>granularity</code> (query)").Lacks(t, "<script")
	require.Equal(t, "text/html; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'none'")
	page := answer.Body
	require.NotRegexp(t, `(src|href)="(https?:)?//`, page)
	for _, route := range b.server.Routes() {
		if strings.HasPrefix(route.Pattern, "/auth/") || strings.HasPrefix(route.Pattern, "/api/") {
			require.Contains(t, page, "<code>"+route.Method+" "+route.Pattern+"</code>")
		}
	}
	sent := 0
	for _, op := range api.Operations() {
		if strings.HasPrefix(op.Pattern, "/socket.io/") { // needs a client
			continue
		}
		_, section, found := strings.Cut(page, `<details id="`+op.ID+`">`)
		require.True(t, found, op.ID)
		section, _, _ = strings.Cut(section, "</details>")
		_, sample, _ := strings.Cut(section, "<pre>")
		sample, _, _ = strings.Cut(sample, "</pre>")
		parts := shell.FindStringSubmatch(html.UnescapeString(sample))
		require.NotNil(t, parts, "%s: %s", op.ID, sample)
		if parts[1] == " -N" {
			continue // does not end
		}
		role := api.RoleAgency
		if op.Roles != nil && !slices.Contains(op.Roles, role) {
			role = op.Roles[0]
		}
		headers := []string{"Authorization: Bearer " + b.tokenOf(string(role))}
		if op.BodyMedia != "" {
			headers = append(headers, "Content-Type: "+op.BodyMedia)
		}
		answer := b.ask(op.Method, parts[3], parts[2], headers...)
		taken := []int{http.StatusOK, http.StatusNotFound}
		if strings.Contains(op.Pattern, "connect") { // what no browser holds, and a page that is not connected here
			taken = append(taken, http.StatusForbidden, http.StatusConflict, http.StatusBadRequest, http.StatusSeeOther)
		}
		if requiresSocket.MatchString(op.Pattern) {
			taken = []int{http.StatusForbidden}
		}
		require.Contains(t, taken, answer.Status, "%s: %s", sample, answer.Body)
		require.NotContains(t, answer.Body, "nothing at this path", sample)
		sent++
	}
	require.Greater(t, sent, 80)
}

// requireExample requires of an operation that answers JSON, other than the API's own documents, an
// example that its schema describes.
func (b *bundle) requireExample(path, method string) {
	b.t.Helper()
	success := b.contract.doc.Paths.Value(path).GetOperation(strings.ToUpper(method)).Responses.Status(http.StatusOK)
	if success == nil || success.Value.Content["application/json"] == nil || strings.HasSuffix(path, "api.json") {
		return
	}
	answer := success.Value.Content["application/json"]
	require.NotNil(b.t, answer.Example, "%s %s: put an answer of the demo into api/testdata/examples.json", method, path)
	require.NoError(b.t, answer.Schema.Value.VisitJSON(answer.Example, openapi3.EnableJSONSchema2020()),
		"%s %s: the example is of an older answer: replace it by one of the demo", method, path)
}

// parametersOf are those of an operation, also those that it shares with others.
func parametersOf(doc, operation map[string]any) (parameters []map[string]any) {
	shared := doc["components"].(map[string]any)["parameters"].(map[string]any)
	for _, p := range list(operation["parameters"]) {
		if ref, is := p["$ref"].(string); is {
			p = shared[strings.TrimPrefix(ref, "#/components/parameters/")].(map[string]any)
		}
		parameters = append(parameters, p)
	}
	return parameters
}

func list(value any) (objects []map[string]any) {
	items, _ := value.([]any)
	for _, item := range items {
		objects = append(objects, item.(map[string]any))
	}
	return objects
}

// asyncDocument is /asyncapi.json as the tests look at it.
type asyncDocument struct {
	AsyncAPI string `json:"asyncapi"`
	Servers  map[string]struct{ Pathname string }
	Channels map[string]struct {
		Address  string
		Messages map[string]any
	}
	Components struct {
		Messages map[string]struct {
			Summary  string
			Headers  map[string]string
			Payload  json.RawMessage
			Examples []struct {
				Name    string
				Payload any
			}
		}
		Schemas any
	}
}

func readAsync(t *testing.T) asyncDocument {
	t.Helper()
	answer := setupAll(t).ask(http.MethodGet, "/asyncapi.json", "").Says(t, http.StatusOK)
	var doc asyncDocument
	require.NoError(t, json.Unmarshal([]byte(answer.Body), &doc))
	return doc
}

// Every deployed topic, every type, and each frozen sample as an example that its schema takes.
func TestAsyncAPIDescribesEveryEventType(t *testing.T) {
	t.Parallel()
	doc := readAsync(t)
	require.Equal(t, "3.0.0", doc.AsyncAPI)
	topics, err := eventlog.ParseTopics(deploy.Topics())
	require.NoError(t, err)
	for _, topic := range topics {
		require.Equal(t, topic.Name, doc.Channels[topic.Name].Address)
	}
	// The schemas are JSON Schema, which the same validator takes inside of an OpenAPI document.
	strict(doc.Components.Schemas, false)
	whole, err := json.Marshal(map[string]any{
		"openapi": "3.1.0", "info": map[string]string{"title": "x", "version": "1"}, "paths": map[string]any{},
		"components": map[string]any{"schemas": doc.Components.Schemas},
	})
	require.NoError(t, err)
	loaded, err := openapi3.NewLoader().LoadFromData(whole)
	require.NoError(t, err)
	samples, err := filepath.Glob("../domain/testdata/*.json")
	require.NoError(t, err)
	checked := 0
	for _, eventType := range domain.NewRegistry().Types() {
		m, ok := doc.Components.Messages[eventType]
		require.True(t, ok, eventType)
		require.NotEmpty(t, m.Summary)
		require.Equal(t, "#/components/schemas/CloudEvent", m.Headers["$ref"])
		var payload struct {
			Ref string `json:"$ref"`
		}
		require.NoError(t, json.Unmarshal(m.Payload, &payload))
		schema := loaded.Components.Schemas[strings.TrimPrefix(payload.Ref, "#/components/schemas/")]
		require.NotNil(t, schema, "%s: %s", eventType, m.Payload)
		for _, example := range m.Examples {
			raw, err := os.ReadFile("../domain/testdata/" + example.Name + ".json")
			require.NoError(t, err)
			shown, err := json.Marshal(example.Payload)
			require.NoError(t, err)
			require.JSONEq(t, string(raw), string(shown), "the example is the frozen sample")
			require.NoError(t, schema.Value.VisitJSON(example.Payload, openapi3.EnableJSONSchema2020()), example.Name)
			checked++
		}
		require.True(t, slices.ContainsFunc(topics, func(topic eventlog.TopicSpec) bool {
			return doc.Channels[topic.Name].Messages[eventType] != nil
		}), "%s stands on a topic", eventType)
	}
	require.Equal(t, len(samples), checked, "every frozen sample")
}

// The headers that are described are those that the log's own codec writes, on each topic.
func TestAsyncAPIHeadersMatchCodec(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(readAsync(t).Components.Schemas.(map[string]any)["CloudEvent"])
	require.NoError(t, err)
	var described struct {
		Properties map[string]struct{ Description string }
		Required   []string
	}
	require.NoError(t, json.Unmarshal(raw, &described))
	topics, err := eventlog.ParseTopics(deploy.Topics())
	require.NoError(t, err)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/test")
	encoded := func(draft domain.Draft) (names []string) {
		record, err := codec.Encode(draft)
		require.NoError(t, err)
		for _, h := range record.Headers {
			names = append(names, h.Key)
		}
		return names
	}
	resumed := domain.OperatorFinished{Of: "repaired"}
	for _, topic := range topics {
		full := domain.Envelope{Time: time.Now().Truncate(time.Microsecond)}
		fillTexts(reflect.ValueOf(&full).Elem())
		full.Type = resumed.EventType()
		chain := []string{"ce_chainversion", "ce_chainprev"}
		want := slices.Collect(maps.Keys(described.Properties))
		if topic.Chained {
			full.Chain = &domain.ChainLink{Version: 1, Prev: [32]byte{}}
		} else {
			want = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(chain, name) })
		}
		require.ElementsMatch(t, want, encoded(domain.Draft{Topic: topic.Name, Key: "1", Envelope: full, Data: resumed}), topic.Name)
		for _, name := range chain {
			require.Equal(t, topic.Chained, strings.Contains(described.Properties[name].Description, topic.Name), "%s on %s", name, topic.Name)
		}
		if topic.Compacted {
			erased := domain.Draft{Topic: topic.Name, Key: "1", Envelope: domain.Envelope{ID: "1", Time: full.Time}}
			require.ElementsMatch(t, described.Required, encoded(erased), "what every record has")
		}
	}
}

// fillTexts sets every text of a struct, also of those inside of it.
func fillTexts(v reflect.Value) {
	for _, field := range v.Fields() {
		switch field.Kind() { //nolint:exhaustive // texts are what becomes a header
		case reflect.String:
			field.SetString("x")
		case reflect.Struct:
			if field.Type() != reflect.TypeFor[time.Time]() {
				fillTexts(field)
			}
		}
	}
}
