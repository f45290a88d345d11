package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// asyncDoc is the document of what is not asked for: the topics of the log and the streams (AsyncAPI 3). Its
// schemas are those of OpenAPI 3.1.
type asyncDoc struct {
	AsyncAPI   string                    `json:"asyncapi"`
	Info       asyncInfo                 `json:"info"`
	DefaultCT  string                    `json:"defaultContentType"`
	Channels   map[string]asyncChannel   `json:"channels"`
	Operations map[string]asyncOperation `json:"operations"`
	Components asyncComponents           `json:"components"`
}

type asyncInfo struct {
	Title       string            `json:"title"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	License     map[string]string `json:"license"`
}

type asyncChannel struct {
	Address     string                   `json:"address"`
	Description string                   `json:"description"`
	Servers     []openapi3.Ref           `json:"servers"`
	Messages    map[string]*openapi3.Ref `json:"messages"`
}

type asyncOperation struct {
	Action  string       `json:"action"`
	Channel openapi3.Ref `json:"channel"`
	Summary string       `json:"summary"`
}

type asyncComponents struct {
	Messages map[string]asyncMessage `json:"messages"`
	Schemas  openapi3.Schemas        `json:"schemas"`
}

type asyncMessage struct {
	Name     string              `json:"name"`
	Summary  string              `json:"summary"`
	Headers  *openapi3.SchemaRef `json:"headers,omitempty"`
	Payload  *openapi3.SchemaRef `json:"payload"`
	Examples []asyncExample      `json:"examples,omitempty"`
}

type asyncExample struct {
	Name    string          `json:"name"`
	Payload json.RawMessage `json:"payload"`
}

// Servers of the channels; the program says where they are.
const (
	serverKafka = "kafka"
	serverHTTP  = "http"
)

// topics say what the topics hold, and how long.
var topics = map[string]string{
	domain.TopicDashboards: "One record for each accepted change of an agency's dashboards; key: the agency. Kept for ever.",
	domain.TopicMetrics:    "Readings of social accounts and posts, and posts that became known; key: the social account. Kept for ever.",
	domain.TopicOperations: "Audit reads and exports, operators' actions, signed checkpoints, states of connections; key: " +
		"the agency, or -. Kept for ever.",
	domain.TopicDirectory: "The last state of each reference entity of the main application; key: its kind and id. " +
		"Compacted; a record without " +
		"a value erases.",
	domain.TopicContents: "What posts say: texts, media addresses, permalinks; key: the agency, who said it, and the post's id. Compacted; a " +
		"record without a value erases.",
}

// topicsOf are the topics of an event type.
func topicsOf(eventType string) []string {
	if eventType == (domain.AccountErased{}).EventType() {
		return []string{domain.TopicMetrics, domain.TopicContents}
	}
	group, _, _ := strings.Cut(eventType, ".")
	switch group {
	case "dashboard", "operator": // an operator's word to skip a record is a link of its chain
		return []string{domain.TopicDashboards}
	case "metrics":
		return []string{domain.TopicMetrics}
	case "directory":
		return []string{domain.TopicDirectory}
	case "contents":
		return []string{domain.TopicContents}
	default:
		return []string{domain.TopicOperations}
	}
}

// asyncAPI makes the document, but for its servers.
func asyncAPI(root string, described api.Description, made *schemas) (*asyncDoc, error) {
	doc := &asyncDoc{
		AsyncAPI: "3.0.0", DefaultCT: mediaJSON,
		Info: asyncInfo{
			Title: "ledgerboard events and streams", Version: documentVersion,
			Description: "The topics of the log, which are the only truth, and the streams that browsers listen to. Events are CloudEvents 1.0 in " +
				"Kafka's binary mode: attributes in ce_ headers, JSON in the value.",
			License: map[string]string{"name": "Apache-2.0"},
		},
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOperation{},
		Components: asyncComponents{Messages: map[string]asyncMessage{}, Schemas: made.components},
	}
	made.components["CloudEvent"] = cloudEvent()
	for topic, text := range topics {
		doc.channel(topic, topic, serverKafka, "receive", text)
	}
	if err := doc.addEvents(root, made); err != nil {
		return nil, err
	}
	if err := doc.addStreams(described, made); err != nil {
		return nil, err
	}
	return doc, made.err()
}

func (doc *asyncDoc) channel(name, address, server, action, text string) {
	doc.Channels[name] = asyncChannel{
		Address: address, Description: text, Servers: []openapi3.Ref{{Ref: "#/servers/" + server}}, Messages: map[string]*openapi3.Ref{},
	}
	doc.Operations[action+strings.ToUpper(name[:1])+name[1:]] = asyncOperation{
		Action: action, Channel: openapi3.Ref{Ref: "#/channels/" + name}, Summary: text,
	}
}

func (doc *asyncDoc) message(channel string, m asyncMessage) {
	doc.Components.Messages[m.Name] = m
	doc.Channels[channel].Messages[m.Name] = &openapi3.Ref{Ref: "#/components/messages/" + m.Name}
}

// addEvents adds every type of the registry with its frozen samples, decoded as the program decodes them.
func (doc *asyncDoc) addEvents(root string, made *schemas) error {
	registry := domain.NewRegistry()
	for _, eventType := range registry.Types() {
		names, err := filepath.Glob(filepath.Join(root, "domain/testdata", eventType+".*json"))
		if err != nil || len(names) == 0 {
			return fmt.Errorf("no frozen sample of %s: %w", eventType, err)
		}
		m := asyncMessage{Name: eventType, Headers: openapi3.NewSchemaRef("#/components/schemas/CloudEvent", nil)}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("read sample: %w", err)
			}
			data, err := registry.Decode(eventType, raw)
			if err != nil {
				return fmt.Errorf("decode sample %s: %w", name, err)
			}
			t := reflect.TypeOf(data)
			first, _, _ := strings.Cut(withoutName(t.Name(), made.declared(t).text), ". ")
			m.Payload, m.Summary = made.of(t), strings.TrimSuffix(first, ".")+"."
			m.Examples = append(m.Examples, asyncExample{strings.TrimSuffix(filepath.Base(name), ".json"), raw})
		}
		for _, topic := range topicsOf(eventType) {
			doc.message(topic, m)
		}
	}
	return nil
}

// addStreams adds what browsers listen to.
func (doc *asyncDoc) addStreams(described api.Description, made *schemas) error {
	address := map[string]string{}
	for _, op := range described.Operations {
		address[op.ID] = strings.TrimSuffix(op.Pattern, "*")
	}
	for name, stream := range map[string]struct{ operation, text string }{
		"notices":  {"getNotices", "The caller's own notices. Server-Sent Events with Last-Event-ID."},
		"socketIO": {"getSocketIo", "The caller's own notices. Socket.IO v4; the notice's id is a second argument."},
		"live":     {"getLive", "Which figures of the caller's accounts changed, at most once a second, after they can be read."},
	} {
		if address[stream.operation] == "" {
			return errors.New("no route is called " + stream.operation)
		}
		doc.channel(name, address[stream.operation], serverHTTP, "send", stream.text)
	}
	for channel, events := range map[string][]streamEvent{"notices": noticeEvents, "socketIO": noticeEvents, "live": liveEvents} {
		for _, e := range events {
			m := asyncMessage{Name: e.name, Summary: e.summary, Payload: e.data(made)}
			if e.example != nil {
				m.Examples = []asyncExample{*e.example}
			}
			doc.message(channel, m)
		}
	}
	return nil
}

// cloudEvent is the headers of a record.
func cloudEvent() *openapi3.SchemaRef {
	event := typed("object")
	event.Value.Description = "Attributes of the event (CloudEvents 1.0)."
	event.Value.Required = []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"}
	event.Value.Properties = openapi3.Schemas{}
	for name, text := range map[string]string{
		"ce_specversion":    "1.0",
		"ce_id":             "Id of the event, unique for ever.",
		"ce_source":         "Who wrote it.",
		"ce_type":           "Type and version of the event; the name of the message here.",
		"ce_time":           "When it was decided or read, RFC 3339.",
		"ce_subject":        "What it is about.",
		"ce_actor":          "Who caused it: a user's id, or a name of the program's own.",
		"ce_actorrole":      "The role under which it was allowed.",
		"ce_onbehalfof":     "For whom the actor acted, when for another: a user's id.",
		"ce_commandid":      "Id of the command that it records.",
		"ce_requestid":      "Id that the service gave the request that asked for it.",
		"ce_idempotencykey": "Hex SHA-256 of agency, actor and the request's Idempotency-Key, else the command's id, each behind its length (8 bytes).",
		"ce_requestdigest":  "SHA-256 in hex of the request's method, path and canonical body.",
		"ce_chainversion":   "Version of the agency's stream; on dashboards.",
		"ce_chainprev":      "Hash of the record before, SHA-256 in hex; on dashboards.",
		"ce_traceparent":    "Trace of the request, in the form of W3C Trace Context.",
		"content-type":      "application/json; a record without a value has none.",
	} {
		event.Value.Properties[name] = typed("string")
		event.Value.Properties[name].Value.Description = text
	}
	return event
}
