package platforms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

// defaultTimeout limits one call, including reading the body.
const defaultTimeout = 15 * time.Second

// maxBodyBytes limits one answer after decompression.
const maxBodyBytes = 4 << 20

// idleConns is the maximum number of idle connections per host. It exceeds the number of concurrent
// calls, so that connections are reused.
const idleConns = 1024

type call struct {
	op      string // in errors and statistics
	account string // for statistics
	method  string // default: POST with a body, GET without
	url     string
	token   string // sent in a header, so that no URL contains it
	header  map[string]string
	form    url.Values // body of a form post
	json    any        // body of a JSON post
	secrets []string   // other than the token

	classify func(answer) *Error // nil: the platform's default
	// detached means that the call is not canceled with the caller's context, only by its time
	// limit: the platform may already have made the change, and the answer would be lost.
	detached    bool
	errorsFirst bool // token endpoint: an error in the body takes precedence over a token
}

type answer struct {
	place  place
	status int
	header http.Header
	body   []byte
}

type httpClient struct {
	cfg      Config
	platform domain.Platform
	client   *http.Client
	classify func(answer) *Error       // nil result: success
	usage    func(http.Header) []Usage // may be nil
	// wait returns how long a throttled caller must wait. hint is the wait that classify
	// determined, or 0.
	wait func(hint time.Duration, header http.Header) time.Duration
}

func (h *httpClient) needToken(op, token string) error {
	if token == "" {
		e := h.invalidToken(op, "there is no token for this account")
		e.Reason = domain.StatusNoToken
		return e
	}
	return nil
}

func (h *httpClient) invalidToken(op, message string) *Error {
	return &Error{Reason: domain.StatusRefused, Platform: h.platform, Op: op, Message: message}
}

// do makes a call and decodes its answer into out, unless out is nil. The error is an [*Error].
func (h *httpClient) do(ctx context.Context, req call, out any) error {
	_, finish, err := h.requestAdmission(ctx, req, 1)
	if err != nil {
		return err
	}
	stats, failure := h.perform(ctx, req, out)
	finish(stats)
	if failure != nil {
		return failure
	}
	return nil
}

// requestAdmission returns how many requests the call may contain. The caller must pass the
// statistics of the call to finish.
func (h *httpClient) requestAdmission(
	ctx context.Context, req call, requests int,
) (allowed int, finish func(CallStats), err error) {
	if h.cfg.Admit == nil {
		return requests, func(s CallStats) { h.report(ctx, s) }, nil
	}
	planned := Call{Platform: h.platform, Op: req.op, Account: req.account, Requests: requests}
	allowed, end, refusal := h.cfg.Admit(ctx, planned)
	if refusal != nil {
		e := *cmp.Or(asError(refusal), networkError(ctx, refusal)) // no call was made, so none is reported
		e.Platform, e.Op = h.platform, req.op
		return 0, nil, &e
	}
	return allowed, func(s CallStats) { end(s); h.report(ctx, s) }, nil
}

func (h *httpClient) perform(ctx context.Context, req call, out any) (CallStats, *Error) {
	if req.detached && ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	started := time.Now()
	ans, failure := h.exchange(ctx, req)
	ans.place = placeOf(req.op)
	if req.classify == nil {
		req.classify = h.classify
	}
	if failure == nil {
		failure = req.classify(ans)
	}
	if failure == nil && out != nil && json.Unmarshal(ans.body, out) != nil {
		// Do not wrap the decoder's error: it may quote the body.
		failure = malformed()
	}
	stats := CallStats{
		Platform: h.platform, Op: req.op, Account: req.account, At: h.cfg.Now(), Duration: time.Since(started),
		Status: ans.status, Bytes: len(ans.body), Requests: 1,
	}
	if h.usage != nil && ans.header != nil {
		stats.Usage = h.usage(ans.header)
	}
	if failure != nil {
		h.complete(failure, req, ans)
		stats.fail(failure)
	}
	return stats, failure
}

// complete fills in the fields of an error that depend on the call, and removes tokens from the
// platform's texts.
func (h *httpClient) complete(e *Error, req call, ans answer) {
	e.Platform, e.Op, e.Status = h.platform, req.op, ans.status
	if e.Kind() == domain.StatusThrottled {
		e.RetryAfter = h.wait(e.RetryAfter, ans.header)
	}
	secrets := append(slices.Clone(req.secrets), req.token)
	e.PlatformMessage, e.Code = scrub(e.PlatformMessage, secrets...), cleanCode(scrub(e.Code, secrets...))
}

func (c *CallStats) fail(e *Error) {
	c.Reason, c.Code, c.RetryAfter, c.Scope = e.Reason, e.Code, e.RetryAfter, e.scope()
}

func (h *httpClient) report(ctx context.Context, s CallStats) {
	h.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "platform call",
		slog.String("platform", s.Platform.String()), slog.String("op", s.Op), slog.String("account", s.Account),
		slog.Int("status", s.Status), slog.String("reason", string(s.Reason)), slog.String("code", s.Code),
		slog.Duration("duration", s.Duration), slog.Int("bytes", s.Bytes))
	if h.cfg.Observe != nil {
		h.cfg.Observe(s)
	}
}

func (h *httpClient) exchange(ctx context.Context, req call) (answer, *Error) {
	limited, cancel := context.WithTimeout(ctx, h.cfg.timeout)
	defer cancel()
	r, failure := newRequest(limited, req)
	if failure != nil {
		return answer{}, failure
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return answer{}, networkError(ctx, err)
	}
	defer resp.Body.Close()
	ans := answer{status: resp.StatusCode, header: resp.Header}
	ans.body, err = io.ReadAll(io.LimitReader(resp.Body, h.cfg.maxBodyBytes+1))
	switch {
	case err != nil:
		ans.body = nil
		return ans, networkError(ctx, err)
	case int64(len(ans.body)) > h.cfg.maxBodyBytes:
		ans.body = nil
		return ans, &Error{Reason: domain.StatusRetry, Code: codeTooLarge, Message: "the answer is larger than the limit"}
	}
	return ans, nil
}

func newRequest(ctx context.Context, req call) (*http.Request, *Error) {
	method, contentType := http.MethodGet, ""
	var body io.Reader
	switch {
	case req.json != nil:
		raw, err := json.Marshal(req.json)
		if err != nil {
			return nil, &Error{Reason: domain.StatusInvalid, Message: "the request cannot be encoded"}
		}
		method, body, contentType = http.MethodPost, bytes.NewReader(raw), "application/json"
	case req.form != nil:
		method, body = http.MethodPost, strings.NewReader(req.form.Encode())
		contentType = "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(req.method, method), req.url, body)
	if err != nil {
		return nil, &Error{Reason: domain.StatusInvalid, Message: "the URL of the request is invalid"}
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "ledgerboard")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range req.header {
		r.Header.Set(name, value)
	}
	// net/http would refuse the request with an error that quotes the value.
	if strings.ContainsFunc(req.token, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, &Error{
			Reason: domain.StatusBrokenToken, Message: "the stored token contains invalid characters",
		}
	}
	if req.token != "" {
		r.Header.Set("Authorization", "Bearer "+req.token)
	}
	return r, nil
}

// byStatus classifies an answer without a usable body, usually a proxy's page. A 401 without the
// platform's error body does not invalidate a connection.
func byStatus(ans answer) *Error {
	switch {
	case ans.status >= 200 && ans.status < 300:
		return nil
	case ans.status == http.StatusTooManyRequests:
		return &Error{Reason: domain.StatusThrottled, Message: "too many requests", RetryAfter: retryAfter(ans.header)}
	case ans.status == http.StatusNotFound:
		return &Error{Reason: domain.StatusNotFound, Message: "the resource does not exist"}
	default:
		const message = "the answer is not in the platform's error format"
		return &Error{Reason: domain.StatusRetry, Message: message, RetryAfter: retryAfter(ans.header)}
	}
}

// withoutRedirects returns a client that does not follow redirects: an API does not redirect, and a
// redirect could lead to a host that is not configured.
func withoutRedirects(client *http.Client) *http.Client {
	c := http.Client{}
	if client != nil {
		c = *client
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		transport := t.Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, idleConns // 0: no limit across hosts
		c.Transport = transport
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	if tracing.Enabled() {
		named := func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Host }
		c.Transport = otelhttp.NewTransport(withoutQuery{cmp.Or(c.Transport, http.DefaultTransport)},
			otelhttp.WithSpanNameFormatter(named),
			otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()))
	}
	return &c
}

// withoutQuery reduces the URL in the span of a call to scheme and host, because the rest may
// contain tokens and people's IDs.
type withoutQuery struct{ http.RoundTripper }

func (w withoutQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	trace.SpanFromContext(r.Context()).SetAttributes(semconv.URLFull(r.URL.Scheme + "://" + r.URL.Host))
	return w.RoundTripper.RoundTrip(r) //nolint:wrapcheck // the transport's own error
}
