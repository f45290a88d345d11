package api

import (
	"net/http"
	"reflect"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type operation struct {
	serve endpointFunc
	// read is used instead of serve if parameters are read by their declarations.
	read   func(http.ResponseWriter, *http.Request, *Params) error
	Takes  []Param
	Answer Answer
	Body   reflect.Type // of the request; nil if it has no body
	// BodyMedia is the media type of the body if it is not JSON.
	BodyMedia    string
	BodyOptional bool // whether the body may be absent
	audit        bool // whether it is part of the audit trail
}

// Answer contains the types of an operation's successful response. All are nil if it is not JSON.
type Answer struct {
	Data reflect.Type // data of the envelope
	Meta reflect.Type // meta of the envelope; may be nil
	Bare reflect.Type // a response without the envelope
	CSV  string       // the header line of the response as CSV; "" if CSV is not supported
}

// reading returns an operation that takes the parameters that parse reads, and writes its own
// response. Headers are parameters that write reads.
func reading[Q any](
	parse func(*Params) Q, write func(http.ResponseWriter, *http.Request, Q) error, headers ...Param,
) operation {
	read := func(w http.ResponseWriter, r *http.Request, params *Params) error {
		q := parse(params)
		if err := params.Err(); err != nil {
			return err
		}
		return write(w, r, q)
	}
	return operation{Takes: append(readBy(parse), headers...), read: read}
}

// answering returns an operation whose response is an envelope.
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

type none struct{}

func nothing(*Params) none { return none{} }

func textOf(declared Param) func(*Params) string {
	return func(p *Params) string { return p.text(declared) }
}

func idOf(declared Param) func(*Params) int64 { return func(p *Params) int64 { return p.ID(declared) } }

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

// accepting returns op with a body of type B.
func accepting[B any](op operation) operation {
	op.Body = reflect.TypeFor[B]()
	return op
}

// Description contains the inputs of the API document: every operation, and the shapes of errors.
type Description struct {
	Operations     []Operation
	Error, Problem reflect.Type
}

// Describe returns the description of all operations. It does not need any dependencies.
func Describe() Description {
	s := newServer(Deps{
		Analytics: &analytics.Analytics{}, Entities: &directory.Entities{},
		Audit:     &AuditDeps{History: struct{ HistoryReader }{}},
		Directory: &DirectoryDeps{}, SignIns: struct{ SignIns }{},
		Operators: struct{ OperatorService }{}, MainApp: &MainAppDeps{}, Metrics: http.NotFoundHandler(),
		Connect: &connect.Connect{Config: connect.Config{Meta: (&platforms.Set{}).Signed}},
	})
	s.close()
	return Description{
		append(s.routes, (&streams{}).routes()...), reflect.TypeFor[errorBody](), reflect.TypeFor[problemBody](),
	}
}

// Refusal returns the response to an error: its status, and its body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return StatusOf(shape.Code), shape, problemOf(shape)
}
