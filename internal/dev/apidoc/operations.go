package apidoc

import (
	"fmt"
	"go/ast"
	"go/token"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	mediaXLSX    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	mediaEvents  = "text/event-stream"
	mediaHTML    = "text/html"
)

// operation returns the description of an operation.
func (s *schemas) operation(op api.Operation) (*openapi3.Operation, error) {
	text, err := s.source.comment(op.ID)
	if err != nil {
		return nil, err
	}
	summary, description, _ := strings.Cut(text, ". ")
	doc := &openapi3.Operation{
		OperationID: op.ID, Summary: sentence(summary), Description: description, Tags: []string{op.Tag},
		Responses: openapi3.NewResponsesWithCapacity(0), Extensions: map[string]any{},
	}
	switch {
	case op.Roles != nil:
		doc.Extensions["x-roles"] = op.Roles
	case slices.Contains(op.Answer.Media, mediaEvents):
		op.Refuses = []domain.Code{domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound}
		doc.Security = &openapi3.SecurityRequirements{{"bearer": {}}, {"ticket": {}}}
	default:
		doc.Security = &openapi3.SecurityRequirements{}
	}
	for _, declared := range op.Parameters {
		p, err := s.parameter(declared)
		if err != nil {
			return nil, err
		}
		doc.Parameters = append(doc.Parameters, p)
	}
	s.addRefusals(doc.Responses, op)
	if op.Body != nil {
		doc.RequestBody = s.body(op)
	}
	s.addAnswers(doc.Responses, op)
	return doc, nil
}

func (s *schemas) addRefusals(responses *openapi3.Responses, op api.Operation) {
	codes := slices.Clone(op.Refuses)
	if op.Roles != nil {
		responses.Set("default", &openapi3.ResponseRef{Ref: "#/components/responses/" + usualRefusal})
	}
	if op.Body != nil {
		codes = append(codes, domain.CodeTooLarge, codeUnsupportedMediaType)
	}
	for _, code := range codes {
		status, _, _ := api.Refusal(refusals[code].example, "")
		responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Ref: "#/components/responses/" + string(code)})
	}
}

// body returns the description of a request body.
func (s *schemas) body(op api.Operation) *openapi3.RequestBodyRef {
	media, name := &openapi3.MediaType{}, mediaJSON
	if op.BodyMedia == "" {
		s.taken = true
		media.Schema, media.Example = s.of(op.Body), exampleOf(op.Body)
		s.taken = false
		if !op.BodyOpen {
			s.resolved(media.Schema).AdditionalProperties.Has = new(false)
		}
	} else {
		name, media.Schema, media.Example = op.BodyMedia, typed("string"), exampleLines
	}
	return &openapi3.RequestBodyRef{Value: &openapi3.RequestBody{
		Required: !op.BodyOptional, Content: openapi3.Content{name: media},
	}}
}

const exampleLines = `{"type":"directory.category.v1","updated_at":"2026-11-21T08:00:00Z","data":{"id":7,"name":"Events"}}` + "\n" +
	`{"type":"directory.session.v1","id":"5e55","erase":true,"updated_at":"2026-11-21T08:00:00Z"}`

// addAnswers adds the responses that are not errors.
func (s *schemas) addAnswers(responses *openapi3.Responses, op api.Operation) {
	answer, content := op.Answer, openapi3.Content{}
	headers := slices.Clone(answer.Headers)
	if answer.Data != nil {
		content[mediaJSON] = &openapi3.MediaType{Schema: s.enveloped(answer.Data, answer.Meta)}
	}
	if answer.CSV != "" {
		headers = append(headers, "ETag", "Link", "Content-Disposition")
		content[mediaCSV] = &openapi3.MediaType{Schema: typed("string")}
		content[mediaXLSX] = &openapi3.MediaType{Schema: typed("string")}
	}
	if slices.Contains(headers, "ETag") && op.Method == http.MethodGet && !isOptimistic(op) {
		responses.Set(strconv.Itoa(http.StatusNotModified), &openapi3.ResponseRef{Ref: "#/components/responses/" + notModified})
	}
	resumed := slices.ContainsFunc(op.Parameters, func(p api.Parameter) bool { return p.Name == "Last-Event-ID" })
	for _, media := range answer.Media {
		switch {
		case media == mediaEvents:
			content[media] = &openapi3.MediaType{Schema: s.sent(eventsOf[op.ID], resumed)}
		case media != mediaJSON:
			content[media] = &openapi3.MediaType{Schema: typed("string")}
		case answer.Bare != nil:
			content[media] = &openapi3.MediaType{Schema: s.of(answer.Bare)}
		default:
			content[media] = &openapi3.MediaType{Schema: typed("object")}
		}
	}
	add := func(status int, text string, content openapi3.Content, headers ...string) {
		responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{
			Value: &openapi3.Response{Description: &text, Headers: headersNamed(headers...), Content: content},
		})
	}
	add(http.StatusOK, "OK", content, headers...)
	switch {
	case answer.Bare == reflect.TypeFor[operator.Health]() && op.Input != nil:
		unready := openapi3.Content{mediaJSON: {Schema: content[mediaJSON].Schema}}
		add(http.StatusServiceUnavailable, "The service cannot serve reads or, with for=writes, change dashboards; see checks.", unready, "Retry-After")
	case slices.Contains(answer.Media, mediaHTML) && op.Input != nil:
		add(http.StatusSeeOther, "A redirect to the next page.", nil)
		for status, text := range errorPages {
			if status != http.StatusUnprocessableEntity || op.Method == http.MethodPost {
				add(status, text, content)
			}
		}
	}
}

// isOptimistic reports whether the entity tag of an operation is for If-Match.
func isOptimistic(op api.Operation) bool { return op.Answer.Data != nil && op.Answer.CSV == "" }

// errorPages are the errors of pages for people.
var errorPages = map[int]string{
	http.StatusBadRequest:            "An error page: the request is malformed.",
	http.StatusForbidden:             "An error page: the sign-in or link is bound to another browser, or the requester no longer has access.",
	http.StatusNotFound:              "An error page: the sign-in or link is unknown or has expired.",
	http.StatusConflict:              "An error page: the sign-in or link has already been used.",
	http.StatusRequestEntityTooLarge: "An error page: the form is too large.",
	http.StatusUnprocessableEntity:   "A page that says what is wrong with the form.",
	http.StatusServiceUnavailable:    "An error page: the service is not ready.",
}

// comment returns the comment above the registration of an operation: the call or literal with the
// id. It is one paragraph, whose first sentence is the summary. The name of a variable at its start
// is removed.
func (s source) comment(id string) (string, error) {
	if err := s.readPackage("api"); err != nil {
		return "", err
	}
	if s.operations[id] == "" {
		return "", fmt.Errorf("the registration of %s has no comment: say what the operation does", id)
	}
	return s.operations[id], nil
}

// readOperations stores the comments above calls and literals with a string, by the strings.
func (s source) readOperations(files *token.FileSet, file *ast.File) {
	above := map[int]string{} // comments by the line below
	for _, group := range file.Comments {
		above[files.Position(group.End()).Line+1] = strings.ReplaceAll(markdown(group), "\n", " ")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		var parts []ast.Expr
		switch n := n.(type) {
		case *ast.ValueSpec:
			line := files.Position(n.Pos()).Line
			above[line] = withoutName(n.Names[0].Name, above[line])
		case *ast.CallExpr:
			parts = n.Args
		case *ast.CompositeLit:
			parts = n.Elts
		}
		for _, part := range parts {
			if literal, ok := part.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text := above[files.Position(n.Pos()).Line]; text != "" {
					s.operations[strings.Trim(literal.Value, `"`)] = text
				}
			}
		}
		return true
	})
}
