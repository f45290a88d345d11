package platforms_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// testNow is a Thursday noon in winter, 04:00 in California.
var testNow = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

const (
	seed         = 7
	clientSecret = "Secret0fTheApplication42"
)

// bundle contains the clients, a simulator behind real HTTP, and everything that was logged and
// observed.
type bundle struct {
	sim *simulator.Server
	set *platforms.Set

	*ledgertest.Clock

	mu    sync.Mutex
	logs  bytes.Buffer
	calls []platforms.CallStats
	texts []string // every error text
}

// Write implements io.Writer for the logger.
func (b *bundle) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.Write(p)
}

func (b *bundle) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.logs.String()
}

func (b *bundle) observe(s platforms.CallStats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, s)
}

// ops returns the names of the calls since the last time.
func (b *bundle) ops() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, c := range b.calls {
		out = append(out, c.Op)
	}
	b.calls = nil
	return out
}

func (b *bundle) lastCall() platforms.CallStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[len(b.calls)-1]
}

// setup starts a simulator and clients for it. The change functions may modify both configurations.
func setup(t *testing.T, change ...func(*simulator.Config, *platforms.Config)) *bundle {
	t.Helper()
	var b *bundle
	var quotas simulator.Config
	b = canned(t, func(w http.ResponseWriter, r *http.Request) { b.sim.ServeHTTP(w, r) }, func(c *platforms.Config) {
		for _, f := range change {
			f(&quotas, c)
		}
	})
	quotas.Seed, quotas.Clock, quotas.ClientID, quotas.ClientSecret = seed, b.Now, "app", clientSecret
	b.sim = simulator.New(quotas)
	return b
}

// canned starts clients for a handler instead of the simulator.
func canned(t *testing.T, handler http.HandlerFunc, change ...func(*platforms.Config)) *bundle {
	t.Helper()
	b := &bundle{Clock: ledgertest.NewClock(testNow)}
	t.Cleanup(func() { b.requireNoSecrets(t) })
	cfg := ledgertest.At(ledgertest.Serve(t, handler), "app", clientSecret)
	cfg.Logger, cfg.Observe, cfg.Now = slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b.observe, b.Now
	for _, c := range change {
		c(&cfg)
	}
	b.set = ledgertest.Clients(t, cfg)
	return b
}

func (b *bundle) client(t *testing.T, p domain.Platform) scanning {
	t.Helper()
	c, err := b.set.For(p)
	require.NoError(t, err)
	return scanning{c, b, t}
}

// answer answers a call.
func answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// always gives every call the same answer.
func always(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, body) }
}

// requireNoSecrets scans everything that was logged, observed and returned as an error. Every token
// of the tests starts with "Sim" or "Tok3n".
func (b *bundle) requireNoSecrets(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.logs.String() + strings.Join(b.texts, "\n")
	for _, c := range b.calls {
		all += fmt.Sprintf("%+v", c)
	}
	for _, secret := range []string{"Simacc", "Simref", "Simusr", "Simcode", "Tok3n", clientSecret, "access_token="} {
		require.NotContains(t, all, secret)
	}
}

// scanning is a Client that keeps the text of every error for requireNoSecrets. Its lowercase
// methods fail the test on an error; those with the suffix Err return only the error.
type scanning struct {
	platforms.Client
	b *bundle
	t *testing.T
}

func (s scanning) note(values ...any) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for _, v := range values {
		s.b.texts = append(s.b.texts, fmt.Sprintf("%v %+v %#v", v, v, v))
		if e, ok := v.(*platforms.Error); ok && e != nil {
			s.b.texts = append(s.b.texts, fmt.Sprintf("%+v", *e))
		}
	}
}

func (s scanning) Account(ctx context.Context, t platforms.Target, r platforms.AccountRequest) (platforms.AccountSnapshot, error) {
	snap, err := s.Client.Account(ctx, t, r)
	s.note(err, snap, t)
	return snap, err
}

func (s scanning) Posts(ctx context.Context, t platforms.Target, cursor string) (platforms.PostsPage, error) {
	page, err := s.Client.Posts(ctx, t, cursor)
	s.note(err, page)
	return page, err
}

func (s scanning) PostMetrics(ctx context.Context, t platforms.Target, posts []platforms.Post) ([]platforms.PostSnapshot, error) {
	snaps, err := s.Client.PostMetrics(ctx, t, posts)
	s.note(err, snaps)
	for _, snap := range snaps {
		s.note(snap.Err)
	}
	return snaps, err
}

func (s scanning) Refresh(ctx context.Context, tgt platforms.Target, token string) (platforms.Tokens, error) {
	tokens, err := s.Client.Refresh(ctx, tgt, token)
	s.note(err, tokens, tgt)
	return tokens, err
}

func (s scanning) account(tgt platforms.Target, request ...platforms.AccountRequest) platforms.AccountSnapshot {
	s.t.Helper()
	snap, err := s.Account(s.t.Context(), tgt, append(request, platforms.AccountRequest{})[0])
	require.NoError(s.t, err)
	return snap
}

func (s scanning) posts(tgt platforms.Target, cursor string) platforms.PostsPage {
	s.t.Helper()
	page, err := s.Posts(s.t.Context(), tgt, cursor)
	require.NoError(s.t, err)
	return page
}

func (s scanning) metrics(tgt platforms.Target, posts []platforms.Post) []platforms.PostSnapshot {
	s.t.Helper()
	snaps, err := s.PostMetrics(s.t.Context(), tgt, posts)
	require.NoError(s.t, err)
	return snaps
}

func (s scanning) refresh(tgt platforms.Target, token string) platforms.Tokens {
	s.t.Helper()
	tokens, err := s.Refresh(s.t.Context(), tgt, token)
	require.NoError(s.t, err)
	return tokens
}

func (s scanning) accountErr(tgt platforms.Target, request ...platforms.AccountRequest) error {
	_, err := s.Account(s.t.Context(), tgt, append(request, platforms.AccountRequest{})[0])
	return err
}

func (s scanning) postsErr(tgt platforms.Target, cursor string) error {
	_, err := s.Posts(s.t.Context(), tgt, cursor)
	return err
}

func (s scanning) metricsErr(tgt platforms.Target, posts []platforms.Post) error {
	_, err := s.PostMetrics(s.t.Context(), tgt, posts)
	return err
}

func (s scanning) refreshErr(tgt platforms.Target, token string) error {
	_, err := s.Refresh(s.t.Context(), tgt, token)
	return err
}

func target(a simulator.Account) platforms.Target {
	return platforms.Target{AccessToken: a.AccessToken, ExternalID: a.ID, OwnLogin: a.OwnLogin}
}

// allPosts reads a listing to its end and counts the pages.
func allPosts(t *testing.T, c platforms.Client, tgt platforms.Target) (posts []platforms.Post, pages int) {
	t.Helper()
	cursor := ""
	for {
		page, err := c.Posts(t.Context(), tgt, cursor)
		require.NoError(t, err)
		posts = append(posts, page.Posts...)
		pages++
		require.Less(t, pages, 200, "the listing does not end")
		if page.Next == "" {
			return posts, pages
		}
		cursor = page.Next
	}
}

// figure returns the only matching figure and fails the test otherwise.
func figure(t *testing.T, s platforms.AccountSnapshot, name, window, day string) domain.Figure {
	t.Helper()
	var found []domain.Figure
	for _, f := range s.Figures {
		if f.Name == name && f.Window == window && f.Day == day {
			found = append(found, f)
		}
	}
	require.Len(t, found, 1, "%s %s %s in %v", name, window, day, s.Figures)
	return found[0]
}

func hasFigure(s platforms.AccountSnapshot, name string) bool {
	return slices.ContainsFunc(s.Figures, func(f domain.Figure) bool { return f.Name == name })
}

// reasons maps the missing figures to the codes that say why.
func reasons(missing []domain.MissingFigure) map[string]domain.StatusCode {
	out := map[string]domain.StatusCode{}
	for _, m := range missing {
		out[m.Name] = m.Code
	}
	return out
}

func requireKind(t *testing.T, want domain.StatusCode, err error) *platforms.Error {
	t.Helper()
	var e *platforms.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Kind(), e.Error())
	return e
}

func byID(snaps []platforms.PostSnapshot) map[string]platforms.PostSnapshot {
	out := map[string]platforms.PostSnapshot{}
	for _, s := range snaps {
		out[s.Post.ID] = s
	}
	return out
}
