package apidoc

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// codeUnsupportedMediaType is a code that only HTTP knows.
const codeUnsupportedMediaType domain.Code = "unsupported_media_type"

// usualRefusals are the error codes that every route with roles may return.
var usualRefusals = []domain.Code{
	domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound,
	domain.CodeRateLimited, domain.CodeInternal, domain.CodeUnavailable,
}

// refusal describes an error code, with an example error.
type refusal struct {
	text    string
	example error
	headers []string
}

func example(code domain.Code, message string) *domain.Error {
	return domain.NewError(code, "%s", message)
}

var refusals = map[domain.Code]refusal{
	domain.CodeInvalid: {
		text: "The request is malformed; errors lists every invalid input.",
		example: example(domain.CodeInvalid, "The request is not well-formed: startTime must be before endTime.").
			WithField("startTime", "must be before endTime"),
	},
	domain.CodeUnauthenticated: {
		text:    "The request has no valid token.",
		example: example(domain.CodeUnauthenticated, "The request has no token. Send the header Authorization: Bearer <token>."),
		headers: []string{"WWW-Authenticate"},
	},
	domain.CodeForbidden: {
		text: "The caller's role or the dashboard does not permit this.",
		example: example(domain.CodeForbidden,
			"Your role does not permit this. Sign in with an account that has permission."),
	},
	domain.CodeNotFound: {
		text:    "The object does not exist, or belongs to another tenant.",
		example: example(domain.CodeNotFound, "There is no such member. Check the id."),
	},
	domain.CodeConflict: {
		text:    "The request conflicts with the current state or with concurrent changes; message says what to do.",
		example: example(domain.CodeConflict, "Too many changes to this agency are being made at the same time. Send the request again."),
	},
	domain.CodePreconditionFailed: {
		text:    "The precondition in If-Match failed.",
		example: example(domain.CodePreconditionFailed, "The dashboard was changed since you read it. Read it again."),
	},
	domain.CodeTooLarge: {text: "The body is too large.", example: &http.MaxBytesError{Limit: api.MaxBody}},
	codeUnsupportedMediaType: {
		text:    "The request's Content-Type, charset or Content-Encoding is not supported.",
		example: example(codeUnsupportedMediaType, "The body must be JSON in UTF-8. Send it with Content-Type: application/json."),
	},
	domain.CodeUnprocessable: {
		text: "The request is well-formed but violates a rule.",
		example: example(domain.CodeUnprocessable, "The request violates a rule; see errors.").
			WithField("users[0]", "is not a user of the linked accounts or of the agency"),
	},
	domain.CodeRateLimited: {
		text:    "The caller has exceeded its limit of requests or connections.",
		example: example(domain.CodeRateLimited, "You have made more than 6000 requests in 60 seconds. Wait 12 seconds, then send requests more slowly."),
		headers: []string{"Retry-After", "RateLimit", "RateLimit-Policy"},
	},
	domain.CodeUnavailable: {
		text: "The service is temporarily unavailable. If the response has a Command-Id, the outcome is unknown: retry with it as " +
			"Idempotency-Key.",
		example: example(domain.CodeUnavailable, "The read models are being built. Try again in a moment."),
		headers: []string{"Retry-After"},
	},
	domain.CodeInternal: {text: "An internal error occurred; report the request id.", example: errors.New("a defect")},
}

const exampleRequest = "HZ3Q7DNVXK5WPAJ2T6RYMEBCSF"

// refusalExamples returns an example for each code.
func refusalExamples() openapi3.Examples {
	examples := openapi3.Examples{}
	for code, r := range refusals {
		_, body, _ := api.Refusal(r.example, exampleRequest)
		examples[string(code)] = &openapi3.ExampleRef{Value: &openapi3.Example{Value: body}}
	}
	return examples
}

func exampleOfCode(code domain.Code) openapi3.Examples {
	return openapi3.Examples{string(code): {Ref: "#/components/examples/" + string(code)}}
}

// refusalResponses returns a response for each code.
func refusalResponses() openapi3.ResponseBodies {
	responses := openapi3.ResponseBodies{}
	for code, r := range refusals {
		responses[string(code)] = &openapi3.ResponseRef{Value: &openapi3.Response{
			Description: &r.text, Headers: headersNamed(r.headers...),
			Content: openapi3.Content{
				mediaJSON:    {Schema: openapi3.NewSchemaRef("#/components/schemas/ErrorBody", nil), Examples: exampleOfCode(code)},
				mediaProblem: {Schema: openapi3.NewSchemaRef("#/components/schemas/ProblemBody", nil)},
			},
		}}
	}
	usual := openapi3.NewResponse().WithDescription("An error: " + usualStatuses() + ". Every response of an operation with roles has the RateLimit header.")
	usual.Headers = headersNamed("Retry-After", "WWW-Authenticate", "RateLimit", "RateLimit-Policy")
	usual.Content = openapi3.Content{}
	for media, schema := range map[string]string{mediaJSON: "ErrorBody", mediaProblem: "ProblemBody"} {
		usual.Content[media] = &openapi3.MediaType{
			Schema: openapi3.NewSchemaRef("#/components/schemas/"+schema, nil), Examples: openapi3.Examples{},
		}
	}
	for _, code := range usualRefusals {
		maps.Copy(usual.Content[mediaJSON].Examples, exampleOfCode(code))
	}
	_, _, problem := api.Refusal(refusals[domain.CodeInvalid].example, exampleRequest)
	usual.Content[mediaProblem].Examples = openapi3.Examples{string(domain.CodeInvalid): {Value: &openapi3.Example{Value: problem}}}
	responses[usualRefusal] = &openapi3.ResponseRef{Value: usual}
	unchanged := openapi3.NewResponse().WithDescription("The response has not changed; the caller's copy is current.")
	unchanged.Headers = headersNamed("ETag")
	responses[notModified] = &openapi3.ResponseRef{Value: unchanged}
	return responses
}

// Responses that many operations share.
const (
	usualRefusal = "Refused"
	notModified  = "NotModified"
)

// usualStatuses lists the statuses of [usualRefusals] with their meanings.
func usualStatuses() string {
	var texts []string
	for _, code := range usualRefusals {
		status, _, _ := api.Refusal(refusals[code].example, "")
		texts = append(texts, fmt.Sprintf("%d %s (%s)", status, code, strings.TrimSuffix(refusals[code].text, ".")))
	}
	return strings.Join(texts, "; ")
}
