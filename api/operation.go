package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

type operation struct {
	// Input is the type of the function's input, and Parameters are those members of the input that are
	// not in the body.
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

	Tag     string // the name of its group in the API document, see [Tags]
	Answer  Answer
	Refuses []domain.Code // besides those of every operation with roles, and those that follow from its body
	Body    reflect.Type  // of the request; nil if it has no body
	// BodyMedia is the media type of the body if it is not JSON.
	BodyMedia    string
	BodyOptional bool // whether the body may be absent
	BodyOpen     bool // whether unknown members of the body are ignored, except other spellings of absent ones
	audit        bool // whether it is part of the audit trail
}

// Answer describes an operation's successful response.
type Answer struct {
	Data    reflect.Type // data of the envelope; nil for responses without the envelope
	Meta    reflect.Type // meta of the envelope; may be nil
	CSV     string       // the header line of the response as CSV; "" if CSV is not supported
	Bare    reflect.Type // a response of JSON without the envelope; nil if it has no schema
	Media   []string     // the media types of a response without the envelope
	Headers []string
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
	acting := commands.Caller{UserID: c.UserID, Role: string(role), RequestID: c.RequestID, TraceParent: c.TraceParent, Local: c.Local}
	if role != RoleOperator && role != RoleMainApp {
		acting.ParentAccount = c.AccountID
	}
	return acting
}

// Op is an operation with the types of its input and output.
type Op[I, O any] struct{ Operation }

// Service calls operations; [*Server] implements it.
type Service interface {
	Call(ctx context.Context, op Operation, p Principal, given url.Values, change func(input any)) (output any, err error)
}

// Call calls the operation in this process, see [Server.Call]. Change may be nil.
func (o Op[I, O]) Call(
	ctx context.Context, s Service, p Principal, given url.Values, change func(*I),
) (output O, err error) {
	answered, err := s.Call(ctx, o.Operation, p, given, func(input any) {
		if in, ok := input.(*I); ok && change != nil {
			change(in)
		}
	})
	output, _ = answered.(O)
	return output, err
}

// Call calls the function of an operation in this process, for a caller whom it checks as the router
// does. It counts no request: see [Server.Count]. Given are the parameters of the path, the query and
// the headers by their names, as texts; change sets the body. They are checked as those of a request,
// except that every unknown parameter is an error. An error is a [*domain.Error] with what the caller
// may see; it is logged here. Streams, pages and documents have no function.
func (s *Server) Call(
	ctx context.Context, op Operation, p Principal, given url.Values, change func(input any),
) (output any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.faults.logPanic(ctx, fault)
			err = fmt.Errorf("panic: %v", fault)
		}
		if err != nil {
			public := *s.faults.report(ctx, op.Method, op.Pattern, err)
			public.RequestID = RequestID(ctx)
			output, err = nil, &public
		}
	}()
	op, served := s.functions[op.ID]
	if !served {
		return nil, errNothingHere
	}
	info := infoOf(ctx)
	c := Caller{p, info.id, info.traceParent}
	if op.Roles != nil {
		if c.Principal, err = s.authorizer.admitted(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := s.permits(op, c.Principal); err != nil {
		return nil, err
	}
	input, err := s.input(op, given, change)
	if err != nil {
		return nil, err
	}
	return op.run(s, ctx, c, input)
}

// Count counts a request of a caller who calls operations in this process, and sets the headers that
// say so. Beyond the limit, the error has code [domain.CodeRateLimited].
func (s *Server) Count(header http.Header, p Principal) error {
	return s.authorizer.limits.take(header, p)
}

// Observe adds a request that the caller of operations has served to the metrics of requests.
func (s *Server) Observe(ctx context.Context, method, route string, status int, took time.Duration) {
	s.metrics.done(ctx, method, route, status, took)
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

// typed is an operation, without a route, with the types of its input and output.
type typed[I, O any] struct{ operation }

// does returns the operation of a method of a group.
func does[G ~struct{ *Server }, I, O any](call func(G, context.Context, Caller, I) (O, error)) typed[I, O] {
	op := operation{Input: reflect.TypeFor[I](), Answer: Answer{Data: reflect.TypeFor[O]()}}
	if output, ok := any(*new(O)).(interface{ types() Answer }); ok {
		op.Answer = output.types()
	}
	for _, field := range reflect.VisibleFields(op.Input) {
		if body, ok := field.Tag.Lookup("body"); ok {
			op.Body, op.bodyIndex, op.BodyOptional, op.BodyOpen = field.Type, field.Index, body == "optional", body == "open"
			if op.Body == reflect.TypeFor[Lines]() {
				op.BodyMedia = mediaNDJSON
			}
		}
	}
	op.run = func(s *Server, ctx context.Context, c Caller, input any) (any, error) {
		in, _ := input.(*I)
		return call(G(struct{ *Server }{s}), ctx, c, *in)
	}
	return typed[I, O]{op}
}

// refusing returns the operation with the codes of the errors that are particular to it.
func (t typed[I, O]) refusing(codes ...domain.Code) typed[I, O] {
	t.Refuses = append(t.Refuses, codes...)
	return t
}

// sending returns the operation with the headers and the media types of its file.
func (t typed[I, O]) sending(headers []string, media ...string) typed[I, O] {
	t.Answer.Headers, t.Answer.Media = headers, media
	return t
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
		if file.Write != nil {
			file.Send(w, r, s.deps.Logger)
			return nil
		}
		w.Header().Set("Content-Type", file.Type)
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
	return operation{
		Input: reflect.TypeFor[I](), Answer: Answer{Media: []string{mediaEvents}},
		stream: func(s *Server, w http.ResponseWriter, r *http.Request, c Caller, input any) error {
			in, _ := input.(*I)
			return serve(G(struct{ *Server }{s}), w, r, c, *in)
		},
	}
}

// Refusal returns the response to an error: its status, and its body in both shapes.
func Refusal(err error, requestID string) (status int, body, problem any) {
	shape := errorOf(publicError(err), requestID)
	return StatusOf(shape.Code), shape, problemOf(shape)
}
