package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func operating(t *testing.T) (*bundle, *apitest.Operators) {
	t.Helper()
	operators := &apitest.Operators{}
	return setup(t, func(d *api.Deps) { d.Operators = operators }), operators
}

// What an operator does reaches the service with who and why; an erasure needs an order, and its preview
// does not. The token of an operator, which can be used anywhere, gives no access to data of people. Bad
// input changes nothing and says what was wrong.
func TestOperatorActionsCarryActorAndReason(t *testing.T) {
	t.Parallel()
	const (
		why    = `{"reason":"incident:OPS-1"}`
		order  = `{"reason":"incident:OPS-1","ordered_by":"person","ground":"objection","due":"2026-12-21","social_accounts":[703],"wait":"90s"}`
		remote = "on the machine of the service"
		ok, no = http.StatusOK, http.StatusForbidden
		bad    = http.StatusBadRequest
	)
	rebuild, person := "projections/post_insights/rebuild", "users/"+alice
	for _, c := range []struct {
		path, body string
		status     int
		act, says  string
	}{
		{rebuild, why, ok, "rebuild post_insights", ""},
		{"projections/dashboards/pause", why, ok, "pause projection dashboards", ""},
		{"platforms/linkedin/resume", why, ok, "resume platform linkedin", ""},
		{"connections/31/pause", why, ok, "pause connection 31", ""},
		{"connections/31/read", why, ok, "read 31", ""},
		{"connections/4503599627370497/resume", why, ok, "resume connection 4503599627370497", ""},
		{"generations/x.g1/cancel", why, ok, "cancel x.g1", ""},
		{"dead-letters/dashboards-3-12/retry", why, ok, "retry dashboards-3-12", ""},
		{"dead-letters/dashboards-3-12/skip", why, ok, "skip dashboards-3-12", ""},
		{"dead-letters/dashboards-3-12/show", why, ok, "show dashboards-3-12", ""},
		{"sessions/V2K7QZ3M/end", why, ok, "end session V2K7QZ3M", ""},
		{person + "/sign-in/unlink", why, ok, "unlink " + alice, ""},

		{person + "/erase/preview", `{"social_accounts":[703]}`, ok, "preview erasure " + alice + " 0 [703] 1m0s", ""},
		{"members/7/erase/preview", `{}`, ok, "preview erasure  7 [] 1m0s", ""},
		{person + "/erase", order, ok, "erase " + alice + " 0 [703] 1m30s objection", ""},
		{"members/7/erase", order, ok, "erase  7 [703] 1m30s objection", ""},
		{"members/7/erase", why, bad, "", ""},
		{"members/7/erase", strings.Replace(order, "2026-12-21", "soon", 1), bad, "", ""},
		{"members/7/erase", strings.Replace(order, "90s", "2h", 1), bad, "", ""},

		{person + "/sign-in-link", why, no, "", remote},
		{person + "/sign-in/link", `{"reason":"test","subject":"s-7"}`, no, "", remote},
		{person + "/export", why, no, "", remote},
		{"members/7/export", why, no, "", remote},

		{rebuild, `{}`, bad, "", "maintenance"},
		{rebuild, `{"reason":"because"}`, bad, "", "maintenance"},
		{rebuild, `{"reason":"other"}`, bad, "", "ticket"},
		{rebuild, `{"reason":"test","till":"2026-01-01"}`, bad, "", "till"},
		{rebuild, ``, bad, "", "empty"},
	} {
		b, operators := operating(t)
		answer := b.ask(http.MethodPost, "/api/ops/"+c.path, c.body, "Authorization: Bearer "+b.token(agency, "operator"), "Content-Type: application/json")
		answer.Says(t, c.status, c.says)
		if c.status != http.StatusOK {
			require.Empty(t, operators.Acts(), "%s %s", c.path, c.body)
			require.Equal(t, c.status == bad && c.body != "", len(answer.Failure(t).Errors) > 0, "%s %s", c.path, c.body)
			continue
		}
		acts := operators.Acts()
		require.Len(t, acts, 1, c.path)
		require.Equal(t, c.act, acts[0].What)
		if strings.HasPrefix(c.act, "preview ") {
			continue // nothing is done
		}
		require.Equal(t, domain.Reason{Code: "incident", Ticket: "OPS-1"}, acts[0].Reason)
		require.Equal(t, "operator", acts[0].By.Role)
		require.NotEmpty(t, acts[0].By.UserID)
		require.Empty(t, acts[0].By.ParentAccount, "an operator acts for no agency")
	}
}

// The progress of a build is streamed until its end, and no longer. What operators did is a list
// with a cursor.
func TestOperatorsGetBuildProgressAndActionList(t *testing.T) {
	t.Parallel()
	b, operators := operating(t)
	looks := 0
	operators.Find = func(id string) (operator.Generation, error) {
		if looks++; looks == 1 {
			return operator.Generation{ID: id, State: operator.StateBuilding, EventsDone: 10, EventsTotal: 20}, nil
		}
		return operator.Generation{ID: id, State: operator.StateLive}, nil
	}
	base := b.serve()
	s := b.listen(base+"/api/ops/generations/x.g1/events", b.token(agency, "operator"))
	require.Equal(t, "text/event-stream", s.response.Header.Get("Content-Type"))
	var states []operator.State
	for data := s.next("generation"); data != ""; data = s.next("generation") {
		var told operator.Generation
		require.NoError(t, json.Unmarshal([]byte(data), &told))
		states = append(states, told.State)
	}
	require.NoError(t, s.lines.Err())
	require.Equal(t, []operator.State{operator.StateBuilding, operator.StateLive}, states)

	for _, fault := range []func() error{func() error { return errPasses }, func() error { panic("a defect") }} {
		operators.Find = func(string) (none operator.Generation, err error) { return none, fault() }
		requireComeBack(t, b.get("/api/ops/generations/x.g1/events", b.token(agency, "operator")), 1, "Try again")
	}

	operators.Recorded = []operator.RecordedAction{{
		ID: "a1", Action: domain.ActionConnectionRead, Target: domain.OperatorTarget{Connection: 7}, Reason: domain.Reason{Code: domain.ReasonTest},
		Outcome: domain.OutcomeRefused, Code: domain.CodeNotFound,
	}}
	operators.Trail = readmodels.TrailMeta{ListMeta: readmodels.ListMeta{NextCursor: "next"}, Incomplete: "It is paused"}
	answer := b.ask(http.MethodGet, "/api/ops/actions?limit=3&cursor=abc", "", "Authorization: Bearer "+b.token(agency, "operator")).Says(t, http.StatusOK)
	require.Equal(t, "actions 3 abc", operators.Acts()[0].What)
	answer.Says(t, http.StatusOK, `"outcome":"refused"`, `"meta":{"next_cursor":"next","incomplete":"It is paused"}`)
}
