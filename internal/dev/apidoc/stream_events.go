package apidoc

import (
	"reflect"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// streamEvent is an event that a stream sends.
type streamEvent struct {
	name, summary string
	payload       reflect.Type // nil: an empty object
	example       string
}

func (s streamEvent) data(made *schemas) *openapi3.SchemaRef {
	if s.payload == nil {
		return typed("object")
	}
	return made.of(s.payload)
}

// The events of the streams.
var (
	noticeEvents = []streamEvent{
		{
			stream.NoticeEvent, "The user lost access to at least one dashboard. To resume the stream after this event, send its id as Last-Event-ID.",
			reflect.TypeFor[stream.AccessRemoved](), `{"user_id":"d10000000000000000000000"}`,
		},
		{
			stream.BoardClosedEvent, "The agency closed dashboards for clients, and the user stays on their lists.",
			reflect.TypeFor[stream.BoardClosed](), `{"user_id":"d10000000000000000000000","sub_account_ids":["c10000000000000000000001"]}`,
		},
		{stream.NoticeCursorEvent, "The position at which the stream starts.", reflect.TypeFor[stream.NoticeCursor](), `{"all":false}`},
	}
	liveEvents = []streamEvent{
		{stream.FiguresEvent, "Figures changed; read them again.", reflect.TypeFor[stream.Event](), `{"all":true,"changes":[]}`},
		{
			stream.SignInEvent, "The platform refuses a connection until a person signs in again. The event is sent once, when the service discovers this.",
			reflect.TypeFor[stream.SignIn](), `{"account_id":"c10000000000000000000001","member_id":7,"connection_id":70,"p_id":4}`,
		},
		{
			stream.EndsSoonEvent, "A connection expires unless a person signs in. The event is sent 14, 7 and 1 days before the connection expires.",
			reflect.TypeFor[stream.EndsSoon](),
			`{"account_id":"c10000000000000000000001","member_id":7,"connection_id":70,"p_id":4,"sign_in_before":"2026-12-05T12:00:00Z"}`,
		},
		{stream.FiguresCursorEvent, "The start of the stream.", nil, ""},
	}
	buildEvents = []streamEvent{{"generation", "The progress of the build.", reflect.TypeFor[operator.Generation](), ""}}
	retryLater  = streamEvent{
		stream.RetryLaterEvent, "The stream cannot be served now. It ends, and the client reconnects after the retry delay.", nil, "",
	}
)

// eventsOf lists the events of each operation that returns a stream.
var eventsOf = map[string][]streamEvent{
	"getNotices": append(slices.Clip(noticeEvents), retryLater), "getLive": append(liveEvents, retryLater),
	"getOpsGenerationEvents": append(buildEvents, retryLater),
}

// sent returns the schema of the events of a stream: the name, the data as a string of JSON and, if
// the stream can be resumed, the id.
func (s *schemas) sent(events []streamEvent, resumed bool) *openapi3.SchemaRef {
	one := &openapi3.Schema{}
	for _, e := range events {
		event := typed("object")
		event.Value.Description = e.summary
		name, data := typed("string"), typed("string")
		name.Value.Enum = []any{e.name}
		data.Value.ContentMediaType, data.Value.ContentSchema = mediaJSON, e.data(s)
		event.Value.Properties = openapi3.Schemas{"event": name, "data": data}
		if resumed {
			s.components["EventPosition"] = typed("string")
			s.components["EventPosition"].Value.Description = "When the client reconnects, it sends the last id as Last-Event-ID."
			event.Value.Properties["id"] = openapi3.NewSchemaRef("#/components/schemas/EventPosition", nil)
		}
		event.Value.Required = []string{"event", "data"}
		one.OneOf = append(one.OneOf, event)
	}
	if len(one.OneOf) == 1 {
		return one.OneOf[0]
	}
	return openapi3.NewSchemaRef("", one)
}
