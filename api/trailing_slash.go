package api

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

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
