package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/cors"
)

const headerMock = "X-Ledgerboard-Mock"

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
	headerSummary     = "Export-Summary"
	headerRateLimit   = "RateLimit"
	headerRatePolicy  = "RateLimit-Policy"
)

const (
	mediaJSON    = "application/json"
	contentJSON  = mediaJSON + "; charset=utf-8"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
	contentCSV   = mediaCSV + "; charset=utf-8; header=present"
	mediaXLSX    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	mediaNDJSON  = "application/x-ndjson"
	mediaHTML    = "text/html"
	mediaEvents  = "text/event-stream"

	contentNDJSON = mediaNDJSON + "; charset=utf-8"

	mediaText = "text/plain"
)

// MockHeaders returns the [Config].Headers of a server with mock data.
func MockHeaders() map[string]string { return map[string]string{headerMock: "true"} }

// withHeaders sets safe defaults, then the configured headers.
func withHeaders(configured map[string]string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header := w.Header()
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("X-Frame-Options", "DENY")
			header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			header.Set("Referrer-Policy", "no-referrer")
			header.Set("Cache-Control", "no-store") // responses with an ETag override this
			for name, value := range configured {
				header.Set(name, value)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// envelope is the shape of every successful response.
type envelope struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
	Meta    any    `json:"meta,omitempty"` // about figures, a page or a history
}

const messageSuccess = "SUCCESS"

func encoded(data, meta any) ([]byte, error) {
	body, err := json.Marshal(envelope{Success: true, Message: messageSuccess, Data: data, Meta: meta})
	if err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return append(body, '\n'), nil
}

func writeData(w http.ResponseWriter, data, meta any) error {
	body, err := encoded(data, meta)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentJSON)
	_, _ = w.Write(body) // a disconnected caller is not an error
	return nil
}

// prefers reports whether Accept names a media type with at least the weight of application/json.
func prefers(r *http.Request, media string) bool {
	weight := weightOf(r, media)
	return weight > 0 && weight >= weightOf(r, mediaJSON)
}

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

// headTable sets the name of a file of tables. The cursor of the next page is in a Link header,
// relative to the request, because CSV has no place for it.
func headTable(header http.Header, r *http.Request, extension, nextCursor string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(routePattern(r), "/auth"), "/"), "/{")
	header.Set(headerDisposition, fmt.Sprintf(`attachment; filename="%s.%s"`, path.Base(name), extension))
	if nextCursor != "" {
		query := r.URL.Query()
		query.Set("cursor", nextCursor)
		header.Set(headerLink, fmt.Sprintf(`<?%s>; rel="next"`, query.Encode()))
	}
}

// writeTagged writes a body with its entity tag, or 304 if the client has that body. The other
// headers must be set before.
func writeTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	_ = writeTaggedAs(w, r, body, func(out io.Writer) error {
		_, _ = out.Write(body) // a disconnected caller is not an error
		return nil
	})
}

// writeTaggedAs writes a body in a form without bytes of its own, with the tag of body.
func writeTaggedAs(w http.ResponseWriter, r *http.Request, body []byte, write func(io.Writer) error) error {
	header := w.Header()
	sum := sha256.New() // of the uncompressed body and the headers that describe it
	for _, name := range []string{"Content-Type", headerLink} {
		sum.Write([]byte(header.Get(name) + "\n"))
	}
	sum.Write(body)
	matched, current := matchTag(r, hex.EncodeToString(sum.Sum(nil)[:16]))
	header.Set(headerETag, `"`+matched+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Accept")
	header.Add("Vary", "Authorization")
	if current {
		for _, name := range []string{"Content-Type", headerDisposition, headerLink} {
			header.Del(name) // they describe a body
		}
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return write(w)
}

var portOfOrigin = regexp.MustCompile(`:[0-9]+$`)

func withCORS(origins []string) func(http.Handler) http.Handler {
	return cors.Handler(cors.Options{
		// With an empty list, the library would allow all origins. A function does not have that
		// default.
		AllowOriginFunc: allowOrigin(origins),
		AllowedMethods: []string{
			http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete,
			http.MethodOptions,
		},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Cache-Control", "Content-Type", headerIdempotency, headerIfMatch,
			headerIfNoneMatch,
			headerIfPreview, headerLastEventID, "Traceparent", headerRequestID,
		},
		ExposedHeaders: []string{
			headerDisposition, headerETag, headerLink, headerSummary, headerReplayed, headerRateLimit, headerRatePolicy,
			headerRetryAfter,
			headerMock, "Allow", "Command-Id", headerRequestID,
		},
		// The standard Socket.IO client may use withCredentials. Credentials are not allowed with
		// "*": a main application that authenticates with a cookie would then be open to every
		// site.
		AllowCredentials: !slices.Contains(origins, "*"),
		MaxAge:           600,
	})
}

func allowOrigin(origins []string) func(*http.Request, string) bool {
	return func(_ *http.Request, origin string) bool {
		return slices.ContainsFunc(origins, func(allowed string) bool {
			host, anyPort := strings.CutSuffix(allowed, ":*")
			return allowed == "*" || strings.EqualFold(allowed, origin) ||
				anyPort && strings.EqualFold(host, portOfOrigin.ReplaceAllString(origin, ""))
		})
	}
}
