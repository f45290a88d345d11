package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// batch posts a batch; the entries are decoded, the bodies of the good ones too.
func batch(t *testing.T, s *simulator.Server, token, requests string) (*httptest.ResponseRecorder, []map[string]any) {
	t.Helper()
	form := url.Values{"access_token": {token}, "include_headers": {"true"}, "batch": {requests}}
	r := httptest.NewRequest(http.MethodPost, "/facebook/v26.0/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var entries []map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &entries)
	return w, entries
}

// The Batch API: entries in the order of the requests, each with its own status and body, each counted.
func TestBatchRules(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Config{Seed: 1, Clock: clockAt(testNow), MetaPerDay: 5})
	page := s.AddPage(simulator.Account{ID: "5", Posts: []simulator.Post{{ID: "5_1", Created: testNow}, {ID: "5_2", Created: testNow}}})
	_, entries := batch(t, s, page.AccessToken, `[{"method":"GET","relative_url":"v26.0/5_2?fields=id"},{"method":"GET","relative_url":"5_404?fields=id"},
		{"method":"GET","relative_url":"v26.0/5_1/insights?metric=post_clicks"},{"method":"POST","relative_url":"5_1"},{"method":"GET","relative_url":"v26.0/5?fields=id"}]`)
	require.Len(t, entries, 5)
	for i, want := range []struct {
		code float64
		body string
	}{{200, `"id":"5_2"`}, {400, `"error_subcode":33`}, {200, `"name":"post_clicks"`}, {400, `"code":100`}, {200, `"id":"5"`}} {
		require.InDelta(t, want.code, entries[i]["code"], 0, i)
		require.Contains(t, entries[i]["body"], want.body)
	}
	require.Contains(t, entries[4]["headers"], map[string]any{"name": "facebook-api-version", "value": "v26.0"})
	_, entries = batch(t, s, page.AccessToken, `[{"method":"GET","relative_url":"5_1"},{"method":"GET","relative_url":"5_1"}]`)
	require.InDelta(t, 200, entries[0]["code"], 0)
	require.Contains(t, entries[1]["body"], `"code":80001`, "four were counted before, the fifth had the last place")

	for _, c := range []struct{ token, requests, want string }{
		{"unknown", `[{"method":"GET","relative_url":"5_1"}]`, `"code":190`},
		{page.AccessToken, `nonsense`, `"code":100`},
		{page.AccessToken, `[` + strings.TrimSuffix(strings.Repeat(`{"method":"GET","relative_url":"5_1"},`, 51), ",") + `]`, "Maximum batch size is 50"},
	} {
		w, _ := batch(t, s, c.token, c.requests)
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Contains(t, w.Body.String(), c.want)
	}
}
