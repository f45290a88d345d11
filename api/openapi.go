package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// openAPI is the document of the routes (OpenAPI 3.1). It is made from the table that serves them, from
// what their parsers read, and from the structs of their answers with the comments of their fields.
type openAPI struct {
	OpenAPI    string                                 `json:"openapi"`
	Info       openAPIInfo                            `json:"info"`
	Servers    []openAPIServer                        `json:"servers"`
	Security   []map[string][]string                  `json:"security"`
	Tags       []openAPITag                           `json:"tags"`
	Paths      map[string]map[string]openAPIOperation `json:"paths"`
	Components openAPIComponents                      `json:"components"`
}

type openAPIInfo struct {
	Title       string            `json:"title"`
	Version     string            `json:"version"`
	Description string            `json:"description"`
	License     map[string]string `json:"license"`
}

type openAPIServer struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

type openAPITag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type openAPIComponents struct {
	Schemas         *members                     `json:"schemas"`
	Headers         map[string]openAPIHeader     `json:"headers"`
	Responses       map[string]openAPIResponse   `json:"responses"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

type openAPIOperation struct {
	OperationID string                     `json:"operationId"`
	Summary     string                     `json:"summary"`
	Description string                     `json:"description,omitempty"`
	Tags        []string                   `json:"tags"`
	Security    *[]map[string][]string     `json:"security,omitempty"`
	Roles       []Role                     `json:"x-roles,omitempty"`
	Samples     []codeSample               `json:"x-codeSamples,omitempty"`
	Parameters  []openAPIParameter         `json:"parameters,omitempty"`
	RequestBody *openAPIBody               `json:"requestBody,omitempty"`
	Responses   map[string]openAPIResponse `json:"responses"`
}

type openAPIParameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Required    bool   `json:"required,omitempty"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
	Example     any    `json:"example,omitempty"`
}

type openAPIBody struct {
	Required bool                    `json:"required"`
	Content  map[string]openAPIMedia `json:"content"`
}

type openAPIMedia struct {
	Schema  schema `json:"schema"`
	Example any    `json:"example,omitempty"`
}

type openAPIResponse struct {
	Ref         string                   `json:"$ref,omitempty"`
	Description string                   `json:"description,omitempty"`
	Headers     map[string]openAPIHeader `json:"headers,omitempty"`
	Content     map[string]openAPIMedia  `json:"content,omitempty"`
}

type openAPIHeader struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
}

const openAPIText = `Dashboards, analytics, audit and live updates of ledgerboard.

Each operation has a request to copy; BASE is this server and TOKEN the bearer token of the main application:

    BASE=http://localhost:6001
    curl -H "Authorization: Bearer $TOKEN" "$BASE/auth/reach/getAccountNetGrowth?tz=Europe/Berlin&granularity=week"

Analytics are under /auth; a standalone server has them at its root as well. What a path does not name (startTime, endTime, pId) may stand in
the query. A range without ends is the last 30 days; a parameter that does nothing at an address is a 400, and one that nobody knows is
ignored. The comparison with the previous period of equal length is always part of an answer and takes no parameter.

Answers have one envelope: success, message, data, and where there is more to say, meta. Errors have one shape (ErrorBody), or that of
RFC 9457 with Accept: application/problem+json: every wrong input is named at once, and what is another tenant's is a 404 like what does not
exist. null always means "not known", never 0; meta.sources says why.

Lists go on with ?cursor= (meta.next_cursor of the page before), ?limit= entries at a time. An ETag is of the answer itself: with
If-None-Match an unchanged one is a 304. RateLimit says what is left; 429 and 503 say in Retry-After when to come again.

Kinds of figures: a **stock** is what there is (followers: the last reading counts); a **cumulative** counter gives a range by the
difference of its readings at the ends; a **day flow** belongs to a day of the platform and a range is the sum of its days; a
**rolling** figure is over the platform's own window and is shown as read, never added or subtracted.

Analytics are also served as CSV (Accept: text/csv): a row for each element of each list, with the scalars of the elements that it
stands in; columns are paths; the column table names the list, and ?table= picks one. Lists of scalars stand in one cell, separated by
spaces; null is an empty cell. It is UTF-8 without a byte order mark: a page that saves it for Excel puts one before it.`

// makeOpenAPI makes the document, but for where it is read.
func (s *Server) makeOpenAPI() (*openAPI, error) {
	comments, err := sourceComments()
	if err != nil {
		return nil, err
	}
	made := newSchemas(comments)
	made.of(errorType)
	made.of(problemType)
	doc := &openAPI{
		OpenAPI: "3.1.0",
		Info: openAPIInfo{
			Title: "ledgerboard", Version: apiVersion, Description: openAPIText,
			License: map[string]string{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		Security: []map[string][]string{{"bearer": {}}},
		Paths:    map[string]map[string]openAPIOperation{},
		Components: openAPIComponents{
			Schemas: made.components, Headers: responseHeaders(), Responses: errorResponses(),
			SecuritySchemes: map[string]map[string]string{
				"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Token with sub, account_id and role."},
				"ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "One-time ticket, for EventSource."},
			},
		},
	}
	var faults []error
	names := operationNames(s.routes())
	for _, r := range s.routes() {
		path := documentPath(r.pattern)
		if doc.Paths[path] == nil {
			doc.Paths[path] = map[string]openAPIOperation{}
		}
		op, err := documented(r, made)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", r.method, r.pattern, err))
		}
		op.OperationID = names[r.method+r.pattern]
		doc.Paths[path][strings.ToLower(r.method)] = op
		if !slices.ContainsFunc(doc.Tags, func(t openAPITag) bool { return t.Name == r.about.tag }) {
			doc.Tags = append(doc.Tags, openAPITag{r.about.tag, tagTexts[r.about.tag]})
		}
	}
	return doc, errors.Join(append(faults, made.faults...)...)
}

// apiVersion is that of the document: its first number changes when an answer loses something.
const apiVersion = "1.0.0"

// documentPath is a pattern as OpenAPI writes it, which knows no star.
func documentPath(pattern string) string { return strings.TrimSuffix(pattern, "*") }

func documented(r route, made *schemas) (openAPIOperation, error) {
	summary, text := r.about.summary, r.about.text
	if summary == "" {
		summary, text = fromComment(made.comments.ofQuery(r.about.query))
	}
	if summary == "" {
		return openAPIOperation{}, errors.New("has no summary: write the comment of its query, or about.summary")
	}
	if strings.Contains(r.pattern, "{memberId}") && !strings.Contains(summary, "member") {
		summary = "Of one member: " + strings.ToLower(summary[:1]) + summary[1:]
	}
	op := openAPIOperation{
		Samples: samplesOf(r), Summary: summary, Description: text, Tags: []string{r.about.tag}, Roles: r.roles,
		Parameters: parametersOf(r), Responses: map[string]openAPIResponse{},
	}
	switch {
	case r.pattern == patternNotices, r.pattern == patternLive:
		op.Security = &[]map[string][]string{{"bearer": {}}, {"ticket": {}}}
	case r.roles == nil:
		op.Security = &[]map[string][]string{}
	}
	if r.about.body != nil {
		op.RequestBody = &openAPIBody{Required: true, Content: map[string]openAPIMedia{mediaJSON: {Schema: made.of(r.about.body), Example: exampleUpdate}}}
	}
	for _, code := range refusals(r) {
		op.Responses[strconv.Itoa(statusOf(code))] = openAPIResponse{Ref: "#/components/responses/" + string(code)}
	}
	for _, a := range r.about.answers {
		if r.roles != nil {
			a.headers = append(slices.Clone(a.headers), headerRateLimit, headerRatePolicy)
		}
		op.addAnswer(a, made)
	}
	return op, nil
}

func (op *openAPIOperation) addAnswer(a answerDoc, made *schemas) {
	key := strconv.Itoa(a.status)
	response := op.Responses[key]
	if response.Description == "" || response.Ref != "" {
		response = openAPIResponse{Description: a.text, Content: map[string]openAPIMedia{}, Headers: map[string]openAPIHeader{}}
	}
	maps.Copy(response.Headers, headersNamed(a.headers...))
	media := openAPIMedia{Schema: schema{Type: typeString}}
	if a.example != "" {
		media.Example = a.example
	}
	switch {
	case a.body != nil:
		media.Schema = made.of(a.body)
	case a.media == mediaJSON:
		media.Schema = schema{Type: typeObject}
	}
	if a.media != "" {
		response.Content[a.media] = media
	}
	op.Responses[key] = response
}

// refusals are the codes of the errors that a route can answer with.
func refusals(r route) []domain.Code {
	codes := slices.Clone(r.about.refuses)
	if r.roles != nil {
		codes = append(
			codes, domain.CodeInvalid, domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeNotFound,
			domain.CodeRateLimited, domain.CodeInternal, domain.CodeUnavailable,
		)
	}
	return codes
}

// parametersOf are the parameters of the path, then those that the parser reads from the query.
func parametersOf(r route) []openAPIParameter {
	var noted []param
	if r.about.parse != nil {
		params := NewParams(func(string) (string, bool) { return "", false }, time.Time{})
		params.noted = &noted
		r.about.parse(params)
	}
	var out []openAPIParameter
	for _, name := range pathNames(r.pattern) {
		p := openAPIParameter{Name: name, In: "path", Required: true, Schema: schema{Type: typeString}}
		if i := slices.IndexFunc(noted, func(n param) bool { return n.name == name }); i >= 0 {
			p.Description, p.Schema = inPath(noted[i].text), noted[i].schema
			noted = slices.Delete(noted, i, i+1)
		}
		p.Example = exampleValues[name]
		out = append(out, p)
	}
	for _, n := range noted {
		out = append(out, openAPIParameter{
			Name: n.name, In: "query", Required: n.required, Description: n.text, Schema: n.schema, Example: exampleValues[n.name],
		})
	}
	for _, h := range r.about.headers {
		out = append(out, openAPIParameter{Name: h.name, In: "header", Required: h.required, Description: h.text, Schema: h.schema})
	}
	return out
}

// parametersNamed are the names of what a group of routes takes in paths and queries.
func parametersNamed(routes []route, tag string) map[string]bool {
	names := map[string]bool{}
	for _, r := range routes {
		if r.about.tag != tag {
			continue
		}
		for _, p := range parametersOf(r) {
			names[p.Name] = names[p.Name] || p.In != "header"
		}
	}
	return names
}

var pathName = regexp.MustCompile(`{(\w+)}`)

func pathNames(pattern string) (names []string) {
	for _, match := range pathName.FindAllStringSubmatch(pattern, -1) {
		names = append(names, match[1])
	}
	return names
}

var commentStart = regexp.MustCompile(`^\w+ (is endpoint \d+: |is |answers the endpoints [\d, and]+: )`)

// fromComment makes a summary and a text of the comment of a query, without the method's name.
func fromComment(text string) (summary, rest string) {
	text = commentStart.ReplaceAllString(text, "")
	if text == "" {
		return "", ""
	}
	summary, rest, _ = strings.Cut(strings.ToUpper(text[:1])+text[1:], ". ")
	return strings.TrimSuffix(summary, ".") + ".", rest
}

// errorResponses has a response for each code.
func errorResponses() map[string]openAPIResponse {
	responses := map[string]openAPIResponse{}
	for code, text := range refusalTexts {
		r := openAPIResponse{
			Description: text,
			Content: map[string]openAPIMedia{
				mediaJSON:    {Schema: schema{Ref: "#/components/schemas/ErrorBody"}, Example: exampleError(code)},
				mediaProblem: {Schema: schema{Ref: "#/components/schemas/ProblemBody"}, Example: problemOf(exampleError(code))},
			},
		}
		switch code { //nolint:exhaustive // the others have no header of their own
		case domain.CodeUnavailable:
			r.Headers = headersNamed(headerRetryAfter)
		case domain.CodeRateLimited:
			r.Headers = headersNamed(headerRetryAfter, headerRateLimit, headerRatePolicy)
		case domain.CodeUnauthenticated:
			r.Headers = headersNamed(headerChallenge)
		}
		responses[string(code)] = r
	}
	return responses
}

// getOpenAPI answers the document, with the address that it was read from as the server.
func (s *Server) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	doc, err := s.documentAt(mountedAt(r, patternOpenAPI))
	if err != nil {
		return fmt.Errorf("make API document: %w", err)
	}
	return writeDocument(w, doc)
}

// documentAt is the document as it is read under a path.
func (s *Server) documentAt(base string) (openAPI, error) {
	made, err := s.openAPI()
	if err != nil {
		return openAPI{}, err
	}
	doc := *made // others read it at the same time
	doc.Servers = []openAPIServer{{URL: base + "/", Description: "Where this document was read."}}
	return doc, nil
}

func writeDocument(w http.ResponseWriter, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode document: %w", err)
	}
	w.Header().Set("Content-Type", mediaJSON)
	_, _ = w.Write(raw) // a caller that went away is no failure of ours
	return nil
}

// refusalTexts say when each code comes.
var refusalTexts = map[domain.Code]string{
	domain.CodeInvalid:            "The request is malformed; errors names every input that is wrong.",
	domain.CodeUnauthenticated:    "There is no usable token.",
	domain.CodeForbidden:          "The caller's role, or the dashboard, does not allow it.",
	domain.CodeNotFound:           "There is nothing there for this caller: unknown, or another tenant's.",
	domain.CodeConflict:           "Too many changes of one agency at once. Repeat the request.",
	domain.CodePreconditionFailed: "If-Match did not hold.",
	domain.CodeTooLarge:           "The body is too large.",
	codeUnsupportedMediaType:      "The body is not JSON in UTF-8.",
	domain.CodeUnprocessable:      "The request is well-formed and against a rule.",
	domain.CodeRateLimited:        "The caller has used up its requests, or its connections.",
	domain.CodeUnavailable:        "It cannot be served now. With Command-Id the outcome is open: repeat with it as Idempotency-Key.",
	domain.CodeInternal:           "A defect of the service; report the request id.",
}
