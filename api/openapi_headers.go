package api

import (
	"net/http"
	"reflect"
	"strings"
)

// Names of headers.
const (
	headerETag        = "ETag"
	headerReplayed    = "Idempotency-Replayed"
	headerRetryAfter  = "Retry-After"
	headerDisposition = "Content-Disposition"
	headerChallenge   = "WWW-Authenticate"
	headerLastEventID = "Last-Event-ID"
	headerIfNoneMatch = "If-None-Match"
	headerLink        = "Link"
	headerRateLimit   = "RateLimit"
	headerRatePolicy  = "RateLimit-Policy"
)

var (
	errorType   = reflect.TypeFor[errorBody]()
	problemType = reflect.TypeFor[problemBody]()
)

// responseHeaders are the headers that answers bear.
func responseHeaders() map[string]openAPIHeader {
	text := func(description string) openAPIHeader {
		return openAPIHeader{Description: description, Schema: &schema{Type: typeString}}
	}
	return map[string]openAPIHeader{
		headerETag:        text("Entity tag of the answer. As If-None-Match it gives 304 as long as the answer is the same; of a dashboard it is the version, for If-Match."),
		headerReplayed:    text("true: this is the answer to an earlier request with the same Idempotency-Key."),
		headerRetryAfter:  {Description: "Seconds to wait before the next try.", Schema: &schema{Type: typeInteger}},
		headerDisposition: text("Name of the file."),
		headerLink:        text("The next page, as rel=next; absent on the last one."),
		headerRateLimit:   text(`What is left: requests (r) and seconds until all are back (t), like "user";r=5999;t=60.`),
		headerRatePolicy:  text(`How many requests (q) a caller has in a time (w, seconds), like "user";q=6000;w=60.`),
		headerChallenge:   text("What credentials are wanted."),
	}
}

func headersNamed(names ...string) map[string]openAPIHeader {
	headers := map[string]openAPIHeader{}
	for _, name := range names {
		headers[name] = openAPIHeader{Ref: "#/components/headers/" + name}
	}
	return headers
}

// mountedAt is the path under which a request met this handler: what the router of a main application
// has taken off before. A stripped prefix shows in the request line, which nobody rewrites.
func mountedAt(r *http.Request, pattern string) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	base, ok := strings.CutSuffix(path, pattern)
	if !ok {
		return ""
	}
	return base
}
