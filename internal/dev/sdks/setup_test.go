package sdks_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const (
	seed   = 7
	secret = "Secret0fTheApplication42"
)

// now is a Thursday noon in winter, 04:00 in California.
var now = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// world is a simulator and its address.
type world struct {
	*simulator.Server
	url string
}

func newWorld(t *testing.T, cfg simulator.Config) world {
	t.Helper()
	cfg.Seed, cfg.Clock = seed, func() time.Time { return now }
	sim := simulator.New(cfg)
	return world{sim, ledgertest.Serve(t, sim)}
}

// posts are the posts that a platform shows of an account, newest first.
func (w world) posts(p domain.Platform, id string, shown func(simulator.Post) bool) (posts []simulator.Post) {
	for _, post := range w.Posts(p, id, now) {
		if !post.Dead && shown(post) {
			posts = append(posts, post)
		}
	}
	return posts
}

const redirect = "https://boards.example/connect"

// signIn lets a person consent to everything at a platform's dialog, and returns the code that the app is sent.
func (w world) signIn(t *testing.T, dialog, comma string, scopes []string, pages ...string) (code string) {
	t.Helper()
	address := w.url + dialog + "?" + url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {strings.Join(scopes, comma)}, "as": {person.ID},
	}.Encode()
	form := url.Values{"decision": {"consent"}, "scope": scopes, "page": pages}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	back, err := answer.Location()
	require.NoError(t, err)
	require.NotEmpty(t, back.Query().Get("code"), back)
	return back.Query().Get("code")
}

// person manages three pages and administers two organizations.
var person = simulator.Person{
	ID: "7001", Name: "Mara Example", Pages: []simulator.Role{{Page: pageID}, {Page: "1002"}, {Page: "1003", Tasks: []string{"ANALYZE"}}},
	Profile: memberID, Organizations: []string{companyID, "5502"},
}

// read runs a program of an SDK and requires that it reads what is wanted.
func read(t *testing.T, folder, script string, config, want map[string]any) {
	t.Helper()
	type section struct {
		What string
		Read json.RawMessage
	}
	sections := make(chan section, 100)
	needs.Script(t, filepath.Join("testdata", folder), script, config, func(s section) { sections <- s })
	got := map[string]json.RawMessage{}
	patience := time.After(ledgertest.Patience)
	for {
		select {
		case s := <-sections:
			got[s.What] = s.Read
			if s.What != "end" {
				continue
			}
		case <-patience:
			require.Fail(t, "the program does not end")
		}
		break
	}
	require.Empty(t, string(got["failed"]))
	delete(got, "end")
	for what, expected := range want {
		raw, err := json.Marshal(expected)
		require.NoError(t, err)
		require.Contains(t, got, what)
		require.JSONEq(t, string(raw), string(got[what]), what)
		delete(got, what)
	}
	require.Empty(t, slices.Collect(maps.Keys(got)), "it read more than is wanted")
}
