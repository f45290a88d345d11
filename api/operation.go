package api

import (
	"bufio"
	"context"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

type operation struct {
	// Input is the type of the function's input, and Parameters are those of its members that are not
	// in the body.
	Input      reflect.Type
	Parameters []Parameter
	// run calls the function. The input is a pointer to the type Input.
	run  func(s *Server, ctx context.Context, c Caller, input any) (output any, err error)
	plan *tabular.Plan // of figures

	bodyIndex []int

	// stream and serve are used instead of run by routes that are not functions: streams, and pages and
	// documents, which also read their input themselves.
	stream func(s *Server, w http.ResponseWriter, r *http.Request, c Caller, input any) error
	serve  serveFunc

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
// except that it counts no requests. The input is a pointer to the operation's type of inputs, from
// [Server.decode], which checks it. Streams, pages and documents have no function.
func (s *Server) Call(ctx context.Context, op Operation, c Caller, input any) (output any, err error) {
	if op.run == nil {
		return nil, errNothingHere
	}
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
	for _, field := range reflect.VisibleFields(op.Input) {
		if body, ok := field.Tag.Lookup("body"); ok {
			op.Body, op.bodyIndex, op.BodyOptional = field.Type, field.Index, body == "optional"
			if op.Body == reflect.TypeFor[Lines]() {
				op.BodyMedia = mediaNDJSON
			}
		}
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
			continue
		}
		op.Parameters = parametersOf(op.Input, op.Pattern)
		op.mustDeclare()
		if at := slices.IndexFunc(op.Parameters, func(p Parameter) bool { return p.Name == "table" }); at >= 0 {
			op.Parameters[at].Words = append(op.plan.Names(), tableOfSources)
		}
		all[i] = op
	}
	return all
}

// write writes the response with an output.
func (s *Server) write(w http.ResponseWriter, r *http.Request, op Operation, input, output any) error {
	if figures, ok := output.(interface {
		write(w http.ResponseWriter, r *http.Request, f Form, plan *tabular.Plan) error
	}); ok {
		asked, _ := input.(figuresInput)
		return figures.write(w, r, asked.form(), op.plan)
	}
	if headers, ok := output.(interface{ setHeader(http.Header) }); ok {
		headers.setHeader(w.Header())
	}
	if file, ok := output.(File); ok {
		w.Header().Set("Content-Type", file.Type)
		if file.Write != nil {
			send(w, r, file, s.deps.Logger)
			return nil
		}
		writeTagged(w, r, file.Body)
		return nil
	}
	var meta any
	if list, ok := output.(interface{ parts() (data, meta any) }); ok {
		output, meta = list.parts()
	}
	if list := reflect.ValueOf(output); list.Kind() == reflect.Slice && list.IsNil() {
		output = []none{} // never null
	}
	return writeData(w, output, meta)
}

// Result is an output with a meta.
type Result[D, M any] struct {
	Data D
	Meta M
}

// List is a page of a list.
type List[E any] = Result[[]E, readmodels.ListMeta]

func (Result[D, M]) types() Answer {
	return Answer{Data: reflect.TypeFor[D](), Meta: reflect.TypeFor[M]()}
}

func (r Result[D, M]) parts() (data, meta any) { return r.Data, r.Meta }

// File is an output that is not JSON.
type File struct {
	Type string
	Body []byte // the content of a file without Write

	Name  string
	Write func(*bufio.Writer) error // sends the content, after all checks and the record
	// Summary tells what a file of Write contains whose content cannot tell it, as JSON.
	Summary string
}

func (File) types() Answer { return Answer{} }

// streaming returns the route of a stream, which is a method of a group.
func streaming[G ~struct{ *Server }, I any](serve func(G, http.ResponseWriter, *http.Request, Caller, I) error) operation {
	return operation{Input: reflect.TypeFor[I](), stream: func(s *Server, w http.ResponseWriter, r *http.Request, c Caller, input any) error {
		in, _ := input.(*I)
		return serve(G(struct{ *Server }{s}), w, r, c, *in)
	}}
}

// Refusal returns the response to an error: its status, and its body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return StatusOf(shape.Code), shape, problemOf(shape)
}
