package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

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
	answer := setupAll(t).ask(http.MethodGet, "/asyncapi.json", "")
	require.Equal(t, http.StatusOK, answer.status, "%.500s", answer.body)
	var doc asyncDocument
	require.NoError(t, json.Unmarshal([]byte(answer.body), &doc))
	return doc
}

// Every deployed topic, every type, and each frozen sample as an example that its schema takes.
func TestEventsAreDescribed(t *testing.T) {
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
func TestHeadersAreDescribed(t *testing.T) {
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
	resumed := domain.ProjectionResumed{Projection: "dashboards", Reason: "repaired"}
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
