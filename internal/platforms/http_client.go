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

	"github.com/ledgerboard/ledgerboard/domain"
)

// defaultTimeout is that of one call including its body.
const defaultTimeout = 15 * time.Second

// maxBodyBytes bounds one answer after decompression.
const maxBodyBytes = 4 << 20

// idleConns is how many connections to one host are kept: as many as calls may be under way, because each
// new one costs a handshake.
const idleConns = 1024

type call struct {
	op      string            // our name of it, for errors and statistics
	account string            // whom it is about, for statistics
	method  string            // "": POST with a body, GET without
	url     string            // complete
	token   string            // goes into the header, so that no address holds it
	header  map[string]string // more of them
	form    url.Values        // body of a form post
	json    any               // body of a JSON post
	secrets []string          // besides the token

	classify func(answer) *Error // nil: as all answers of the platform
	// whole: once begun it is not cut by its caller's end, only by the time limit of a call. What it changes at
	// the platform would be changed all the same, and the answer that says how would be lost.
	whole       bool
	errorsFirst bool // of a token endpoint: an error in the body counts, also beside a token
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// httpClient makes the calls of one platform: caps, timeouts, classification, statistics.
type httpClient struct {
	platform domain.Platform
	client   *http.Client
	timeout  time.Duration
	maxBody  int64
	log      *slog.Logger
	observe  func(CallStats)
	admit    Admit // may be nil
	now      func() time.Time
	classify func(answer) *Error       // nil: a success
	usage    func(http.Header) []Usage // may be nil
	// wait is how long to leave a throttled caller alone, of whom the classification and the header say so much.
	wait func(said time.Duration, header http.Header) time.Duration
}

func newHTTPClient(
	p domain.Platform, cfg Config, client *http.Client, classify func(answer) *Error, wait func(time.Duration, http.Header) time.Duration,
) *httpClient {
	return &httpClient{
		platform: p, client: client, timeout: cfg.timeout, maxBody: cfg.maxBodyBytes,
		log: cfg.Logger, observe: cfg.Observe, admit: cfg.Admit, now: cfg.Now, classify: classify, wait: wait,
	}
}

// needToken refuses a call for want of a token.
func (c *httpClient) needToken(op, token string) error {
	if token == "" {
		return &Error{Class: ClassReconnect, Platform: c.platform, Op: op, Message: "there is no token for this account"}
	}
	return nil
}

// do makes the call and decodes its answer into out (nil: not wanted). The error is an [*Error].
func (c *httpClient) do(ctx context.Context, req call, out any) error {
	_, finish, err := c.admitted(ctx, req, 1)
	if err != nil {
		return err
	}
	stats, failure := c.made(ctx, req, out)
	if finish(stats); failure != nil {
		return failure
	}
	return nil
}

// admitted asks whether the call may be made, and of how many requests it may consist. Finish learns how it went.
func (c *httpClient) admitted(ctx context.Context, req call, requests int) (may int, finish func(CallStats), err error) {
	if c.admit == nil {
		return requests, func(s CallStats) { c.report(ctx, s) }, nil
	}
	may, end, refusal := c.admit(ctx, Call{Platform: c.platform, Op: req.op, Account: req.account, Requests: requests})
	if refusal != nil {
		e := *cmp.Or(asError(refusal), networkError(ctx, refusal)) // no call was made, so none is observed
		e.Platform, e.Op = c.platform, req.op
		return 0, nil, &e
	}
	return may, func(s CallStats) { end(s); c.report(ctx, s) }, nil
}

func (c *httpClient) made(ctx context.Context, req call, out any) (CallStats, *Error) {
	if req.whole && ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	started := time.Now()
	ans, failure := c.exchange(ctx, req)
	if req.classify == nil {
		req.classify = c.classify
	}
	if failure == nil {
		failure = req.classify(ans)
	}
	if failure == nil && out != nil && json.Unmarshal(ans.body, out) != nil {
		// Not the decoder's error: it may quote the body.
		failure = malformed()
	}
	stats := CallStats{
		Platform: c.platform, Op: req.op, Account: req.account, At: c.now(), Duration: time.Since(started),
		Status: ans.status, Bytes: len(ans.body), Requests: 1,
	}
	if c.usage != nil && ans.header != nil {
		stats.Usage = c.usage(ans.header)
	}
	if failure != nil {
		c.complete(failure, req, ans)
		stats.fail(failure)
	}
	return stats, failure
}

// complete adds to a failure what its classification did not know, and takes tokens out of its words.
func (c *httpClient) complete(e *Error, req call, ans answer) {
	e.Platform, e.Op, e.Status = c.platform, req.op, ans.status
	if e.Class == ClassThrottled {
		e.RetryAfter = c.wait(e.RetryAfter, ans.header)
	}
	secrets := slices.Concat(req.secrets, []string{req.token})
	e.Words, e.Code = scrub(e.Words, secrets...), cleanCode(scrub(e.Code, secrets...))
}

func (s *CallStats) fail(e *Error) {
	s.Class, s.Code, s.RetryAfter, s.Scope = e.Class, e.Code, e.RetryAfter, e.scope(s.Op)
}

func (c *httpClient) report(ctx context.Context, s CallStats) {
	c.log.LogAttrs(ctx, slog.LevelDebug, "platform call",
		slog.String("platform", s.Platform.String()), slog.String("op", s.Op), slog.String("account", s.Account),
		slog.Int("status", s.Status), slog.String("class", string(s.Class)), slog.String("code", s.Code),
		slog.Duration("duration", s.Duration), slog.Int("bytes", s.Bytes))
	if c.observe != nil {
		c.observe(s)
	}
}

// exchange sends the request and reads the whole answer within the time and size limits.
func (c *httpClient) exchange(ctx context.Context, req call) (answer, *Error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, failure := newRequest(limited, req)
	if failure != nil {
		return answer{}, failure
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return answer{}, networkError(ctx, err)
	}
	defer resp.Body.Close()
	ans := answer{status: resp.StatusCode, header: resp.Header}
	ans.body, err = io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	switch {
	case err != nil:
		ans.body = nil
		return ans, networkError(ctx, err)
	case int64(len(ans.body)) > c.maxBody:
		ans.body = nil
		return ans, &Error{Class: ClassRetry, Code: codeTooLarge, Message: "the answer is larger than the limit"}
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
			return nil, &Error{Class: ClassInvalid, Message: "the request cannot be encoded"}
		}
		method, body, contentType = http.MethodPost, bytes.NewReader(raw), "application/json"
	case req.form != nil:
		method, body, contentType = http.MethodPost, strings.NewReader(req.form.Encode()), "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequestWithContext(ctx, cmp.Or(req.method, method), req.url, body)
	if err != nil {
		return nil, &Error{Class: ClassInvalid, Message: "the request's address cannot be built"}
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
		return nil, &Error{Class: ClassReconnect, Message: "the stored token holds characters that no token has"}
	}
	if req.token != "" {
		r.Header.Set("Authorization", "Bearer "+req.token)
	}
	return r, nil
}

// statusClass is the class of an error whose words say nothing.
func statusClass(status int) Class {
	switch {
	case status == http.StatusTooManyRequests:
		return ClassThrottled
	case status >= http.StatusInternalServerError:
		return ClassRetry
	default:
		return ClassInvalid
	}
}

// byStatus classifies an answer whose body says nothing: a proxy's page, mostly. A 401 of that sort
// does not kill a connection, the platform's own words must do that.
func byStatus(ans answer) *Error {
	switch {
	case ans.status >= 200 && ans.status < 300:
		return nil
	case ans.status == http.StatusTooManyRequests:
		return &Error{Class: ClassThrottled, Message: "too many requests", RetryAfter: retryAfter(ans.header)}
	case ans.status == http.StatusNotFound:
		return &Error{Class: ClassNotFound, Message: "there is no such resource"}
	default:
		return &Error{Class: ClassRetry, Message: "an answer without the platform's error format", RetryAfter: retryAfter(ans.header)}
	}
}

// hardened returns a copy of client that follows no redirect: a redirect is no answer of an API, and
// following one would carry our request to a host that nobody configured.
func hardened(client *http.Client) *http.Client {
	c := http.Client{}
	if client != nil {
		c = *client
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		own := t.Clone()
		own.MaxIdleConns, own.MaxIdleConnsPerHost = 0, idleConns // 0: as many as there are hosts for
		c.Transport = own
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	return &c
}
