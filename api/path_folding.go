package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// pathFolder finds what an address means as the old system's router (Express) did: letters in any case, and a slash at
// its end or none. Optional segments that a frontend leaves empty end in one. Nothing is redirected: a redirect would
// lose the Authorization header of some clients. What a pattern names by {}, ids above all, keeps its case.
//
// It has the segments of the patterns by their number, those with the most to compare first.
type pathFolder map[int][][]string

func newPathFolder(routes []Operation) pathFolder {
	f := pathFolder{}
	parameters := func(r Operation) int { return strings.Count(r.Pattern, "{") }
	for _, r := range slices.SortedStableFunc(slices.Values(routes), func(a, b Operation) int { return cmp.Compare(parameters(a), parameters(b)) }) {
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
