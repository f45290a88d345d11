package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

const (
	// defaultRequestTimeout is how long a request may take that is no stream and no export.
	defaultRequestTimeout = time.Minute
	// bodyAfterAnswer is how long what is left of a body may take to come once nobody asks for it any more: net/http reads it
	// before it sends the answer.
	bodyAfterAnswer = 5 * time.Second
)

// bounded gives a request some time as a whole: for its answer to be found, and for that to be taken. [boundBodies] bounds
// its body. Streams and exports are not wrapped; they bound each piece.
func bounded(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(2 * limit)) // an answer found at the last moment is still sent
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// boundBodies gives the body of a request some time to come, for every caller and path: net/http reads it to its end also
// where nobody asks for it, as when nothing is at the address or the caller has no token, and would wait for ever. Requests without
// a body have no deadline of reading: net/http takes its end for a caller that went away, and clears it itself once a body has
// come whole.
func boundBodies(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		// Where deadlines are not supported (tests, some middlewares) the context must do.
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(limit))
		defer func() { _ = control.SetReadDeadline(time.Now().Add(min(limit, bodyAfterAnswer))) }()
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			// Nobody asks for it. What does not come in time, or is longer, keeps the deadline.
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, MaxBody))
		}
		next.ServeHTTP(w, r)
	})
}

// recoverer turns a panic into a 500 of the one shape, when nothing was sent yet.
func (f *faults) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // r carries it
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // a value of recover, and net/http compares so too
				panic(fault) // the library's own way to drop a connection
			}
			f.logger.ErrorContext(r.Context(), "panic while serving", logRequestID, RequestID(r.Context()),
				"panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
			if ww, ok := w.(middleware.WrapResponseWriter); ok && ww.Status() == 0 && r.Header.Get("Upgrade") == "" {
				f.writeError(w, r, fmt.Errorf("panic: %v", fault))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// pathFolder finds what an address means as the old system's router (Express) did: letters in any case, and a slash at
// its end or none. Optional segments that a frontend leaves empty end in one. Nothing is redirected: a redirect would
// lose the Authorization header of some clients. What a pattern names by {}, ids above all, keeps its case.
//
// It has the segments of the patterns by their number, those with the most to compare first.
type pathFolder map[int][][]string

func newPathFolder(routes []Operation) pathFolder {
	f := pathFolder{}
	parameters := func(r Operation) int { return strings.Count(r.Pattern, "{") }
	fewest := func(a, b Operation) int { return cmp.Compare(parameters(a), parameters(b)) }
	for _, r := range slices.SortedStableFunc(slices.Values(routes), fewest) {
		if segments := strings.Split(r.Pattern, "/"); !strings.HasPrefix(r.Pattern, prefixSocketIO) { // its protocol says what its address is
			f[len(segments)] = append(f[len(segments)], segments)
		}
	}
	return f
}

// fold returns the path as the route that serves it writes it; the path itself when none does.
func (f pathFolder) fold(path string) string {
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		path = trimmed
	}
	segments := strings.Split(path, "/")
	folded := make([]string, len(segments))
patterns:
	for _, pattern := range f[len(segments)] {
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

func (f pathFolder) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rctx := chi.RouteContext(r.Context()); rctx != nil {
			if path := routedPath(r, rctx); !strings.HasPrefix(path, prefixSocketIO) {
				rctx.RoutePath = f.fold(path)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// routedPath is the path that the router matches: what an outer router has left, escaped if it was sent so.
func routedPath(r *http.Request, rctx *chi.Context) string {
	return cmp.Or(rctx.RoutePath, r.URL.RawPath, r.URL.Path)
}
