package console_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// An agency makes a board again what it was: after a preview, and exactly as previewed.
func TestBackToAMoment(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	then := []readmodels.Named{named(bakery, "Bakery"), {ID: "c10000000000000000000009"}}
	now := []readmodels.Named{named(bakery, "Bakery"), named(catering, "Catering")}
	s.answers["GET /api/projects/dashboard/"+bakery+"/state"] = func(_ api.Principal, r *http.Request) (int, any) {
		state := readmodels.DashboardState{
			SubAccountIDs: then, Users: []readmodels.Named{named(adam, "Adam")}, AllowClientDashboard: true, Scopes: []string{"posts"},
		}
		if r.URL.Query().Get("at") == "" {
			state.SubAccountIDs = now
		}
		return http.StatusOK, map[string]any{"data": readmodels.StateAnswer{Dashboard: named(bakery, "Bakery"), State: state}}
	}
	decision := strings.Repeat("d", 64)
	var sent, condition, keys []string
	note := func(r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		sent, condition = append(sent, string(body)), append(condition, r.Header.Get("If-Preview"))
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}
	s.answers["POST /api/projects/dashboard/"+bakery+"/preview"] = func(_ api.Principal, r *http.Request) (int, any) {
		note(r)
		return http.StatusOK, map[string]any{"data": readmodels.DashboardPreview{
			Preview:    decision,
			Access:     []readmodels.PreviewedAccess{{User: named(adam, "Adam"), Gains: []readmodels.Named{named(bakery, "Bakery")}}, {User: named(clara, "Clara")}},
			Dashboards: []readmodels.PreviewedDashboard{{Dashboard: named(bakery, "Bakery"), Changes: readmodels.Differences{ScopesAdded: []string{"posts"}}}},
		}}
	}
	b := s.signedIn("agency")
	at := "2026-09-01T10:00:00.000001Z"
	preview := b.get("/console/history/back?dashboard=" + bakery + "&at=" + at)
	preview.says(http.StatusOK, "<ins>gains</ins>", "Clara</a> keeps what they see", "Shows now",
		"c10000000000000000000009</code>", `value="`+decision+`"`, "the history stays as it is")
	require.Contains(t, s.asked, "GET /api/projects/dashboard/"+bakery+"/state?at=2026-09-01T10%3A00%3A00.000001Z")
	rest := `"users":["` + adam + `"],"scopes":["posts"]`
	want := `{"allow_client_dashboard":true,"sub_account_ids":["` + bakery + `"],` + rest + `,"unlink":true}`
	require.Equal(t, []string{want}, sent)

	form := fields(t, preview.Body.String())
	require.NotEmpty(t, form.Get("key"))
	s.answers["PUT /api/projects/dashboard/"+bakery] = func(_ api.Principal, r *http.Request) (int, any) {
		note(r)
		return http.StatusOK, map[string]any{"data": map[string]any{}}
	}
	b.post("/console/history/back", form).leadsTo("/console/history/back?at=" + url.QueryEscape(at) + "&dashboard=" + bakery)
	require.Equal(t, []string{want, want}, sent)
	require.Equal(t, []string{"", decision}, condition)
	b.post("/console/history/back", form).leadsTo("/console/history/back?at=" + url.QueryEscape(at) + "&dashboard=" + bakery)
	require.Equal(t, []string{want, want, want}, sent, "the second of two clicks sends the same, whatever the board is by now")
	require.Equal(t, []string{"", form.Get("key"), form.Get("key")}, keys)
	b.post("/console/history/back", url.Values{"dashboard": {bakery}, "at": {at}}).says(http.StatusBadRequest)
	require.Len(t, sent, 3)

	s.refuse("PUT /api/projects/dashboard/"+bakery, http.StatusPreconditionFailed, domain.CodePreconditionFailed, "It was changed.")
	b.post("/console/history/back", form).says(http.StatusOK, "Nothing was saved: somebody changed the board meanwhile", `value="`+decision+`"`)
	s.refuse("PUT /api/projects/dashboard/"+bakery, http.StatusUnprocessableEntity, domain.CodeUnprocessable, "Adam has left.")
	b.post("/console/history/back", form).says(http.StatusUnprocessableEntity, "Adam has left.")
	s.answer("POST /api/projects/dashboard/"+bakery+"/preview", readmodels.DashboardPreview{}, nil)
	b.get("/console/history/back?dashboard="+bakery+"&at="+at).says(http.StatusOK, "Nothing would change")
	s.refuse("PUT /api/projects/dashboard/"+bakery, http.StatusPreconditionFailed, domain.CodePreconditionFailed, "It was changed.")
	twice := b.post("/console/history/back", form)
	twice.says(http.StatusOK, "the board is as it was then")
	require.NotContains(t, twice.Body.String(), "Nothing was saved", "somebody else did the same")
	s.refuse("PUT /api/projects/dashboard/"+bakery, http.StatusServiceUnavailable, domain.CodeUnavailable, "It may be saved.")
	b.post("/console/history/back", form).says(http.StatusServiceUnavailable, "Load this page again", "it is not made twice")

	// An account that is to be linked again: alone in one change, beside one that goes in several.
	sent, now = nil, then[:1]
	then = []readmodels.Named{named(bakery, "Bakery"), named(clara, "Clara's")}
	s.answers["POST /api/projects/dashboard/"+bakery+"/preview"] = func(_ api.Principal, r *http.Request) (int, any) {
		note(r)
		return http.StatusOK, map[string]any{"data": readmodels.DashboardPreview{Preview: decision}}
	}
	s.answer("PUT /api/projects/dashboard/"+bakery, map[string]any{}, nil)
	b.get("/console/history/back?dashboard=" + bakery + "&at=" + at)
	now = []readmodels.Named{named(bakery, "Bakery"), named(catering, "Catering")}
	b.get("/console/history/back?dashboard="+bakery+"&at="+at).says(http.StatusOK, "which takes several changes")
	now = then
	b.get("/console/history/back?dashboard=" + bakery + "&at=" + at)
	require.Equal(t, []string{
		`{"allow_client_dashboard":true,"sub_account_ids":["` + bakery + `","` + clara + `"],` + rest + `}`,
		`{"sub_account_ids":["` + bakery + `"],"unlink":true}`,
		`{"allow_client_dashboard":true,` + rest + `}`,
	}, sent)

	auditor := s.signedIn("auditor")
	auditor.get("/console/history/back?dashboard="+bakery).says(http.StatusForbidden, "not for your role")
	auditor.post("/console/history/back", form).says(http.StatusForbidden, "not for your role")
	s.history()
	require.NotContains(t, auditor.get("/console/history").Body.String(), "Back to this moment")
	b.get("/console/history").says(http.StatusOK, "/console/history/back?dashboard="+bakery+"&amp;at=2026-10-01T10%3a00%3a00Z")
}
