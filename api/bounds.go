package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// defaultRequestTimeout is how long a request may take that is no stream and no export.
const defaultRequestTimeout = time.Minute

// bounded gives a request some time as a whole: for its body to come, for its answer to be found, and for
// that to be taken. Streams and exports are not wrapped; they bound each piece.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := s.deps.Config.RequestTimeout
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		// Where deadlines are not supported (tests, some middlewares) the context must do.
		control := http.NewResponseController(w)
		until := time.Now().Add(limit)
		_ = control.SetReadDeadline(until)
		_ = control.SetWriteDeadline(until.Add(limit)) // an answer found at the last moment is still sent
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// withoutSlash serves an address with a slash at its end as the one without: the old system did, and
// optional segments that a frontend leaves empty end in one.
func withoutSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rctx := chi.RouteContext(r.Context()); rctx != nil {
			path := routedPath(r, rctx)
			if trimmed := strings.TrimRight(path, "/"); trimmed != "" && !strings.HasPrefix(path, prefixSocketIO) {
				rctx.RoutePath = trimmed
			}
		}
		next.ServeHTTP(w, r)
	})
}

// routedPath is the path that the router matches: what an outer router has left, escaped if it was sent so.
func routedPath(r *http.Request, rctx *chi.Context) string {
	return cmp.Or(rctx.RoutePath, r.URL.RawPath, r.URL.Path)
}
