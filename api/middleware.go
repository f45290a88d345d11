package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

const (
	// defaultRequestTimeout limits a request that is neither a stream nor an export.
	defaultRequestTimeout = time.Minute
	// bodyAfterAnswer limits the time for reading the rest of a body that the handler did not read:
	// net/http reads it before it sends the response.
	bodyAfterAnswer = 5 * time.Second
)

// bounded limits the time of a request, both for producing and for sending the response.
// [BoundBodies] limits the body. Streams and exports are not wrapped; they have a deadline for each
// write.
func bounded(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(2 * limit)) // leaves time to send a response that was produced late
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// BoundBodies limits the time for reading a request body, for every caller and path: net/http reads
// the whole body even if the handler does not, for example for an unknown path or a caller without
// a token, and would wait forever. Requests without a body get no read deadline, because net/http
// treats its expiry as a disconnected caller. net/http clears the deadline itself after a complete
// body.
func BoundBodies(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		// Where deadlines are not supported (tests, some middlewares), the request's context is the
		// only limit.
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(limit))
		defer func() { _ = control.SetReadDeadline(time.Now().Add(min(limit, bodyAfterAnswer))) }()
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			// No handler reads the body. If it is late or longer than MaxBody, the deadline stays.
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, MaxBody))
		}
		next.ServeHTTP(w, r)
	})
}

// recoverer turns a panic into a 500 error, unless the response has started.
func (f *faults) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // r carries it
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // net/http compares it the same way
				panic(fault) // aborts the connection
			}
			f.logPanic(r.Context(), fault)
			if ww, ok := w.(middleware.WrapResponseWriter); ok && ww.Status() == 0 && r.Header.Get("Upgrade") == "" {
				f.writeError(w, r, fmt.Errorf("panic: %v", fault))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// logPanic logs a panic in the deferred function that recovers from it.
func (f *faults) logPanic(ctx context.Context, fault any) {
	f.logger.ErrorContext(ctx, "panic while serving", logRequestID, RequestID(ctx),
		"panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
}

// pathFolder normalizes paths like the old system's router (Express): it ignores case and a
// trailing slash, which occurs when a frontend leaves an optional segment empty. It does not
// redirect, because some clients drop the Authorization header on a redirect. Path parameters, such
// as ids, keep their case.
//
// It maps the number of segments to the patterns, those with the fewest parameters first.
type pathFolder map[int][][]string

func newPathFolder(routes []Operation) pathFolder {
	f := pathFolder{}
	parameters := func(r Operation) int { return strings.Count(r.Pattern, "{") }
	fewest := func(a, b Operation) int { return cmp.Compare(parameters(a), parameters(b)) }
	for _, r := range slices.SortedStableFunc(slices.Values(routes), fewest) {
		segments := strings.Split(r.Pattern, "/")
		f[len(segments)] = append(f[len(segments)], segments)
	}
	return f
}

// doubledSlash matches a doubled slash after the mount of the old system's analytics, which Express 4
// accepts: frontends send it if their base address ends in a slash. Elsewhere, an empty segment is an
// empty parameter.
var doubledSlash = regexp.MustCompile(`(?i)^` + PrefixAnalytics + `//[^/]`)

// fold returns the path with the spelling of the matching route, or the path itself if no route
// matches.
func (p pathFolder) fold(path string) string {
	if at := len(prefixSocketIO) - 1; len(path) >= at && strings.EqualFold(path[:at], prefixSocketIO[:at]) &&
		strings.HasPrefix(path[at:]+"/", "/") {
		return prefixSocketIO + strings.TrimLeft(path[at:], "/")
	}
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		path = trimmed
	}
	segments := strings.Split(path, "/")
	if doubledSlash.MatchString(path) {
		segments = slices.Delete(segments, 2, 3)
	}
	folded := make([]string, len(segments))
patterns:
	for _, pattern := range p[len(segments)] {
		for i, segment := range pattern {
			switch {
			case strings.HasPrefix(segment, "{"):
				folded[i] = segments[i]
			case strings.EqualFold(segment, segments[i]):
				folded[i] = segment
			default:
				continue patterns
			}
		}
		return strings.Join(folded, "/")
	}
	return path
}

func (p pathFolder) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = p.fold(routedPath(r))
		next.ServeHTTP(w, r)
	})
}

// routedPath returns the path that the router matches: the rest after an outer router, escaped if
// the request's path was.
func routedPath(r *http.Request) string {
	return cmp.Or(chi.RouteContext(r.Context()).RoutePath, r.URL.RawPath, r.URL.Path)
}
