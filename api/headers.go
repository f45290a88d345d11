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
	mediaText    = "text/plain"
)
