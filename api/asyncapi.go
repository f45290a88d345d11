package api

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// asyncAPI is the document of what is not asked for: the topics of the log and the streams (AsyncAPI 3).
// Its events are those of the registry, decoded from their frozen samples, which are its examples.
type asyncAPI struct {
	AsyncAPI   string                    `json:"asyncapi"`
	Info       asyncInfo                 `json:"info"`
	Servers    map[string]asyncServer    `json:"servers"`
	Channels   map[string]asyncChannel   `json:"channels"`
	Operations map[string]asyncOperation `json:"operations"`
	Components asyncComponents           `json:"components"`
	DefaultCT  string                    `json:"defaultContentType"`
}

type asyncInfo struct {
	Title       string            `json:"title"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	License     map[string]string `json:"license"`
}

type asyncServer struct {
	Host        string `json:"host"`
	Protocol    string `json:"protocol"`
	Pathname    string `json:"pathname,omitempty"`
	Description string `json:"description"`
}

type asyncRef struct {
	Ref string `json:"$ref"`
}

type asyncChannel struct {
	Address     string              `json:"address"`
	Description string              `json:"description"`
	Servers     []asyncRef          `json:"servers"`
	Messages    map[string]asyncRef `json:"messages"`
}

type asyncOperation struct {
	Action  string   `json:"action"`
	Channel asyncRef `json:"channel"`
	Summary string   `json:"summary"`
}

type asyncComponents struct {
	Messages map[string]asyncMessage `json:"messages"`
	Schemas  *members                `json:"schemas"`
}

type asyncMessage struct {
	Name     string         `json:"name"`
	Summary  string         `json:"summary"`
	Headers  *schema        `json:"headers,omitempty"`
	Payload  schema         `json:"payload"`
	Examples []asyncExample `json:"examples,omitempty"`
}

type asyncExample struct {
	Name    string          `json:"name"`
	Payload json.RawMessage `json:"payload"`
}

const (
	asyncKafka = "kafka"
	asyncHTTP  = "http"
)

// topicTexts say what the topics hold, and how long.
var topicTexts = map[string]string{
	domain.TopicDashboards: "One record for each accepted change of an agency's dashboards; key: the agency. Kept for ever.",
	domain.TopicMetrics:    "Readings of social accounts and posts, and posts that became known; key: the social account. Kept for ever.",
	domain.TopicOperations: "Audit reads and exports, operators' actions, signed checkpoints, states of connections; key: the agency, or -. Kept for ever.",
	domain.TopicDirectory:  "The last state of each reference entity of the main application; key: its kind and id. Compacted; a record without value erases.",
}

// topicsOf are the topics of an event type. What an operator decides about a parked record stands on the
// topic of that record.
func topicsOf(eventType string) []string {
	group, _, _ := strings.Cut(eventType, ".")
	switch group {
	case "dashboard":
		return []string{domain.TopicDashboards}
	case "metrics":
		return []string{domain.TopicMetrics}
	case "directory":
		return []string{domain.TopicDirectory}
	case "operator":
		return []string{domain.TopicDashboards, domain.TopicMetrics, domain.TopicOperations, domain.TopicDirectory}
	default:
		return []string{domain.TopicOperations}
	}
}

// makeAsyncAPI makes the document, but for where it is read.
func (s *Server) makeAsyncAPI() (*asyncAPI, error) {
	comments, err := sourceComments()
	if err != nil {
		return nil, err
	}
	doc := &asyncAPI{
		AsyncAPI: "3.0.0", DefaultCT: mediaJSON,
		Info: asyncInfo{
			Title: "ledgerboard events and streams", Version: apiVersion,
			Description: "The topics of the log, which are the only truth, and the streams that browsers listen to. Events are CloudEvents 1.0 in " +
				"Kafka's binary mode: attributes in ce_ headers, JSON in the value.",
			License: map[string]string{"name": "Apache-2.0"},
		},
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOperation{},
		Components: asyncComponents{Messages: map[string]asyncMessage{}, Schemas: nil},
	}
	made := newSchemas(comments)
	doc.Components.Schemas = made.components
	made.components.set("CloudEvent", cloudEventHeaders())
	for topic, text := range topicTexts {
		doc.channel(topic, topic, asyncKafka, "receive", text)
	}
	if err := doc.addEvents(made); err != nil {
		return nil, err
	}
	s.addStreams(doc, made)
	if len(made.faults) > 0 {
		return nil, made.faults[0]
	}
	return doc, nil
}

func (doc *asyncAPI) channel(name, address, server, action, text string) {
	doc.Channels[name] = asyncChannel{
		Address: address, Description: text, Servers: []asyncRef{{"#/servers/" + server}}, Messages: map[string]asyncRef{},
	}
	doc.Operations[action+strings.ToUpper(name[:1])+name[1:]] = asyncOperation{
		Action: action, Channel: asyncRef{"#/channels/" + name}, Summary: text,
	}
}

func (doc *asyncAPI) message(channel string, m asyncMessage) {
	doc.Components.Messages[m.Name] = m
	doc.Channels[channel].Messages[m.Name] = asyncRef{"#/components/messages/" + m.Name}
}

// addEvents adds every type of the registry with its samples.
func (doc *asyncAPI) addEvents(made *schemas) error {
	registry := domain.NewRegistry()
	for _, eventType := range registry.Types() {
		names, err := fs.Glob(domain.Samples, "testdata/"+eventType+".*json")
		if err != nil || len(names) == 0 {
			return fmt.Errorf("no frozen sample of %s: %w", eventType, err)
		}
		m := asyncMessage{Name: eventType, Headers: &schema{Ref: "#/components/schemas/CloudEvent"}}
		for _, name := range names {
			raw, err := fs.ReadFile(domain.Samples, name)
			if err != nil {
				return fmt.Errorf("read sample: %w", err)
			}
			data, err := registry.Decode(eventType, raw)
			if err != nil {
				return fmt.Errorf("decode sample %s: %w", name, err)
			}
			m.Payload = made.of(reflect.TypeOf(data))
			m.Summary, _ = fromComment(made.comments.ofType(reflect.TypeOf(data)))
			m.Examples = append(m.Examples, asyncExample{strings.TrimSuffix(path.Base(name), ".json"), raw})
		}
		if m.Summary == "" {
			m.Summary = eventType
		}
		for _, topic := range topicsOf(eventType) {
			doc.message(topic, m)
		}
	}
	return nil
}

// addStreams adds what browsers listen to, as far as it is served.
func (s *Server) addStreams(doc *asyncAPI, made *schemas) {
	empty := schema{Type: typeObject}
	if s.deps.Streams != nil {
		const text = "The caller's own notices."
		lost := asyncMessage{
			Name: stream.NoticeEvent, Summary: "The user lost access to at least one dashboard. The id of the event resumes the stream after it.",
			Payload:  schema{Type: typeObject, Required: []string{"user_id"}, Properties: &members{[]string{"user_id"}, map[string]schema{"user_id": {Type: typeString}}}},
			Examples: []asyncExample{{"lost", json.RawMessage(`{"user_id":"d10000000000000000000000"}`)}},
		}
		place := asyncMessage{Name: stream.NoticeCursorEvent, Summary: "Where the stream stands, before its first notice.", Payload: empty}
		doc.channel("notices", patternNotices, asyncHTTP, "send", text+" Server-Sent Events with Last-Event-ID.")
		doc.channel("socketIO", prefixSocketIO, asyncHTTP, "send", text+" Socket.IO v4; the notice's id is a second argument.")
		for _, channel := range []string{"notices", "socketIO"} {
			doc.message(channel, lost)
			doc.message(channel, place)
		}
		doc.channel("live", patternLive, asyncHTTP, "send", "Which figures of the caller's accounts changed, at most once a second, after they can be read.")
		doc.message("live", asyncMessage{
			Name: stream.FiguresEvent, Summary: "Figures can be read anew. The id of the event resumes the stream after it.",
			Payload:  made.of(reflect.TypeFor[stream.Event]()),
			Examples: []asyncExample{{"all", json.RawMessage(`{"all":true,"changes":[]}`)}},
		})
		doc.message("live", asyncMessage{Name: stream.FiguresCursorEvent, Summary: "Where the stream stands, before anything has changed.", Payload: empty})
	}
}

// cloudEventHeaders are the headers of a record.
func cloudEventHeaders() schema {
	headers := &members{schemas: map[string]schema{}}
	text := func(name, description string) { headers.set(name, schema{Type: typeString, Description: description}) }
	text("ce_specversion", "1.0")
	text("ce_id", "Id of the event, unique for ever.")
	text("ce_source", "Who wrote it.")
	text("ce_type", "Type and version of the event; the name of the message here.")
	text("ce_time", "When it was decided or read, RFC 3339.")
	text("ce_subject", "What it is about.")
	text("ce_actor", "Who caused it: a user's id, or a name of the program's own.")
	text("ce_actorrole", "The role under which it was allowed.")
	text("ce_onbehalfof", "For whom the actor acted, when for another: a user's id.")
	text("ce_commandid", "Id of the command that it records.")
	text("ce_requestid", "Id of the request that asked for it.")
	text("ce_idempotencykey", "Idempotency-Key of the request, when it had one.")
	text("ce_requestdigest", "SHA-256 in hex of the request's method, path and canonical body.")
	text("ce_chainversion", "Version of the agency's stream; on dashboards.")
	text("ce_chainprev", "Hash of the record before, SHA-256 in hex; on dashboards.")
	text("ce_traceparent", "Trace of the request, as W3C has it.")
	text("content-type", "application/json; a record without value has none.")
	return schema{
		Type: typeObject, Description: "Attributes of the event (CloudEvents 1.0).", Properties: headers,
		Required: []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"},
	}
}

// getAsyncAPI answers the document.
func (s *Server) getAsyncAPI(w http.ResponseWriter, r *http.Request) error {
	made, err := s.asyncAPI()
	if err != nil {
		return fmt.Errorf("make event document: %w", err)
	}
	doc := *made // others read it at the same time
	doc.Servers = map[string]asyncServer{
		asyncKafka: {Host: "kafka:9092", Protocol: "kafka", Description: "The log; addresses are configuration."},
		asyncHTTP:  {Host: r.Host, Protocol: "http", Pathname: mountedAt(r, patternAsyncAPI) + "/", Description: "Where this document was read."},
	}
	return writeDocument(w, doc)
}
