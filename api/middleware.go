package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
)

// Log keys.
const (
	logRequestID = "request_id"
	logError     = "error"
	logUser      = "user_id"
	logCallersID = "caller_request_id"
)

const headerRequestID = "X-Request-Id"

// headerMock is on every answer whose data is made up.
const headerMock = "X-Ledgerboard-Mock"

// MockHeaders are the [Config].Headers of a server whose data is made up.
func MockHeaders() map[string]string { return map[string]string{headerMock: "true"} }

type requestKey struct{}

// requestInfo is what the middleware remembers about a request while it is served.
type requestInfo struct {
	id   string
	name string // that the caller gave it, for the access log; "": none
	user string // set by authorise, for the access log
}

func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(requestKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// RequestID returns the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string { return infoOf(ctx).id }

func recordUser(ctx context.Context, user string) { infoOf(ctx).user = user }

// withRequestID makes an id for the request and answers it as X-Request-Id. What the caller wrote there is logged beside it and
// never recorded: a log that forgets nothing should hold no text of a stranger's choice. Of those headers it has Traceparent alone, in
// its strict form of hex digits, and outside of the record's hash.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &requestInfo{id: rand.Text()}
		if name := r.Header.Get(headerRequestID); saneRequestID.MatchString(name) {
			info.name = name
		}
		w.Header().Set(headerRequestID, info.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, info)))
	})
}

// saneRequestID keeps out of logs what could forge a line there.
var saneRequestID = regexp.MustCompile(`^[0-9A-Za-z_.:/+=-]{1,128}$`)

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

var portOfOrigin = regexp.MustCompile(`:[0-9]+$`)

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

// recoverer turns a panic into a 500 of the one shape, when nothing was sent yet.
func (s *Server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // r carries it
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // a value of recover, and net/http compares so too
				panic(fault) // the library's own way to drop a connection
			}
			s.deps.Logger.ErrorContext(r.Context(), "panic while serving", logRequestID, RequestID(r.Context()),
				"panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
			if ww, ok := w.(middleware.WrapResponseWriter); ok && ww.Status() == 0 && r.Header.Get("Upgrade") == "" {
				s.writeError(w, r, fmt.Errorf("panic: %v", fault))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// statusClientGone stands in log and metrics for the answer that nobody waited for, as with nginx. Somebody who
// leaves a page while it loads is no outage.
const statusClientGone = 499

// observe writes the access log and the metrics. Neither sees a query, a header or a body: they may
// hold tokens and tickets.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.deps.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		s.metrics.inFlight.Inc()
		defer func() {
			pattern, status := routePattern(r), ww.Status()
			switch {
			case status == 0 && r.Header.Get("Upgrade") != "":
				status = http.StatusSwitchingProtocols // the connection was taken over
			case status == 0:
				status = http.StatusOK
			case status == http.StatusServiceUnavailable && errors.Is(r.Context().Err(), context.Canceled):
				status = statusClientGone
			}
			took := s.deps.Now().Sub(start)
			s.metrics.done(r.Method, pattern, status, took)
			s.logAccess(r, pattern, status, ww.BytesWritten(), took)
		}()
		next.ServeHTTP(ww, r)
	})
}

func (s *Server) logAccess(r *http.Request, pattern string, status, size int, took time.Duration) {
	level := slog.LevelInfo
	if isChatter(pattern) {
		level = slog.LevelDebug
	}
	path := clip(r.URL.Path)
	if strings.Contains(strings.ToLower(path), "/connect/") && !strings.HasPrefix(pattern, "/api/") { // it may end in what opens a sign-in
		path = pattern
	}
	s.deps.Logger.Log(r.Context(), level, "request", "method", r.Method, "path", path, "route", pattern,
		"status", status, "bytes", size, "duration_ms", float64(took.Microseconds())/1000,
		logRequestID, RequestID(r.Context()), logUser, infoOf(r.Context()).user, logCallersID, infoOf(r.Context()).name)
}

// routePattern is the pattern that matched, a bounded label whatever paths are tried.
func routePattern(r *http.Request) string {
	if rctx := chi.RouteContext(r.Context()); rctx != nil {
		if pattern := rctx.RoutePattern(); pattern != "" && pattern != "/*" {
			return pattern
		}
	}
	return "unmatched"
}
