package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ledgerboard/ledgerboard/api"
)

// documentVersion is the version of the documents. The major version changes when a response loses
// a member.
const documentVersion = "1.0.0"

const openAPIText = `Dashboards, analytics, audit and live updates of ledgerboard.

A request in a shell, with BASE for this server and TOKEN for a bearer token; /docs has one for each operation:

    BASE=http://localhost:6001
    curl -H "Authorization: Bearer $TOKEN" "$BASE/auth/reach/getAccountNetGrowth?tz=Europe/Berlin&granularity=week"

Analytics are served under /auth; a standalone server also serves them at its root. This document lists each path once, with both prefixes as
servers. startTime, endTime and pId may be query parameters where a path does not contain them. The default range is the last 30 days. Paths under
/api/ reject unknown query parameters. The analytics ignore unknown parameters and list them in meta.ignored, except start, end, from and to, which
look like a range: for these, the response is a 400 that names the correct parameters. Paths are case-insensitive, but the ids in them are not.

The parameter compare selects what totals and series are compared with: previous, the period of equal length immediately before the range; year, the
same dates one year earlier; or none. By default, totals are compared with the previous period, and series have no comparison. Entry i of
previous_series is compared with entry i of series, and its day is the first day of the earlier interval; intervals that have not begun have no entry.

All responses have the same envelope: success, message, data and, for some operations, meta. All errors have the shape ErrorBody or, with
Accept: application/problem+json, the shape defined in RFC 9457. An error lists every invalid input at once. For an object of another tenant, the
response is 404, as for an object that does not exist. In figures, null means "unknown", never 0; meta.sources explains why.

A value that matches the schema of its parameter is well-formed. Schemas cannot express the following rules: a range starts before it ends and has
at most 1,096 days; at excludes version, from and to; a moment in the history is not in the future; meta applies to JSON, and table
to CSV and workbooks; a cursor comes from a page of the same list, and a Last-Event-ID from the same stream; a_type is allowed for LinkedIn only. For a
violation, the response is a 400 that names the parameter.

To page through a list, pass the previous page's meta.next_cursor as cursor; limit sets the page size. An ETag identifies the response body: if the
body has not changed, a request with If-None-Match returns 304. HEAD is answered like GET, without the body; on streams and exports it is refused
with 405, because it would record a view of the history that no one had. The RateLimit header reports the remaining requests; 429 and 503 responses say in
Retry-After how long to wait.

Kinds of metrics: a **stock** is a current level, such as followers; its value for a range is the last reading. A **cumulative** metric is a running
total; its value for a range is the difference between the readings at the ends. A **day flow** belongs to a day of the platform; its value for a
range is the sum of the days. A **rolling** metric covers the platform's own window; responses show it as read and never add or subtract it.

Analytics are also available as CSV (Accept: text/csv): one row for each element of each list, which includes the scalars of the
elements that contain it. Columns are paths; the column table names the list. A list of scalars is one cell, separated by
spaces; null is an empty cell. The encoding is UTF-8 without a byte order mark. For people, format=xlsx
returns a workbook with one sheet per table. The parameter table selects one table, and returns it as CSV unless Accept or format asks for a
workbook, so that a link can download it. The table meta.sources explains for every social account why a cell is empty. With table or format, the
response is 400 if Accept contains application/json and does not prefer another format.`

// openAPI builds the document without its servers.
func openAPI(root string, made *schemas) (tree, error) {
	_, refused, problem := api.Refusal(errors.New("any"), "")
	made.of(reflect.TypeOf(refused))
	made.of(reflect.TypeOf(problem))
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
			Schemas: made.components, Headers: responseHeaders(), Responses: refusalResponses(), Examples: refusalExamples(),
			SecuritySchemes: openapi3.SecuritySchemes{
				"bearer": {Value: &openapi3.SecurityScheme{
					Type: "http", Scheme: "bearer", BearerFormat: "JWT",
					Description: "A token with the claims sub, account_id and role.",
				}},
				"ticket": {Value: &openapi3.SecurityScheme{
					Type: "apiKey", In: "query", Name: "ticket",
					Description: "A ticket from POST /api/notices/ticket, for EventSource.",
				}},
			},
		},
	}
	for _, tag := range api.Tags() {
		doc.Tags = append(doc.Tags, &openapi3.Tag{Name: tag.Name, Description: tag.Text})
	}
	faults := []error{}
	var all []*openapi3.Operation
	for _, op := range api.Operations() {
		described, err := made.operation(op)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", op.Method, op.Pattern, err))
			continue
		}
		pattern := strings.TrimSuffix(op.Pattern, "*") // OpenAPI has no wildcards
		path, analytics := strings.CutPrefix(pattern, api.PrefixAnalytics)
		if doc.Paths.Value(path) == nil {
			doc.Paths.Set(path, &openapi3.PathItem{})
		}
		if analytics { // relative to the document's URL
			doc.Paths.Value(path).Servers = openapi3.Servers{{URL: "." + api.PrefixAnalytics}, {URL: "."}}
		}
		doc.Paths.Value(path).SetOperation(op.Method, described)
		all = append(all, described)
	}
	if err := errors.Join(append(faults, made.err(), addExamples(root, all))...); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	var shared tree
	err = json.Unmarshal(raw, &shared)
	share(shared)
	return shared, err
}

// responseHeaders returns the response headers.
func responseHeaders() openapi3.Headers {
	header := func(kind, text string) *openapi3.HeaderRef {
		described := openapi3.Parameter{Description: text, Schema: typed(kind)}
		return &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: described}}
	}
	return openapi3.Headers{
		"ETag": header("string", "Entity tag of the response. A request that sends it as If-None-Match returns 304 if the response has not changed. "+
			"The entity tag of a dashboard is its version, for If-Match."),
		"Idempotency-Replayed": header("string", "true if this is the response to an earlier request with the same Idempotency-Key."),
		"Retry-After":          header("integer", "Seconds to wait before retrying."),
		"Content-Disposition":  header("string", "Name of the file."),
		"Export-Summary":       header("string", "What a file of CSV or JSON Lines contains, as JSON: complete, and if it is false the reason; as_of, the version and time of the newest record; and the moment or range."),
		"Link":                 header("string", "URL of the next page, as rel=next; absent on the last page."),
		"RateLimit":            header("string", `Remaining requests (r) and seconds until the quota resets (t), for example "user";r=5999;t=60.`),
		"RateLimit-Policy":     header("string", `Quota of a caller: requests (q) per window in seconds (w), for example "user";q=6000;w=60.`),
		"WWW-Authenticate":     header("string", "The required authentication scheme."),
	}
}

func headersNamed(names ...string) openapi3.Headers {
	headers := openapi3.Headers{}
	for _, name := range names {
		headers[name] = &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
	}
	return headers
}
