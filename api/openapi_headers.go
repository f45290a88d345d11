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
		headerETag:        text("Entity tag of the answer."),
		headerReplayed:    text("true: this is the answer to an earlier request with the same Idempotency-Key."),
		headerRetryAfter:  {Description: "Seconds to wait before the next try.", Schema: &schema{Type: typeInteger}},
		headerDisposition: text("Name of the file."),
		headerChallenge:   text("What credentials are wanted."),
	}
}

// mountedAt is the path under which a request met this handler: what the router of a main application
// has taken off before. A stripped prefix shows in the request line, which nobody rewrites.
func mountedAt(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	base, ok := strings.CutSuffix(path, patternOpenAPI)
	if !ok {
		return ""
	}
	return base
}
