package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// operation is the endpoint of a route with what it takes and answers.
type operation struct {
	serve  endpointFunc
	read   paramsFunc // instead of serve, where Params read what it takes
	Takes  []Param
	Answer Answer
	Body   reflect.Type // of the request; nil: it has none
	// BodyMedia is the type of the body's content where it is not JSON.
	BodyMedia    string
	BodyOptional bool // the request may come without it
	audit        bool // it shows what happened, or who read that
}

// Answer is the types of an operation's good answer; all are nil where it is no JSON.
type Answer struct {
	Data reflect.Type // in the envelope
	Meta reflect.Type // beside the data; nil: the answer has none
	Bare reflect.Type // of an answer without the envelope
	CSV  string       // the header line of the answer as CSV; "" without one
}

// paramsFunc answers a request whose parameters are read by their declarations.
type paramsFunc func(http.ResponseWriter, *http.Request, *Params) error

// reading is an operation that takes what parse reads, and writes its answer itself. What else reads, such as headers, is named.
func reading[Q any](parse func(*Params) Q, write func(http.ResponseWriter, *http.Request, Q) error, headers ...Param) operation {
	return operation{Takes: append(readBy(parse), headers...), read: func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q := parse(params)
		if err := params.Err(); err != nil {
			return err
		}
		return write(w, r, q)
	}}
}

// answering is an operation that takes what parse reads, and answers data in the envelope.
func answering[Q, T any](parse func(*Params) Q, answer func(*http.Request, Q) (T, error), headers ...Param) operation {
	op := reading(parse, func(w http.ResponseWriter, r *http.Request, q Q) error {
		data, err := answer(r, q)
		if err != nil {
			return err
		}
		return writeData(w, data, nil)
	}, headers...)
	op.Answer.Data = reflect.TypeFor[T]()
	return op
}

// none is what an operation takes that has no parameters.
type none struct{}

func nothing(*Params) none { return none{} }

func textOf(declared Param) func(*Params) string {
	return func(p *Params) string { return p.text(declared) }
}

func idOf(declared Param) func(*Params) int64 { return func(p *Params) int64 { return p.ID(declared) } }

// listing is an operation that answers a list, and meta beside it.
func listing[Q, E, M any](parse func(*Params) Q, list func(*http.Request, Q) ([]E, M, error)) operation {
	op := reading(parse, func(w http.ResponseWriter, r *http.Request, q Q) error {
		entries, meta, err := list(r, q)
		if err != nil {
			return err
		}
		return writeData(w, append([]E{}, entries...), meta) // never null
	})
	op.Answer.Data, op.Answer.Meta = reflect.TypeFor[[]E](), reflect.TypeFor[M]()
	return op
}

func (o operation) accepting(body reflect.Type) operation {
	o.Body = body
	return o
}

// endpoint is what answers a route's requests.
func (s *Server) endpoint(of Operation) endpointFunc {
	serve := of.serve
	if of.read != nil {
		serve = func(w http.ResponseWriter, r *http.Request) error {
			return of.read(w, r, requestParams(r, s.deps.Now(), of, s.deps.Config.IgnoreParams))
		}
	}
	if of.Pattern == patternNotices || of.Pattern == patternLive {
		return s.faults.reconnecting(serve)
	}
	if of.Body == nil || of.BodyMedia != "" {
		return serve
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		return serve(w, r)
	}
}

// Description is what the API document is made of: every operation that can be served, and the shapes of errors.
type Description struct {
	Operations     []Operation
	Error, Problem reflect.Type
}

// Describe returns the description. It serves no request.
func Describe() Description {
	s := newServer(Deps{
		Analytics: &analytics.Analytics{}, Entities: &readmodels.Entities{}, Audit: &AuditDeps{History: struct{ HistoryReader }{}},
		Directory: &DirectoryDeps{}, SignIns: struct{ SignIns }{},
		Operators: struct{ OperatorDesk }{}, Connect: &connect.Connect{Config: connect.Config{Meta: (&platforms.Set{}).Signed}}, MainApp: &MainAppDeps{},
		Metrics: http.NotFoundHandler(),
	})
	s.close()
	return Description{Operations: append(s.routes, (&streams{}).routes()...), Error: reflect.TypeFor[errorBody](), Problem: reflect.TypeFor[problemBody]()}
}

// Refusal returns an error as a caller reads it: its status, and the body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return StatusOf(shape.Code), shape, problemOf(shape)
}
