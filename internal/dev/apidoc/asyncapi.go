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

// asyncDoc is the AsyncAPI 3 document of the topics of the log and the streams. It uses the schemas
// of OpenAPI 3.1.
type asyncDoc struct{ channels, operations, messages map[string]any }

type object = map[string]any

// topics describes the contents, key and retention of each topic.
var topics = map[string]string{
	domain.TopicDashboards: "One record for each accepted change to an agency's dashboards. Key: the agency. Kept forever.",
	domain.TopicMetrics:    "Readings of social accounts and posts, and newly discovered posts. Key: the social account. Kept forever.",
	domain.TopicOperations: "Audit reads and exports, actions of operators, signed checkpoints, and states of connections. Key: " +
		"the agency, or - for records that concern no single agency. Kept forever.",
	domain.TopicDirectory: "The latest state of each reference entity, from the main application or created here. Key: the entity's kind and id. " +
		"Compacted; a record without a value erases the entity.",
	domain.TopicContents: "Content of posts: texts, media URLs and permalinks. Key: the agency, the source, and the post's id. " +
		"Compacted; a record without a value erases the content.",
}

// topicsOf returns the topics that contain an event type.
func topicsOf(eventType string) []string {
	if eventType == (domain.AccountErased{}).EventType() {
		return []string{domain.TopicMetrics, domain.TopicContents}
	}
	group, _, _ := strings.Cut(eventType, ".")
	switch group {
	case "dashboard", "operator": // an operator's decision to skip a record is part of the record's chain
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

// asyncAPI builds the document without its servers.
func asyncAPI(root string, made *schemas) (object, error) {
	doc := asyncDoc{object{}, object{}, object{}}
	made.components["CloudEvent"] = cloudEvent()
	for topic, text := range topics {
		doc.channel(topic, topic, "kafka", "receive", text)
	}
	if err := doc.addEvents(root, made); err != nil {
		return nil, err
	}
	if err := doc.addStreams(made); err != nil {
		return nil, err
	}
	return object{
		"asyncapi": "3.0.0", "defaultContentType": mediaJSON,
		"info": object{
			"title": "ledgerboard events and streams", "version": documentVersion, "license": object{"name": "Apache-2.0"},
			"description": "The topics of the log, which are the only source of truth, and the streams for browsers. Events are CloudEvents 1.0 in " +
				"Kafka's binary mode: the attributes are ce_ headers, and the value is JSON.",
		},
		"channels": doc.channels, "operations": doc.operations,
		"components": object{"messages": doc.messages, "schemas": made.components},
	}, made.err()
}

// channel adds a channel on a server. The program adds the addresses of the servers.
func (a asyncDoc) channel(name, address, server, action, text string) {
	a.channels[name] = object{
		"address": address, "description": text, "servers": []object{{"$ref": "#/servers/" + server}}, "messages": object{},
	}
	a.operations[action+strings.ToUpper(name[:1])+name[1:]] = object{
		"action": action, "channel": object{"$ref": "#/channels/" + name}, "summary": text,
	}
}

func (a asyncDoc) message(channel, name string, m object) {
	m["name"], a.messages[name] = name, m
	of, _ := a.channels[channel].(object)
	messages, _ := of["messages"].(object)
	messages[name] = object{"$ref": "#/components/messages/" + name}
}

// addEvents adds every event type of the registry with its frozen samples, which it decodes with
// the registry.
func (a asyncDoc) addEvents(root string, made *schemas) error {
	registry := domain.NewRegistry()
	for _, eventType := range registry.Types() {
		names, err := filepath.Glob(filepath.Join(root, "domain/testdata", eventType+".*json"))
		if err != nil || len(names) == 0 {
			return fmt.Errorf("no frozen sample of %s: %w", eventType, err)
		}
		m, examples := object{"headers": object{"$ref": "#/components/schemas/CloudEvent"}}, []object{}
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
			m["payload"], m["summary"] = made.of(t), strings.TrimSuffix(first, ".")+"."
			examples = append(examples, object{"name": strings.TrimSuffix(filepath.Base(name), ".json"), "payload": json.RawMessage(raw)})
		}
		m["examples"] = examples
		for _, topic := range topicsOf(eventType) {
			a.message(topic, eventType, m)
		}
	}
	return nil
}

// addStreams adds the streams for browsers.
func (a asyncDoc) addStreams(made *schemas) error {
	address := map[string]string{}
	for _, op := range api.Operations() {
		address[op.ID] = strings.TrimSuffix(op.Pattern, "*")
	}
	for name, stream := range map[string]struct{ operation, text string }{
		"notices":  {"getNotices", "The caller's notices, as Server-Sent Events with Last-Event-ID."},
		"socketIO": {"getSocketIo", "The caller's notices, over Socket.IO v4. The notice's id is the second argument."},
		"live":     {"getLive", "Changes to the figures of the caller's accounts, at most once a second, when the new figures can be read."},
	} {
		if address[stream.operation] == "" {
			return errors.New("no route has the id " + stream.operation)
		}
		a.channel(name, address[stream.operation], "http", "send", stream.text)
	}
	events := map[string][]streamEvent{"notices": eventsOf["getNotices"], "socketIO": noticeEvents, "live": eventsOf["getLive"]}
	for channel, events := range events {
		for _, e := range events {
			m := object{"summary": e.summary, "payload": e.data(made)}
			if e.example != "" {
				m["examples"] = []object{{"name": "example", "payload": json.RawMessage(e.example)}}
			}
			a.message(channel, e.name, m)
		}
	}
	return nil
}

// cloudEvent returns the schema of a record's headers.
func cloudEvent() *openapi3.SchemaRef {
	event := typed("object")
	event.Value.Description = "Attributes of the event (CloudEvents 1.0)."
	event.Value.Required = []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"}
	event.Value.Properties = openapi3.Schemas{}
	for name, text := range map[string]string{
		"ce_specversion":    "Version of the CloudEvents specification: 1.0.",
		"ce_id":             "Id of the event, globally unique.",
		"ce_source":         "The program that wrote the record.",
		"ce_type":           "Type and version of the event; the name of the message in this document.",
		"ce_time":           "Time of the decision or of the reading, RFC 3339.",
		"ce_subject":        "The subject of the event.",
		"ce_actor":          "Who caused the event: a user's id, or a system name of the program.",
		"ce_actorrole":      "The role in which the actor acted.",
		"ce_onbehalfof":     "The user on whose behalf the actor acted, if any: a user's id.",
		"ce_commandid":      "Id of the command that the event records.",
		"ce_requestid":      "Id that the service assigned to the request that caused the event.",
		"ce_idempotencykey": "Hex SHA-256 of agency, actor and the request's Idempotency-Key or, without one, the command's id; each is prefixed with its length (8 bytes).",
		"ce_requestdigest":  "Hex SHA-256 of the request's method, path and canonical body.",
		"ce_chainversion":   "Version of the agency's stream; on dashboards only.",
		"ce_chainprev":      "Hex SHA-256 of the previous record; on dashboards only.",
		"ce_traceparent":    "Trace context of the request, in the format of W3C Trace Context.",
		"content-type":      "application/json; absent if the record has no value.",
	} {
		event.Value.Properties[name] = typed("string")
		event.Value.Properties[name].Value.Description = text
	}
	return event
}
