package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
)

const (
	headerRequestID   = "X-Request-Id"
	headerTraceParent = "Traceparent"
)

// saneRequestID keeps out of logs what could forge a line there.
var saneRequestID = regexp.MustCompile(`^[0-9A-Za-z_.:/+=-]{1,128}$`)

// saneTraceParent is the form that W3C Trace Context defines.
var saneTraceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

type requestKey struct{}

// requestInfo is what the middleware remembers about a request while it is served.
type requestInfo struct {
	id   string
	name string // that the caller gave it, for the access log; "": none
	user string // set by authorise, for the access log
	// traceParent is the caller's Traceparent, in its strict form; "": none.
	traceParent string
}

func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(requestKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// RequestID returns the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string { return infoOf(ctx).id }

func recordUser(ctx context.Context, user string) { infoOf(ctx).user = user }

// withRequestID makes an id for the request and answers it as X-Request-Id. What the caller wrote there is logged beside it and
// never recorded: a log that forgets nothing should hold no text of a stranger's choice. Of those headers it has Traceparent alone, in
// its strict form of hex digits, and outside of the record's hash.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &requestInfo{id: rand.Text()}
		if name := r.Header.Get(headerRequestID); saneRequestID.MatchString(name) {
			info.name = name
		}
		if trace := r.Header.Get(headerTraceParent); saneTraceParent.MatchString(trace) {
			info.traceParent = trace
		}
		w.Header().Set(headerRequestID, info.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, info)))
	})
}
