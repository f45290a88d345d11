package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/internal/csvtable"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type operation struct {
	// Input is the type of the function's input, and Parameters are those of its members that are not
	// in the body.
	Input      reflect.Type
	Parameters []Parameter
	// run calls the function. The input is a pointer to the type Input.
	run  func(s *Server, ctx context.Context, c Caller, input any) (output any, err error)
	plan *csvtable.Plan // of figures

	serve endpointFunc
	// read is used instead of serve if parameters are read by their declarations.
	read   func(http.ResponseWriter, *http.Request, *Params) error
	takes  []Param
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

// Caller is a verified caller of an operation, and the request for which it calls.
type Caller struct {
	Principal

	RequestID   string
	TraceParent string
}

// in returns the caller, acting in role, in the form that records store. Operators and main
// applications act for no agency.
func (c Caller) in(role Role) commands.Caller {
	acting := commands.Caller{UserID: c.UserID, Role: string(role), RequestID: c.RequestID, TraceParent: c.TraceParent}
	if role != RoleOperator && role != RoleMainApp {
		acting.ParentAccount = c.AccountID
	}
	return acting
}

// Call calls the function of an operation. It makes every check of the caller that the router makes,
// except that it counts no requests. The input is a pointer to the operation's type of inputs.
func (s *Server) Call(ctx context.Context, op Operation, c Caller, input any) (output any, err error) {
	if op.Roles != nil {
		if c.Principal, err = s.authorizer.admitted(ctx, c.Principal); err != nil {
			return nil, err
		}
	}
	if err := s.permits(op, c.Principal); err != nil {
		return nil, err
	}
	return op.run(s, ctx, c, input)
}

// permits returns an error if a caller may not call an operation, or if it cannot be called now.
// While the read models are not ready, only operators may call, because they repair the read models.
// While it is unknown who has lost access, changes and audit reads are refused.
func (s *Server) permits(op Operation, p Principal) error {
	if op.Roles == nil {
		return nil
	}
	if !p.Roles.Has(op.Roles...) {
		return errWrongRole
	}
	if slices.Equal(op.Roles, []Role{RoleOperator}) {
		return nil
	}
	byPeople := slices.Contains(op.Roles, RoleAgency) || slices.Contains(op.Roles, RoleClient)
	changes := op.Method == http.MethodPut || op.Method == http.MethodPost && byPeople && op.Pattern != patternTicket
	err := s.deps.Ready()
	if err == nil && (changes || op.audit) {
		err = s.deps.PeopleKnown()
	}
	return err
}

// does returns the operation of a method of a group.
func does[G ~struct{ *Server }, I, O any](call func(G, context.Context, Caller, I) (O, error)) operation {
	op := operation{Input: reflect.TypeFor[I](), Answer: Answer{Data: reflect.TypeFor[O]()}}
	if output, ok := any(*new(O)).(interface{ types() Answer }); ok {
		op.Answer = output.types()
	}
	op.run = func(s *Server, ctx context.Context, c Caller, input any) (any, error) {
		in, _ := input.(*I)
		return call(G(struct{ *Server }{s}), ctx, c, *in)
	}
	return op
}

// described returns operations with their parameters.
func described(all []Operation) []Operation {
	for i, op := range all {
		if op.Input == nil {
			all[i].Parameters = parametersOfOld(op)
			continue
		}
		op.Parameters = parametersOf(op.Input, op.Pattern)
		op.mustDeclare()
		if at := slices.IndexFunc(op.Parameters, func(p Parameter) bool { return p.Name == "table" }); at >= 0 {
			op.Parameters[at].Words = append(op.plan.Names(), csvSources)
		}
		all[i] = op
	}
	return all
}

// write writes the response with an output.
func (op Operation) write(w http.ResponseWriter, r *http.Request, input, output any) error {
	if figures, ok := output.(interface {
		write(w http.ResponseWriter, r *http.Request, f Form, plan *csvtable.Plan) error
	}); ok {
		asked, _ := input.(figuresInput)
		return figures.write(w, r, asked.form(), op.plan)
	}
	return writeData(w, output, nil)
}

// parametersOfOld describes the declared parameters of operations without an input.
func parametersOfOld(op Operation) (all []Parameter) {
	for _, p := range op.takes {
		in := InQuery
		switch {
		case p.Header:
			in = InHeader
		case strings.Contains(op.Pattern, "{"+p.Name+"}"):
			in = InPath
		}
		if p.Kind == KindText && p.Words != nil {
			p.Kind = KindPlatformName
		}
		example := ""
		if p.Example != nil {
			example = fmt.Sprint(p.Example)
		}
		all = append(all, Parameter{
			Name: p.Name, In: in, Required: p.Required || in == InPath, Default: p.Default, Words: p.Words, Example: example,
			Type: kindTypes[p.Kind], Text: p.Text,
		})
	}
	return all
}

var kindTypes = map[Kind]reflect.Type{
	KindPlatformName: reflect.TypeFor[PlatformName](), KindText: reflect.TypeFor[string](), KindWord: reflect.TypeFor[string](), KindHexID: reflect.TypeFor[HexID](), KindRowID: reflect.TypeFor[RowID](),
	KindAccount: reflect.TypeFor[Account](), KindAccounts: reflect.TypeFor[Accounts](), KindActivity: reflect.TypeFor[ActivityID](),
	KindPlatform: reflect.TypeFor[Platforms](), KindCategory: reflect.TypeFor[CategoryID](), KindActor: reflect.TypeFor[Person](),
	KindKey: reflect.TypeFor[IdempotencyKey](), KindTags: reflect.TypeFor[Match](), KindChanges: reflect.TypeFor[Changes](), KindTime: reflect.TypeFor[Time](),
	KindZone: reflect.TypeFor[Zone](), KindMoment: reflect.TypeFor[Moment](), KindVersion: reflect.TypeFor[Version](),
	KindGranularity: reflect.TypeFor[analytics.Granularity](), KindOrder: reflect.TypeFor[string](), KindLimit: reflect.TypeFor[Limit](),
	KindCursor: reflect.TypeFor[Cursor](), KindDigest: reflect.TypeFor[Preview](), KindDeadLetter: reflect.TypeFor[DeadLetter](),
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
	return operation{takes: append(readBy(parse), headers...), read: read}
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
		described(append(s.routes, (&streams{}).routes()...)), reflect.TypeFor[errorBody](), reflect.TypeFor[problemBody](),
	}
}

// Refusal returns the response to an error: its status, and its body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return StatusOf(shape.Code), shape, problemOf(shape)
}
