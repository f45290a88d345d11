package console_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The people of the tests.
const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	alice  = "a11ce0000000000000000000"
	adam   = "ada000000000000000000000"
	clara  = "c1a4a0000000000000000000" // of the client bakery
	left   = "1ef000000000000000000000" // of the client bakery; may not sign in any more
)

// stage is a console with sessions in memory. rigged is nil unless a test sets figures.
type stage struct {
	t        *testing.T
	host     string // to which browsers send requests
	console  *console.Console
	sessions *memory
	deps     console.Deps
	now      time.Time
	refused  []signin.RefusalError
	rigged   *rigged
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
		sessions: &memory{sessions: map[string]signin.Session{}, links: map[string]signin.Person{}},
	}
	s.deps = console.Deps{
		Platforms: domain.Platforms(), Sessions: s.sessions, Tokens: api.AuthenticatorFunc(s.judge), IsTemporary: func(error) bool { return false },
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
		Refused: func(_ context.Context, r signin.RefusalError) { s.refused = append(s.refused, r) },
		Demo: []signin.Person{
			{UserID: alice, AccountID: agency, Role: "agency"},
			{UserID: adam, AccountID: agency, Role: "auditor"},
			{UserID: "ops", Role: "operator"},
			{UserID: clara, AccountID: bakery, Role: "client"},
		},
	}
	return s
}

// rigged is a service whose figures a test sets. It returns them after the checks of the service
// itself.
type rigged struct {
	console.Service

	mu      sync.Mutex
	figures map[string]any // by operation, or by operation and days
	asked   []string       // operations and parameters
	around  func(context.Context, api.Operation, func())
}

// rig makes the figures of a stage those that are set.
func (s *stage) rig() *stage {
	s.rigged = &rigged{Service: s.deps.API, figures: map[string]any{}}
	s.deps.API = s.rigged
	return s.open()
}

// Call implements [api.Service].
func (r *rigged) Call(
	ctx context.Context, op api.Operation, p api.Principal, given url.Values, change func(any),
) (output any, err error) {
	r.mu.Lock()
	r.asked = append(r.asked, op.ID+"?"+given.Encode())
	set, ok := r.figures[op.ID+" "+given.Get("startTime")+"/"+given.Get("endTime")]
	if !ok {
		set, ok = r.figures[op.ID+" "+anyDays]
	}
	r.mu.Unlock()
	call := func() { output, err = r.Service.Call(ctx, op, p, given, change) }
	if r.around != nil && ok {
		r.around(ctx, op, call)
	} else {
		call()
	}
	if err == nil && ok {
		output = set
	}
	return output, err
}

// anyDays are the days of figures for all ranges.
const anyDays = "any"

// set sets the figures of an operation and of days.
func set[I, D any](s *stage, op api.Op[I, api.Figures[D]], days string, data D, meta analytics.Meta) {
	s.rigged.mu.Lock()
	defer s.rigged.mu.Unlock()
	s.rigged.figures[op.ID+" "+days] = api.Figures[D]{Data: data, Meta: meta}
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

// memory stores sessions like the database.
type memory struct {
	mu       sync.Mutex
	sessions map[string]signin.Session // by digest
	seen     []time.Time               // activity of sessions
	links    map[string]signin.Person  // by digest
	away     error
	bounded  bool // the context of the last session query had a deadline
}

var errNone = domain.NewError(domain.CodeNotFound, "none")

func (m *memory) Begin(_ context.Context, s signin.Session, digest, link []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.links[string(link)]; link != nil && !ok {
		return errNone
	}
	delete(m.links, string(link))
	m.sessions[string(digest)] = s
	return nil
}

func (m *memory) Find(ctx context.Context, digest []byte, now time.Time) (signin.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, m.bounded = ctx.Deadline()
	s, ok := m.sessions[string(digest)]
	if m.away != nil {
		return signin.Session{}, m.away
	}
	if !ok || !now.Before(s.ExpiresAt) {
		return signin.Session{}, errNone
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

func (m *memory) Of(_ context.Context, user string, now time.Time) (list []signin.Session, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.UserID == user && now.Before(s.ExpiresAt) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b signin.Session) int { return b.BegunAt.Compare(a.BegunAt) })
	return list, nil
}

func (m *memory) EndAtProvider(_ context.Context, l signin.Logout) (ended int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.sessions)
	maps.DeleteFunc(m.sessions, func(_ string, s signin.Session) bool { return slices.Contains(s.KnownAs, l.Issuer+" "+l.Subject) })
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
	if errors.Is(err, signin.ErrEnded) {
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

func (m *memory) Link(_ context.Context, digest []byte, _ time.Time) (signin.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.links[string(digest)]
	if !ok {
		return p, errNone
	}
	return p, nil
}
