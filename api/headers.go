package api

import "net/http"

// headerMock is on every answer whose data is made up.
const headerMock = "X-Ledgerboard-Mock"

// Names of headers.
const (
	headerETag        = "ETag"
	headerReplayed    = "Idempotency-Replayed"
	headerRetryAfter  = "Retry-After"
	headerDisposition = "Content-Disposition"
	headerChallenge   = "WWW-Authenticate"
	headerLastEventID = "Last-Event-ID"
	headerIfNoneMatch = "If-None-Match"
	headerIfMatch     = "If-Match"
	headerIfPreview   = "If-Preview"
	headerIdempotency = "Idempotency-Key"
	headerLink        = "Link"
	headerRateLimit   = "RateLimit"
	headerRatePolicy  = "RateLimit-Policy"
)

// Types of contents.
const (
	mediaJSON    = "application/json"
	contentJSON  = mediaJSON + "; charset=utf-8"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	contentCSV   = mediaCSV + "; charset=utf-8; header=present"
	mediaNDJSON  = "application/x-ndjson"

	contentNDJSON = mediaNDJSON + "; charset=utf-8"

	mediaText = "text/plain"
)

// MockHeaders are the [Config].Headers of a server whose data is made up.
func MockHeaders() map[string]string { return map[string]string{headerMock: "true"} }

// withHeaders sets the headers of every answer: safe defaults, and the configured ones (mock mode).
func (s *Server) withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store") // answers are a tenant's; those with a tag of their own say otherwise
		for name, value := range s.deps.Config.Headers {
			header.Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}
