package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/cors"
)

var portOfOrigin = regexp.MustCompile(`:[0-9]+$`)

func (s *Server) cors() func(http.Handler) http.Handler {
	origins := s.deps.Config.CORSOrigins
	return cors.Handler(cors.Options{
		// With no origins the library would allow all of them; a function that refuses does not.
		AllowOriginFunc: allowOrigin(origins),
		AllowedMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Cache-Control", "Content-Type", headerIdempotency, headerIfMatch, headerIfNoneMatch,
			headerIfPreview, headerLastEventID, "Traceparent", headerRequestID,
		},
		ExposedHeaders: []string{
			headerDisposition, headerETag, headerLink, headerReplayed, headerRateLimit, headerRatePolicy, headerRetryAfter,
			headerMock, "Allow", "Command-Id", headerRequestID,
		},
		// The stock Socket.IO client may be set to withCredentials. Not for any origin: a main
		// application that mounts us behind a cookie would then be open to every site.
		AllowCredentials: !slices.Contains(origins, "*"),
		MaxAge:           600,
	})
}

// allowOrigin matches exact origins; "*" allows any, and "http://localhost:*" any port of a host.
func allowOrigin(origins []string) func(*http.Request, string) bool {
	return func(_ *http.Request, origin string) bool {
		return slices.ContainsFunc(origins, func(allowed string) bool {
			host, anyPort := strings.CutSuffix(allowed, ":*")
			return allowed == "*" || strings.EqualFold(allowed, origin) ||
				anyPort && strings.EqualFold(host, portOfOrigin.ReplaceAllString(origin, ""))
		})
	}
}
