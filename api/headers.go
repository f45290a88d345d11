package api

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
	headerIdempotency = "Idempotency-Key"
	headerLink        = "Link"
	headerRateLimit   = "RateLimit"
	headerRatePolicy  = "RateLimit-Policy"
)

// Types of contents.
const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	mediaNDJSON  = "application/x-ndjson"
	mediaText    = "text/plain"
)
