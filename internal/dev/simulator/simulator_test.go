package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

var testNow = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

func clockAt(t time.Time) func() time.Time { return func() time.Time { return t } }

// get asks the server without a network; the answer is decoded as JSON.
func get(t *testing.T, s *simulator.Server, token, path string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return do(t, s, r)
}

func do(t *testing.T, s *simulator.Server, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	var body map[string]any
	require.NoError(t, json.Unmarshal(raw, &body), string(raw))
	return w.Code, body
}

func errorOf(body map[string]any) (code, subcode float64) {
	e, _ := body["error"].(map[string]any)
	code, _ = e["code"].(float64)
	subcode, _ = e["error_subcode"].(float64)
	return code, subcode
}

// A restarted simulator knows the refresh token that its former life handed out.
func TestRotationSurvivesRestart(t *testing.T) {
	t.Parallel()
	refresh := func(s *simulator.Server, token string) map[string]any {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		r := httptest.NewRequest(http.MethodPost, "/tiktok/v2/oauth/token/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_, body := do(t, s, r)
		return body
	}
	start := func() (*simulator.Server, simulator.Account) {
		s := simulator.New(simulator.Config{Seed: 1, Clock: clockAt(testNow)})
		return s, s.AddTikTokUser(simulator.Account{ID: "open-1"})
	}
	s, user := start()
	rotated, _ := refresh(s, user.RefreshToken)["refresh_token"].(string)
	require.NotEmpty(t, rotated)
	require.Equal(t, "invalid_grant", refresh(s, user.RefreshToken)["error"])

	// An edge that fails has not passed the call on: the token is not used up.
	edge, third := start()
	require.True(t, edge.SetTraps(domain.TikTok, "open-1", simulator.Traps{HTML: http.StatusBadGateway}))
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {third.RefreshToken}}
	failing := httptest.NewRequest(http.MethodPost, "/tiktok/v2/oauth/token/", strings.NewReader(form.Encode()))
	failing.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	edge.ServeHTTP(httptest.NewRecorder(), failing)
	require.True(t, edge.SetTraps(domain.TikTok, "open-1", simulator.Traps{}))
	require.NotEmpty(t, refresh(edge, third.RefreshToken)["access_token"])

	again, _ := start()
	body := refresh(again, rotated)
	require.NotEmpty(t, body["access_token"])
	require.Equal(t, "invalid_grant", refresh(again, user.RefreshToken)["error"], "what was used up stays used up")
	r := httptest.NewRequest(http.MethodGet, "/tiktok/v2/user/info/?fields=open_id", nil)
	access, _ := body["access_token"].(string)
	r.Header.Set("Authorization", "Bearer "+access)
	status, _ := do(t, again, r)
	require.Equal(t, 200, status)
}
