package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/cors"
)

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
func withHeaders(configured map[string]string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header := w.Header()
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("X-Frame-Options", "DENY")
			header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			header.Set("Referrer-Policy", "no-referrer")
			header.Set("Cache-Control", "no-store") // answers are a tenant's; those with a tag of their own say otherwise
			for name, value := range configured {
				header.Set(name, value)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// envelope is the shape of every successful answer.
type envelope struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	Meta    any    `json:"meta,omitempty"` // of figures, of a page, of a history
}

const messageSuccess = "SUCCESS"

// encoded is an answer with data, and with meta beside it unless that is nil.
func encoded(data, meta any) ([]byte, error) {
	body, err := json.Marshal(envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	if err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return append(body, '\n'), nil
}

// writeData answers with data and meta; what cannot be encoded is an error and not half an answer.
func writeData(w http.ResponseWriter, data, meta any) error {
	body, err := encoded(data, meta)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write(body) // a caller that has gone away is not our failure
	return nil
}

// prefers reports whether the caller prefers a type of content to plain JSON: it names it, and does not
// give application/json a greater weight.
func prefers(r *http.Request, media string) bool {
	wanted := weightOf(r, media)
	return wanted > 0 && wanted >= weightOf(r, mediaJSON)
}

// weightOf is the weight that the caller gives a type of content by its name; 0: it does not name it.
func weightOf(r *http.Request, media string) (heaviest float64) {
	for _, value := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(value, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err != nil || mediaType != media {
				continue
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			heaviest = max(heaviest, weight)
		}
	}
	return heaviest
}

// headCSV sets the headers of a table. The cursor of the next page goes into a Link, relative to the request,
// because CSV has no place for it.
func headCSV(header http.Header, r *http.Request, nextCursor string) {
	header.Set("Content-Type", contentCSV)
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(routePattern(r), "/auth"), "/"), "/{")
	header.Set(headerDisposition, fmt.Sprintf(`attachment; filename="%s.csv"`, path.Base(name)))
	if nextCursor != "" {
		query := r.URL.Query()
		query.Set("cursor", nextCursor)
		header.Set(headerLink, fmt.Sprintf(`<?%s>; rel="next"`, query.Encode()))
	}
}

// writeTagged answers with a body under its entity tag, or 304 when the caller has that body already. The
// other headers of the answer are set before.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	tag := tagOf(header, body)
	had, current := known(r, tag)
	header.Set(headerETag, `"`+had+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Accept")
	header.Add("Vary", "Authorization")
	if current {
		for _, name := range []string{"Content-Type", headerDisposition, headerLink} {
			header.Del(name) // they are of a body
		}
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body) //nolint:gosec // JSON or CSV, never HTML; a caller that has gone away is not our failure
}

// tagOf is the entity tag of an answer: of its bytes before they are compressed, and of the headers that
// belong to them.
func tagOf(header http.Header, body []byte) string {
	sum := sha256.New()
	for _, name := range []string{"Content-Type", headerLink} {
		sum.Write([]byte(header.Get(name) + "\n"))
	}
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// known tells whether the caller has the answer with this tag, in whatever coding it was sent, and under which
// tag: a cache may take a 304 for news of that body alone.
func known(r *http.Request, tag string) (had string, ok bool) {
	for _, value := range r.Header.Values(headerIfNoneMatch) {
		for candidate := range strings.SplitSeq(value, ",") {
			candidate = strings.Trim(strings.TrimPrefix(strings.TrimSpace(candidate), "W/"), `"`)
			switch {
			case candidate == "*":
				return tag, true
			case strings.TrimSuffix(strings.TrimSuffix(candidate, suffixGzip), suffixZstd) == tag:
				return candidate, true
			}
		}
	}
	return tag, false
}

// The entity tag of a compressed answer is that of the plain one with a suffix: a strong tag names bytes.
const (
	suffixGzip = "-gzip"
	suffixZstd = "-zstd"
)

// etag is the entity tag of a dashboard: its version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

var portOfOrigin = regexp.MustCompile(`:[0-9]+$`)

func withCORS(origins []string) func(http.Handler) http.Handler {
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
