package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// operation is the endpoint of a route with what it takes and answers.
type operation struct {
	serve  endpointFunc
	read   paramsFunc // instead of serve, where Params read what it takes
	takes  []Param
	answer Answer
	body   reflect.Type // of the request; nil: it has none
	// bodyMedia is the type of the body's content where it is not JSON.
	bodyMedia    string
	bodyOptional bool
	audit        bool // it shows what happened, or who read that
}

// Answer is the types of an operation's good answer; all are nil where it is no JSON.
type Answer struct {
	Data reflect.Type // in the envelope
	Meta reflect.Type // beside the data; nil: the answer has none
	Bare reflect.Type // of an answer without the envelope
	CSV  string       // the header line of the answer as CSV; "" without one
}

// reading is a parser with the parameters that it reads.
type reading[Q any] struct {
	parse func(*Params) Q
	takes []Param
}

// paramsFunc answers a request whose parameters are read by their declarations.
type paramsFunc func(http.ResponseWriter, *http.Request, *Params) error

// taking hands an endpoint the parameters that it declares.
func taking(serve paramsFunc, takes ...Param) operation {
	return operation{takes: takes, read: serve}
}

// endpoint is what answers a route's requests.
func (s *Server) endpoint(of route) endpointFunc {
	serve := of.serve
	if of.read != nil {
		serve = func(w http.ResponseWriter, r *http.Request) error {
			return of.read(w, r, requestParams(r, s.deps.Now(), of, s.deps.Config.IgnoreParams))
		}
	}
	if of.pattern == patternNotices || of.pattern == patternLive {
		return s.reconnecting(serve)
	}
	return serve
}

// answering adds the types of what the operation answers in the envelope.
func (o operation) answering(data, meta reflect.Type) operation {
	o.answer.Data, o.answer.Meta = data, meta
	return o
}

// accepting adds the type of the request's body.
func (o operation) accepting(body reflect.Type) operation {
	o.body = body
	return o
}

// Operation is a row of the route table, for the generator of the API document.
type Operation struct {
	ID, Method, Pattern string
	Roles               []Role // nil: public, or the endpoint itself asks who is calling
	Takes               []Param
	Answer              Answer
	Body                reflect.Type // of the request; nil: it has none
	BodyMedia           string       // the type of the body's content; "": JSON
	BodyOptional        bool         // the request may come without it
}

// Description is what the API document is made of: every operation that can be served, and the shapes of errors.
type Description struct {
	Operations     []Operation
	Error, Problem reflect.Type
}

// Describe returns the description. It serves no request.
func Describe() Description {
	s := &Server{deps: Deps{
		Analytics: struct{ Analytics }{}, Entities: &readmodels.Entities{}, Audit: &AuditDeps{},
		Directory: &DirectoryDeps{}, SignIns: struct{ SignIns }{},
		Operators: struct{ OperatorDesk }{}, Connect: wholeDesk{}, MainApp: &MainAppDeps{},
		Streams: &stream.Hub{}, Metrics: http.NotFoundHandler(),
	}}
	d := Description{
		Error: reflect.TypeFor[errorBody](), Problem: reflect.TypeFor[problemBody](),
	}
	for _, r := range s.routes() {
		d.Operations = append(d.Operations, Operation{r.id, r.method, r.pattern, r.roles, r.takes, r.answer, r.body, r.bodyMedia, r.bodyOptional})
	}
	return d
}

// wholeDesk is a desk with all of its routes.
type wholeDesk struct{ ConnectDesk }

func (wholeDesk) HearsMeta() bool { return true }

// Refusal returns an error as a caller reads it: its status, and the body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return statusOf(shape.Code), shape, problemOf(shape)
}
