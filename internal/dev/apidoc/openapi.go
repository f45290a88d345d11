package apidoc

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
)

// documentVersion is that of the documents: its first number changes when an answer loses something.
const documentVersion = "1.0.0"

const openAPIText = `Dashboards, analytics, audit and live updates of ledgerboard.

Each operation has a request to copy; BASE is this server and TOKEN the bearer token of the main application:

    BASE=http://localhost:6001
    curl -H "Authorization: Bearer $TOKEN" "$BASE/auth/reach/getAccountNetGrowth?tz=Europe/Berlin&granularity=week"

Analytics are served under /auth; a standalone server has them at its root as well. Their paths stand here once, with both as servers. What a
path does not name (startTime, endTime, pId) may be in the query. A range without ends is the last 30 days. Addresses below /api/ refuse a
query parameter that they do not take. The analytics ignore it and name it in meta.ignored; but start, end, from and to, which look like a range,
are a 400 that names the parameters of the range. Letters of a path may have any case, those of ids in it may not.

?compare= says what totals and series are compared with: previous, the period of equal length right before the range; year, the same dates
one year before; none. Without it, totals are compared with the previous period, and series come without one.

Answers have one envelope: success, message, data, and where there is more to say, meta. Errors have one shape (ErrorBody), or that of
RFC 9457 with Accept: application/problem+json. An error names every wrong input at once. What belongs to another tenant is a 404, like what
does not exist. null always means "not known", never 0; meta.sources says why.

Whoever follows the forms of the parameters is not told that a value is malformed. No form says these: a range begins before it ends
and has at most 1,096 days; at excludes version, from and to; a moment of the history has come; meta is of JSON and table of CSV;
a cursor is one that a page of the same list gave, and Last-Event-ID one that the stream sent; a_type stands beside LinkedIn's number and no other.
Each of them is a 400 that names the parameter.

Lists continue with ?cursor= (meta.next_cursor of the page before), ?limit= entries at a time. An ETag is of the answer itself: with
If-None-Match an unchanged answer is a 304. RateLimit says what is left; 429 and 503 say in Retry-After when to come again.

Kinds of figures: a **stock** is what there is (followers: the last reading counts); a **cumulative** counter gives a range by the
difference of its readings at the ends; a **day flow** belongs to a day of the platform and a range is the sum of its days; a
**rolling** figure is over the platform's own window: answers show it as read and never add or subtract it.

Analytics are also served as CSV (Accept: text/csv): a row for each element of each list, with the scalars of the elements that contain
it. Columns are paths; the column table names the list, and ?table= picks one. Lists of scalars stand in one cell, separated by
spaces; null is an empty cell. It is UTF-8 without a byte order mark: a page that saves it for Excel puts one before it.`

// openAPI makes the document, but for its servers.
func openAPI(root string, described api.Description, made *schemas) (*openapi3.T, error) {
	made.of(described.Error)
	made.of(described.Problem)
	made.addLongKinds()
	made.addEnvelope()
	doc := &openapi3.T{
		OpenAPI: "3.1.0",
		Info: &openapi3.Info{
			Title: "ledgerboard", Version: documentVersion, Description: openAPIText,
			License: &openapi3.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Security: openapi3.SecurityRequirements{{"bearer": {}}},
		Paths:    openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: made.components, Headers: responseHeaders(), Responses: refusalResponses(),
			SecuritySchemes: openapi3.SecuritySchemes{
				"bearer": {Value: &openapi3.SecurityScheme{
					Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "Token with sub, account_id and role.",
				}},
				"ticket": {Value: &openapi3.SecurityScheme{
					Type: "apiKey", In: "query", Name: "ticket", Description: "A ticket of POST /api/notices/ticket, for EventSource.",
				}},
			},
		},
	}
	for _, tag := range tags {
		doc.Tags = append(doc.Tags, &openapi3.Tag{Name: tag.name, Description: tag.text})
	}
	unused := maps.Clone(operations)
	faults := []error{}
	var all []*openapi3.Operation
	for _, op := range described.Operations {
		made, err := operation(op, made)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", op.Method, op.Pattern, err))
			continue
		}
		path, analytics := strings.CutPrefix(strings.TrimSuffix(op.Pattern, "*"), api.PrefixAnalytics) // OpenAPI knows no *
		if doc.Paths.Value(path) == nil {
			doc.Paths.Set(path, &openapi3.PathItem{})
		}
		if analytics { // relative to where the document is read
			doc.Paths.Value(path).Servers = openapi3.Servers{
				{URL: "." + api.PrefixAnalytics, Description: "Every server."}, {URL: ".", Description: "A standalone server too."},
			}
		}
		doc.Paths.Value(path).SetOperation(op.Method, made)
		all = append(all, made)
		delete(unused, op.ID)
	}
	for id := range unused {
		faults = append(faults, fmt.Errorf("no route is called %s: take it out of operations.go", id))
	}
	share(doc)
	return doc, errors.Join(append(faults, made.err(), addExamples(root, all))...)
}

func operation(op api.Operation, made *schemas) (*openapi3.Operation, error) {
	a, known := aboutOf(op.ID)
	if !known {
		return nil, fmt.Errorf("say in operations.go what %s is for", op.ID)
	}
	isStream := slices.ContainsFunc(a.answers, func(a answer) bool { return slices.Contains(a.media, mediaEvents) })
	doc := &openapi3.Operation{
		OperationID: op.ID, Summary: a.summary, Description: a.text, Tags: []string{a.tag},
		Responses: openapi3.NewResponsesWithCapacity(0), Extensions: map[string]any{},
	}
	if samples := samplesOf(op, isStream); samples != nil {
		doc.Extensions["x-codeSamples"] = samples
	}
	switch {
	case op.Roles != nil:
		doc.Extensions["x-roles"] = op.Roles
	case isStream:
		doc.Security = &openapi3.SecurityRequirements{{"bearer": {}}, {"ticket": {}}}
	default:
		doc.Security = &openapi3.SecurityRequirements{}
	}
	var err error
	if doc.Parameters, err = parameters(op); err != nil {
		return nil, err
	}
	if op.Body != nil {
		media := &openapi3.MediaType{Example: exampleBody(op)}
		if op.BodyMedia == "" {
			strict := !strings.HasPrefix(op.Pattern, "/api/projects/dashboard/") // old callers send members that nobody knows
			media.Schema, media.Example = made.bodyOf(op.Body, strict), json.RawMessage(exampleBody(op))
		} else {
			media.Schema = openapi3.NewSchemaRef("", openapi3.NewStringSchema())
		}
		content := openapi3.Content{cmp.Or(op.BodyMedia, mediaJSON): media}
		doc.RequestBody = &openapi3.RequestBodyRef{Value: &openapi3.RequestBody{Required: !op.BodyOptional, Content: content}}
	}
	if op.Roles != nil {
		doc.Responses.Set("default", &openapi3.ResponseRef{Ref: "#/components/responses/" + usualRefusal})
	}
	for _, code := range a.refuses {
		status, _, _ := api.Refusal(refusals[code].example, "")
		doc.Responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Ref: "#/components/responses/" + string(code)})
	}
	addAnswers(doc.Responses, op, a, made)
	return doc, nil
}

// parameters are those of the path in its order, then the others.
func parameters(op api.Operation) (openapi3.Parameters, error) {
	place := func(declared api.Param) int {
		if at := strings.Index(op.Pattern, "{"+declared.Name+"}"); at >= 0 {
			return at
		}
		return len(op.Pattern)
	}
	takes := slices.Clone(op.Takes)
	slices.SortStableFunc(takes, func(a, b api.Param) int { return place(a) - place(b) })
	var out openapi3.Parameters
	inPath := 0
	for _, declared := range takes {
		named := place(declared) < len(op.Pattern)
		if named {
			inPath++
		}
		p, err := parameter(declared, named)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if inPath != strings.Count(op.Pattern, "{") {
		return nil, errors.New("the path names a parameter that the route does not declare")
	}
	return out, nil
}

// addAnswers adds what the operation answers when it does not refuse.
func addAnswers(responses *openapi3.Responses, op api.Operation, a about, made *schemas) {
	add := func(status int, text string, content openapi3.Content, headers ...string) {
		responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{
			Value: &openapi3.Response{Description: &text, Headers: headersNamed(headers...), Content: content},
		})
	}
	if data := op.Answer.Data; data != nil {
		headers := slices.Clone(a.headers)
		content := openapi3.Content{mediaJSON: {Schema: made.enveloped(data, op.Answer.Meta)}}
		if op.Answer.CSV != "" {
			headers = append(headers, "ETag", "Link", "Content-Disposition")
			content[mediaCSV] = &openapi3.MediaType{Schema: typed("string")}
			responses.Set(strconv.Itoa(http.StatusNotModified), &openapi3.ResponseRef{Ref: "#/components/responses/" + notModified})
		}
		add(http.StatusOK, "Done.", content, headers...)
	}
	resumed := slices.ContainsFunc(op.Takes, func(p api.Param) bool { return p.Name == "Last-Event-ID" })
	for _, other := range a.answers {
		content := openapi3.Content{}
		for _, media := range other.media {
			switch {
			case media == mediaEvents:
				content[media] = &openapi3.MediaType{Schema: made.sent(eventsOf[op.ID], resumed)}
			case media != mediaJSON:
				content[media] = &openapi3.MediaType{Schema: typed("string")}
			case op.Answer.Bare != nil:
				content[media] = &openapi3.MediaType{Schema: made.of(op.Answer.Bare)}
			default:
				content[media] = &openapi3.MediaType{Schema: typed("object")}
			}
		}
		add(other.status, other.text, content, other.headers...)
	}
}

// responseHeaders are the headers that answers bear.
func responseHeaders() openapi3.Headers {
	header := func(kind, text string) *openapi3.HeaderRef {
		return &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{Description: text, Schema: typed(kind)}}}
	}
	return openapi3.Headers{
		"ETag": header("string", "Entity tag of the answer. As If-None-Match it gives 304 as long as the answer is the same. "+
			"The tag of a dashboard is its version, for If-Match."),
		"Idempotency-Replayed": header("string", "true: this is the answer to an earlier request with the same Idempotency-Key."),
		"Retry-After":          header("integer", "Seconds to wait before the next try."),
		"Content-Disposition":  header("string", "Name of the file."),
		"Link":                 header("string", "The next page, as rel=next; absent on the last one."),
		"RateLimit":            header("string", `What is left: requests (r) and seconds until all are back (t), like "user";r=5999;t=60.`),
		"RateLimit-Policy":     header("string", `How many requests (q) a caller has in a time (w, seconds), like "user";q=6000;w=60.`),
		"WWW-Authenticate":     header("string", "What credentials are wanted."),
	}
}

func headersNamed(names ...string) openapi3.Headers {
	headers := openapi3.Headers{}
	for _, name := range names {
		headers[name] = &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
	}
	return headers
}
