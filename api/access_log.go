package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

const (
	logRequestID = "request_id"
	logError     = "error"
	logUser      = "user_id"
	logCallersID = "caller_request_id"
	logTrace     = "traceparent"
)

// statusClientGone is the status in logs and metrics if the client disconnected before the
// response, as in nginx. Alerts do not count it as a server error.
const statusClientGone = 499

type accessLog struct {
	metrics *requestMetrics
	logger  *slog.Logger
	now     func() time.Time
}

// observe writes the access log and the metrics. Neither contains a query, a header or a body,
// because these may contain tokens and tickets.
func (a *accessLog) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		a.metrics.inFlight.Inc()
		defer func() {
			pattern, status := routePattern(r), ww.Status()
			switch {
			case status == 0 && r.Header.Get("Upgrade") != "":
				status = http.StatusSwitchingProtocols // the connection was hijacked
			case status == 0:
				status = http.StatusOK
			case status == http.StatusServiceUnavailable && errors.Is(r.Context().Err(), context.Canceled):
				status = statusClientGone
			}
			// Traces contain the pattern, because the path may end in a secret that opens a
			// sign-in.
			if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
				span.SetName(r.Method + " " + pattern)
				span.SetAttributes(semconv.HTTPRoute(pattern), semconv.URLPath(pattern))
			}
			line := accessLine{infoOf(r.Context()), r.Method, clip(r.URL.Path), pattern, status, ww.BytesWritten(), start}
			if ctx := r.Context(); line.hijacked != nil { // neither r nor w may be kept until then
				line.hijacked.AtEnd(func(sent int) {
					line.size += sent
					a.done(context.WithoutCancel(ctx), line)
				})
				return
			}
			a.done(r.Context(), line)
		}()
		next.ServeHTTP(ww, r)
	})
}

// accessLine is what is known of a request at its end.
type accessLine struct {
	*requestInfo

	method, path, pattern string
	status, size          int
	start                 time.Time
}

func (a *accessLog) done(ctx context.Context, l accessLine) {
	took := a.now().Sub(l.start)
	a.metrics.inFlight.Dec()
	a.metrics.done(ctx, l.method, l.pattern, l.status, took)
	level := slog.LevelInfo
	if isFrequent(l.pattern) {
		level = slog.LevelDebug
	}
	if strings.Contains(strings.ToLower(l.path), "/connect/") && !strings.HasPrefix(l.pattern, "/api/") {
		l.path = l.pattern // the path may contain a sign-in secret
	}
	a.logger.Log(ctx, level, "request", "method", l.method, "path", l.path, "route", l.pattern,
		"status", l.status, "bytes", l.size, "duration_ms", float64(took.Microseconds())/1000,
		logRequestID, l.id, logUser, l.user, logCallersID, l.name, logTrace, l.traceParent)
}

// routePattern returns the pattern that matched, as a label with a bounded number of values.
func routePattern(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" && pattern != "/*" {
		return pattern
	}
	return "unmatched"
}

const (
	headerRequestID   = "X-Request-Id"
	headerTraceParent = "Traceparent"
)

// saneRequestID matches request ids that cannot forge a log line.
var saneRequestID = regexp.MustCompile(`^[0-9A-Za-z_.:/+=-]{1,128}$`)

// saneTraceParent is the format of W3C Trace Context.
var saneTraceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

type requestKey struct{}

type requestInfo struct {
	id   string
	name string // the caller's X-Request-Id, for the access log; may be empty
	user string // set by authorize, for the access log
	// traceParent is the caller's Traceparent if it is well-formed, else "".
	traceParent string
	hijacked    *stream.Hijacked // the stream that has taken over the connection; otherwise nil
}

func infoOf(ctx context.Context) *requestInfo {
	if info, ok := ctx.Value(requestKey{}).(*requestInfo); ok {
		return info
	}
	return &requestInfo{}
}

// RequestID returns the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string { return infoOf(ctx).id }

// WithRequestID generates an id for the request and returns it as X-Request-Id. The caller's own
// X-Request-Id is written to the access log but not to records, because records are permanent and
// must not contain text chosen by strangers. Records contain the caller's Traceparent, which is
// restricted to hex digits and is not part of the record's hash.
func WithRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &requestInfo{id: rand.Text()}
		if name := r.Header.Get(headerRequestID); saneRequestID.MatchString(name) {
			info.name = name
		}
		if parent := r.Header.Get(headerTraceParent); saneTraceParent.MatchString(parent) {
			info.traceParent = parent
		}
		info.traceParent = cmp.Or(tracing.Parent(r.Context()), info.traceParent)
		w.Header().Set(headerRequestID, info.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, info)))
	})
}

// requestMetrics counts requests by route pattern, so that ids in paths do not create series.
type requestMetrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newRequestMetrics(registerer prometheus.Registerer) (*requestMetrics, error) {
	m := &requestMetrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ledgerboard_http_request_duration_seconds",
			Help:    "Time from the first byte of a request to the end of its response, without streams.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ledgerboard_http_requests_in_flight",
			Help: "Requests in progress, including streams.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.duration), registerer.Register(m.inFlight))
}

// done records a finished request. Unknown methods share one series.
func (r *requestMetrics) done(ctx context.Context, method, route string, status int, took time.Duration) {
	if isStream(route) {
		return
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch,
		http.MethodOptions:
	default:
		method = "other"
	}
	observer := r.duration.WithLabelValues(method, route, strconv.Itoa(status))
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		observer.(prometheus.ExemplarObserver).ObserveWithExemplar(
			took.Seconds(), prometheus.Labels{"trace_id": span.TraceID().String()},
		)
		return
	}
	observer.Observe(took.Seconds())
}
