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
type pathFolder struct {
	patterns map[int][][]string // by their number of segments, those with the most to compare first
}

func newPathFolder(routes []route) pathFolder {
	f := pathFolder{map[int][][]string{}}
	for _, r := range routes {
		if strings.HasPrefix(r.pattern, prefixSocketIO) {
			continue // its protocol says what its address is
		}
		segments := strings.Split(r.pattern, "/")
		f.patterns[len(segments)] = append(f.patterns[len(segments)], segments)
	}
	for _, patterns := range f.patterns {
		slices.SortStableFunc(patterns, func(a, b []string) int { return cmp.Compare(named(a), named(b)) })
	}
	return f
}

// named is how many segments of a pattern are parameters.
func named(pattern []string) (n int) {
	for _, segment := range pattern {
		if strings.HasPrefix(segment, "{") {
			n++
		}
	}
	return n
}

// fold returns the path as the route that serves it writes it; the path itself when none does.
func (f pathFolder) fold(path string) string {
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		path = trimmed
	}
	segments := strings.Split(path, "/")
	for _, pattern := range f.patterns[len(segments)] {
		if folded, ok := foldTo(pattern, segments); ok {
			return folded
		}
	}
	return path
}

func foldTo(pattern, segments []string) (string, bool) {
	for i, segment := range pattern {
		if !strings.HasPrefix(segment, "{") && !strings.EqualFold(segment, segments[i]) {
			return "", false
		}
	}
	folded := slices.Clone(segments)
	for i, segment := range pattern {
		if !strings.HasPrefix(segment, "{") {
			folded[i] = segment
		}
	}
	return strings.Join(folded, "/"), true
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
