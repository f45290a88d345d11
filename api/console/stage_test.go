package console_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// The people of the tests.
const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	alice  = "a11ce0000000000000000000"
	adam   = "ada000000000000000000000"
	clara  = "c1a4a0000000000000000000" // of the client bakery
	left   = "1ef000000000000000000000" // of the client bakery; may not sign in any more
)

// stage is a console with a fake API whose responses tests set.
type stage struct {
	t        *testing.T
	host     string // to which browsers send requests
	console  *console.Console
	sessions *memory
	deps     console.Deps
	health   operator.Health
	now      time.Time
	refused  []console.RefusalError

	mu      sync.Mutex
	answers map[string]func(api.Principal, *http.Request) (status int, body any) // by method and path
	asked   []string                                                             // method and address of each call
	sent    []sentCall                                                           // requests recorded by take
	around  func(ctx context.Context, op api.Operation, on func())               // a call waits for it; may be nil
}

// newStage returns a console on the operations of a service that all tests share. They change nothing
// there.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := bareStage(t)
	s.deps.API, s.deps.RecordView = shared().server, shared().audit.RecordRead
	return s.open()
}

// bareStage returns a stage without operations.
func bareStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{
		t: t, host: "localhost:6001", now: october,
		sessions: &memory{sessions: map[string]identity.Session{}, links: map[string]identity.Person{}},
	}
	s.deps = console.Deps{
		Platforms: domain.Platforms(), Sessions: s.sessions, Tokens: api.AuthenticatorFunc(s.judge), IsTemporary: func(error) bool { return false },
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Refused: func(_ context.Context, r console.RefusalError) { s.refused = append(s.refused, r) },
		Demo: []identity.Person{
			{UserID: alice, AccountID: agency, Role: "agency"},
			{UserID: adam, AccountID: agency, Role: "auditor"},
			{UserID: "ops", Role: "operator"},
			{UserID: clara, AccountID: bakery, Role: "client"},
		},
	}
	return s
}

// newFake returns a stage with a fake API whose responses tests set.
func newFake(t *testing.T) *stage {
	t.Helper()
	s := bareStage(t)
	s.answers = map[string]func(api.Principal, *http.Request) (int, any){"GET /api/me": func(p api.Principal, _ *http.Request) (int, any) {
		me := directory.Me{UserID: p.UserID, User: &directory.MeUser{Name: "Name of " + p.UserID}, Agency: &directory.MeAgency{AccountName: directory.AccountName{ID: agency, Name: "North"}}}
		for _, role := range p.Roles {
			me.Roles = append(me.Roles, string(role))
		}
		return http.StatusOK, map[string]any{"data": me}
	}}
	s.answer("GET /api/dashboards", []any{}, nil)
	s.answer("GET /api/attention", []any{}, nil)
	s.answer("GET /api/platforms", []any{}, nil)
	s.answer("GET /api/accounts/followers", analytics.FollowersByAccount{}, analytics.Meta{})
	s.deps.Platforms, s.deps.API = domain.Platforms(), s
	return s.open()
}

func fakeSignedIn(t *testing.T, role string) (*stage, *browser) {
	t.Helper()
	s := newFake(t)
	return s, s.signedIn(role)
}

// open creates a new console, like a start of the program.
func (s *stage) open() *stage {
	s.t.Helper()
	s.console = console.Handler(s.deps)
	return s
}

// judge accepts "good" as the token of a client user who is also an auditor, valid for an hour.
func (s *stage) judge(r *http.Request) (api.Principal, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer good":
		return api.Principal{UserID: clara, AccountID: bakery, Roles: api.Roles{api.RoleClient, api.RoleAuditor}, ExpiresAt: s.now.Add(time.Hour)}, nil
	case "Bearer of who has left":
		return api.Principal{UserID: left, AccountID: bakery, Roles: api.Roles{api.RoleClient, api.RoleAuditor}}, nil
	case "Bearer program":
		return api.Principal{UserID: "feed", Roles: api.Roles{api.RoleMainApp}}, nil
	default:
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "The token is not valid.")
	}
}

// ServeHTTP implements [http.Handler]: streams.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, _ := api.PrincipalFrom(r.Context())
	status, body := s.answered(p, r)
	raw, err := json.Marshal(body)
	assert.NoError(s.t, err)
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n'))
}

func (s *stage) answered(p api.Principal, r *http.Request) (status int, body any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.RequestURI)
	if answer := s.answers[r.Method+" "+r.URL.Path]; answer != nil && p.UserID != "" {
		return answer(p, r)
	}
	return http.StatusNotFound, map[string]any{"code": domain.CodeNotFound, "message": "There is nothing at this address.", "request_id": "R1"}
}

// Count implements [console.Service].
func (*stage) Count(http.Header, api.Principal) error { return nil }

// Observe implements [console.Service].
func (*stage) Observe(context.Context, string, string, int, time.Duration) {}

// Health implements [console.Service].
func (s *stage) Health(context.Context) operator.Health { return s.health }

// behind sets the state of a projection.
func (s *stage) behind(state operator.Projection) {
	s.health.Projections = []operator.ProjectionHealth{{Projection: state.Projection, State: &state}}
}

func (s *stage) request(method, path string, body any) *http.Request {
	raw, err := json.Marshal(body)
	require.NoError(s.t, err)
	r := httptest.NewRequest(method, path, bytes.NewReader(raw))
	return r
}

func convert(t *testing.T, from, to any) {
	raw, err := json.Marshal(from)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, to))
}

var described = sync.OnceValue(api.Operations)

// Call implements [api.Service].
func (s *stage) Call(
	ctx context.Context, op api.Operation, p api.Principal, given url.Values, change func(any),
) (output any, err error) {
	if s.around == nil {
		return s.call(ctx, op, p, given, change)
	}
	s.around(ctx, op, func() { output, err = s.call(ctx, op, p, given, change) })
	return output, err
}

func (s *stage) call(ctx context.Context, op api.Operation, p api.Principal, given url.Values, change func(any)) (any, error) {
	op = described()[slices.IndexFunc(described(), func(o api.Operation) bool { return o.ID == op.ID })]
	path, query, headers := op.Pattern, url.Values{}, http.Header{}
	for _, parameter := range op.Parameters {
		switch value := given.Get(parameter.Name); {
		case !given.Has(parameter.Name):
		case parameter.In == api.InPath:
			path = strings.Replace(path, "{"+parameter.Name+"}", url.PathEscape(value), 1)
		case parameter.In == api.InHeader:
			headers.Set(parameter.Name, value)
		default:
			query.Set(parameter.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	input, body := reflect.New(op.Input), any(nil)
	change(input.Interface())
	if member := input.Elem().FieldByName("Body"); member.IsValid() {
		body = member.Interface()
	}
	r := s.request(op.Method, path, body).WithContext(ctx)
	maps.Copy(r.Header, headers)
	status, answer := s.answered(p, r)
	said, _ := answer.(map[string]any)
	if status >= http.StatusMultipleChoices {
		why := &domain.Error{}
		var fields struct {
			Code      domain.Code         `json:"code"`
			Message   string              `json:"message"`
			Errors    []domain.FieldError `json:"errors"`
			RequestID string              `json:"request_id"`
			CommandID string              `json:"command_id"`
		}
		convert(s.t, answer, &fields)
		why.Code, why.Message, why.Fields, why.RequestID, why.CommandID = fields.Code, fields.Message, fields.Errors, fields.RequestID, fields.CommandID
		return nil, why
	}
	output := reflect.New(op.Output).Elem()
	if text, _ := answer.(string); op.Output == reflect.TypeFor[api.File]() {
		return api.File{Type: "text/plain", Body: []byte(text), Name: "a file", Write: func(w *bufio.Writer) error {
			_, err := w.WriteString(text)
			return err
		}}, nil
	}
	if strings.Contains(op.Output.Name(), "[") { // Result, Figures or Dashboard
		convert(s.t, said["data"], output.FieldByName("Data").Addr().Interface())
		if meta := output.FieldByName("Meta"); meta.IsValid() && said["meta"] != nil {
			convert(s.t, said["meta"], meta.Addr().Interface())
		}
		if version := output.FieldByName("Version"); version.IsValid() && said["etag"] != nil {
			number, err := strconv.ParseInt(strings.Trim(fmt.Sprint(said["etag"]), `"`), 10, 64)
			require.NoError(s.t, err)
			version.SetInt(number)
		}
	} else {
		convert(s.t, said["data"], output.Addr().Interface())
	}
	return output.Interface(), nil
}

// answer sets the API's response at a path.
func (s *stage) answer(at string, data, meta any) {
	s.answers[at] = func(api.Principal, *http.Request) (int, any) {
		return http.StatusOK, map[string]any{"data": data, "meta": meta}
	}
}

// sentCall is a request that a form sent to the API.
type sentCall struct{ by, call, key, body string }

// take sets the API's response at a path, and records the requests.
func (s *stage) take(at string, data any) {
	s.answers[at] = func(p api.Principal, r *http.Request) (int, any) {
		body, err := io.ReadAll(r.Body)
		require.NoError(s.t, err)
		s.sent = append(s.sent, sentCall{p.UserID, r.Method + " " + r.RequestURI, r.Header.Get("Idempotency-Key"), string(body)})
		return http.StatusOK, map[string]any{"data": data}
	}
}

// refuse sets an error as the API's response at a path.
func (s *stage) refuse(at string, status int, code domain.Code, message string, fields ...domain.FieldError) {
	s.answers[at] = func(api.Principal, *http.Request) (int, any) {
		return status, map[string]any{"code": code, "message": message, "request_id": "R1", "errors": fields}
	}
}

// refuseFields sets an error about parameters as the API's response at a path.
func (s *stage) refuseFields(at string, fields ...string) {
	errs := []domain.FieldError{}
	for _, field := range fields {
		errs = append(errs, domain.FieldError{Field: field, Detail: "words of the API"})
	}
	s.refuse(at, http.StatusBadRequest, domain.CodeInvalid, "The request is not well-formed: words of the API.", errs...)
}

const board = "/api/projects/dashboard/" + bakery

const (
	sessionCookie = "__Host-lb_console"
	probeCookie   = "__Host-lb_probe"
	flowCookie    = "__Host-lb_sign_in_"
)

// browser keeps cookies. It has opened a page for signing in.
type browser struct {
	*stage

	cookie  string            // the session's
	cookies map[string]string // the others, by name
}

func (s *stage) browser() *browser {
	return &browser{stage: s, cookies: map[string]string{probeCookie: "1"}}
}

// flows are the cookies of sign-ins in progress.
func (b *browser) flows() (names []string) {
	for name := range b.cookies {
		if strings.HasPrefix(name, flowCookie) {
			names = append(names, name)
		}
	}
	return names
}

// drawnFor returns the owner of the forms that the pages of this browser's visitor have now.
func (b *browser) drawnFor(r *http.Request) string {
	if session := r.Header.Get("X-Session"); session != "" {
		return console.OwnerOf(session, agency)
	}
	b.sessions.mu.Lock()
	defer b.sessions.mu.Unlock()
	if s, ok := b.sessions.sessions[string(console.Digest(b.cookie))]; ok {
		return console.OwnerOf(s.UserID, s.AccountID)
	}
	return ""
}

// signedIn returns a browser that is signed in as the demo's person with a role.
func (s *stage) signedIn(role string) *browser {
	s.t.Helper()
	b := s.browser()
	b.post("/console/sign-in/demo", url.Values{"role": {role}}).leadsTo("/console")
	require.NotEmpty(s.t, b.cookie)
	return b
}

// signedIn returns a stage and a browser that is signed in as the demo's person with a role.
func signedIn(t *testing.T, role string) (*stage, *browser) {
	t.Helper()
	s := newStage(t)
	return s, s.signedIn(role)
}

func (b *browser) get(path string) page { return b.send(http.MethodGet, path, nil, nil) }

// asks requests a page, which asks the API who is signed in and sends it exactly these calls.
func (b *browser) asks(path string, calls ...string) page {
	b.t.Helper()
	b.asked = nil
	shown := b.get(path)
	require.Equal(b.t, append([]string{"GET /api/me"}, calls...), b.asked)
	return shown
}

func (b *browser) post(path string, form url.Values) page {
	return b.send(http.MethodPost, path, form, nil)
}

func (b *browser) send(method, path string, form url.Values, change func(*http.Request)) page {
	b.t.Helper()
	r := httptest.NewRequest(method, "http://"+b.host+path, http.NoBody)
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.cookie})
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if change != nil {
		change(r)
	}
	if form != nil {
		sent := maps.Clone(form)
		if owner := b.drawnFor(r); owner != "" && !sent.Has("drawn_for") {
			sent.Set("drawn_for", owner)
		}
		r.Body = io.NopCloser(strings.NewReader(sent.Encode()))
	}
	w := httptest.NewRecorder()
	b.console.ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		switch {
		case set.Name == sessionCookie:
			b.cookie = set.Value
		case set.MaxAge < 0:
			delete(b.cookies, set.Name)
		default:
			b.cookies[set.Name] = set.Value
		}
	}
	raw := w.Body.String()
	w.Body = bytes.NewBufferString(withoutIsolation.Replace(raw))
	return page{b.t, raw, w}
}

// page is a response.
type page struct {
	t   *testing.T
	raw string // with what isolates names
	*httptest.ResponseRecorder
}

func (p page) leadsTo(address string) {
	p.t.Helper()
	require.Equal(p.t, http.StatusSeeOther, p.Code, p.Body.String())
	require.Equal(p.t, address, p.Header().Get("Location"))
}

func (p page) says(status int, words ...string) page {
	p.t.Helper()
	require.Equal(p.t, status, p.Code, p.Body.String())
	for _, word := range words {
		require.Contains(p.t, p.Body.String(), word)
	}
	requireClean(p.t, p.Body.String())
	return p
}

func (p page) lacks(words ...string) page {
	p.t.Helper()
	for _, word := range words {
		require.NotContains(p.t, p.Body.String(), word)
	}
	return p
}

// withoutIsolation removes what isolates names, which has its own test.
var withoutIsolation = strings.NewReplacer("<bdi>", "", "</bdi>", "", "\u2068", "", "\u2069", "")

// ready sets the response of /readyz, which has no envelope. The status for writes is "writes", if set.
func (s *stage) ready(status int, body map[string]any) {
	s.answers["GET /readyz"] = func(_ api.Principal, r *http.Request) (int, any) {
		if writes := body["writes"]; writes != nil && r.FormValue("for") == "writes" {
			return status, map[string]any{"status": writes}
		}
		return status, body
	}
}

// memory stores sessions like the database.
type memory struct {
	mu       sync.Mutex
	sessions map[string]identity.Session // by digest
	seen     []time.Time                 // activity of sessions
	links    map[string]identity.Person  // by digest
	away     error
	bounded  bool // the context of the last session query had a deadline
}

var errNone = domain.NewError(domain.CodeNotFound, "none")

func (m *memory) Begin(_ context.Context, s identity.Session, digest, link []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.links[string(link)]; link != nil && !ok {
		return errNone
	}
	delete(m.links, string(link))
	m.sessions[string(digest)] = s
	return nil
}

func (m *memory) Find(ctx context.Context, digest []byte, now time.Time) (identity.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, m.bounded = ctx.Deadline()
	s, ok := m.sessions[string(digest)]
	if m.away != nil {
		return identity.Session{}, m.away
	}
	if !ok || !now.Before(s.ExpiresAt) {
		return identity.Session{}, errNone
	}
	if s.Refresh != "" {
		s.CheckedAt = &s.BegunAt
	}
	return s, nil
}

func (m *memory) Seen(_ context.Context, digest []byte, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[string(digest)]
	s.SeenAt = now
	m.sessions[string(digest)], m.seen = s, append(m.seen, now)
	return m.away
}

func (m *memory) Of(_ context.Context, user string, now time.Time) (list []identity.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.UserID == user && now.Before(s.ExpiresAt) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b identity.Session) int { return b.BegunAt.Compare(a.BegunAt) })
	return list, nil
}

func (m *memory) EndAtProvider(_ context.Context, l identity.Logout) (ended int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.sessions)
	maps.DeleteFunc(m.sessions, func(_ string, s identity.Session) bool { return slices.Contains(s.KnownAs, l.Issuer+" "+l.Subject) })
	return before - len(m.sessions), m.away
}

// Recheck asks each time.
func (m *memory) Recheck(
	ctx context.Context, digest []byte, since, _ time.Time, renew func(context.Context, string) (string, error),
) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[string(digest)]
	if !ok || s.Refresh == "" || s.BegunAt.After(since) {
		return nil
	}
	next, err := renew(ctx, s.Refresh)
	if errors.Is(err, identity.ErrEnded) {
		delete(m.sessions, string(digest))
		return errNone
	}
	if err == nil {
		s.Refresh = next
		m.sessions[string(digest)] = s
	}
	return err
}

func (m *memory) End(_ context.Context, user, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for digest, s := range m.sessions {
		if s.UserID == user && s.ID == id {
			delete(m.sessions, digest)
		}
	}
	return nil
}

func (m *memory) Link(_ context.Context, digest []byte, _ time.Time) (identity.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.links[string(digest)]
	if !ok {
		return p, errNone
	}
	return p, nil
}
