package api

import (
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// operation is the endpoint of a route with what the API document says of it: the table that serves is
// the table that is described.
type operation struct {
	serve endpointFunc
	about about
}

// about describes an operation.
type about struct {
	// summary is a sentence. When it is empty, it and text are the comment of query.
	summary, text string
	query         string // method of analytics.Analytics that answers
	tag           string

	// parse reads the parameters of a request; what it notes on the way is documented.
	parse   func(*Params)
	headers []param      // of the request
	body    reflect.Type // of its JSON; nil: none

	answers []answerDoc
	refuses []domain.Code // beside those that every route of its kind can give
}

// answerDoc is one answer without an error.
type answerDoc struct {
	status  int
	text    string
	media   string       // type of its content; "": it has none
	body    reflect.Type // of its JSON; nil: text
	headers []string     // by name; see responseHeaders
	example string       // of its text
}

// The groups of the API document.
const (
	tagDashboards = "Dashboards"
	tagAnalytics  = "Analytics"
	tagEntities   = "Users, platforms, activities and stats"
	tagAudit      = "Audit"
	tagStreams    = "Notices and live updates"
	tagService    = "Service"
)

// tagTexts say what the groups are for; every group has one.
var tagTexts = map[string]string{
	tagDashboards: "Who sees which client's dashboard, and which clients share one view.",
	tagAnalytics:  "Figures of the social accounts and posts that the caller may see.",
	tagEntities:   "The people, the connections and what was posted, one by one; and the figures of each platform over time.",
	tagAudit:      "The history of dashboards, for auditors; each look at it is itself recorded.",
	tagStreams:    "What happens while a page is open.",
	tagService:    "Health, metrics and this document.",
}

const (
	mediaJSON        = "application/json"
	mediaProblem     = "application/problem+json"
	mediaCSV         = "text/csv"
	mediaNDJSON      = "application/x-ndjson"
	mediaEventStream = "text/event-stream"
	mediaText        = "text/plain"
)

// described joins an endpoint with its description.
func described(serve endpointFunc, a about) operation { return operation{serve, a} }

// answersJSON is a description's one good answer, in JSON.
func answersJSON(body reflect.Type, headers ...string) []answerDoc {
	return []answerDoc{{status: 200, text: "Done.", media: mediaJSON, body: body, headers: headers}}
}

// enveloped is the type of [envelope] around data.
func enveloped(data, meta reflect.Type) reflect.Type {
	fields := []reflect.StructField{
		{Name: "Success", Type: reflect.TypeFor[bool](), Tag: `json:"success" doc:"Always true here."`},
		{Name: "Message", Type: reflect.TypeFor[string](), Tag: `json:"message" doc:"Always SUCCESS here."`},
		{Name: "Data", Type: data, Tag: `json:"data"`},
	}
	if meta != nil {
		fields = append(fields, reflect.StructField{Name: "Meta", Type: meta, Tag: `json:"meta"`})
	}
	return reflect.StructOf(fields)
}

// methodName is the name of the method that a method value holds: endpoints are described by the comment
// of the query that answers them.
func methodName(method any) string {
	name := runtime.FuncForPC(reflect.ValueOf(method).Pointer()).Name()
	return strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "-fm")
}

// param is a parameter or a header as the API document shows it.
type param struct {
	name, text string
	required   bool
	schema     schema
}

// note describes a parameter to the API document; while a request is served it does nothing. Each
// method of [Params] notes what it reads.
func (p *Params) note(name, text string, s schema) {
	if p.noted == nil {
		return
	}
	if i := slices.IndexFunc(*p.noted, func(known param) bool { return known.name == name }); i >= 0 {
		if (*p.noted)[i].text == "" {
			(*p.noted)[i].text, (*p.noted)[i].schema = text, s
		}
		return
	}
	*p.noted = append(*p.noted, param{name: name, text: text, schema: s})
}

// noteRequired marks a parameter as one that must be given.
func (p *Params) noteRequired(name string) {
	if p.noted == nil {
		return
	}
	p.note(name, "", schema{Type: typeString})
	for i := range *p.noted {
		if (*p.noted)[i].name == name {
			(*p.noted)[i].required = true
		}
	}
}
