package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// fakeOperators remembers what was done. The operations of the service are tested with the program,
// in cmd/ledgerboard.
type fakeOperators struct {
	mu     sync.Mutex
	acts   []string
	caller commands.Caller
	reason domain.Reason
	builds []operator.Generation // answers of Generation, in turn; the last one stays
	fault  func() error          // of Generation; nil: none
}

func (f *fakeOperators) did(c commands.Caller, reason domain.Reason, act ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts, f.caller, f.reason = append(f.acts, strings.Join(act, " ")), c, reason
	return nil
}

func (f *fakeOperators) Projections(context.Context) ([]operator.Projection, error) {
	return []operator.Projection{{
		Projection: "dashboards", Generation: 1, State: "live", Building: []operator.Generation{}, Partitions: []operator.Partition{},
	}}, nil
}

func (f *fakeOperators) Generations(context.Context) ([]operator.Generation, error) { return nil, nil }

func (f *fakeOperators) DeadLetter(_ context.Context, id string) (operator.DeadLetter, error) {
	return operator.DeadLetter{ID: id, Reason: operator.ReasonUndecodable, Params: map[string]string{}}, nil
}

func (f *fakeOperators) PreviewErasure(_ context.Context, e api.Erase) (operator.Erasure, error) {
	err := f.did(commands.Caller{}, e.Order.Reason, "preview erasure", e.User, fmt.Sprint(e.Member, e.SocialAccounts, e.Wait))
	return operator.Erasure{}, err
}

func (f *fakeOperators) Erase(_ context.Context, c commands.Caller, e api.Erase) (operator.Erasure, error) {
	return operator.Erasure{Erased: true}, f.did(c, e.Order.Reason, "erase", e.User, fmt.Sprint(e.Member, e.SocialAccounts, e.Wait), e.Order.Ground)
}

func (f *fakeOperators) Topics(context.Context) ([]operator.Topic, error) { return nil, nil }

func (f *fakeOperators) Pauses(context.Context) ([]domain.Pause, error) { return nil, nil }

func (f *fakeOperators) Connections(context.Context, directory.ReadingsQuery) ([]directory.ConnectionReading, error) {
	return nil, nil
}

func (f *fakeOperators) Actions(_ context.Context, limit int, cursor string) ([]operator.RecordedAction, readmodels.TrailMeta, error) {
	_ = f.did(commands.Caller{}, domain.Reason{}, "actions", strconv.Itoa(limit), cursor)
	return []operator.RecordedAction{{
		ID: "a1", Action: domain.ActionConnectionRead, Target: domain.OperatorTarget{Connection: 7}, Reason: domain.Reason{Code: domain.ReasonTest},
		Outcome: domain.OutcomeRefused, Code: domain.CodeNotFound,
	}}, readmodels.TrailMeta{ListMeta: readmodels.ListMeta{NextCursor: "next"}, Incomplete: "It is paused"}, nil
}

func (f *fakeOperators) Generation(_ context.Context, id string) (operator.Generation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		return operator.Generation{}, f.fault()
	}
	if len(f.builds) == 0 {
		return operator.Generation{ID: id, Projection: "post_insights", State: operator.StateLive}, nil
	}
	g := f.builds[0]
	if len(f.builds) > 1 {
		f.builds = f.builds[1:]
	}
	return g, nil
}

func (f *fakeOperators) DeadLetters(_ context.Context, filter operator.DeadLetterFilter) ([]operator.DeadLetter, error) {
	return nil, f.did(commands.Caller{}, domain.Reason{}, "list", filter.After)
}

func (f *fakeOperators) Pausable(_ context.Context, _ domain.PauseKind, name string) (domain.OperatorTarget, error) {
	id, err := strconv.ParseInt(name, 10, 64)
	return domain.OperatorTarget{Connection: id}, err
}

func (f *fakeOperators) Pause(_ context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	return f.did(c, reason, "pause", string(kind), name)
}

func (f *fakeOperators) Resume(_ context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error {
	return f.did(c, reason, "resume", string(kind), name)
}

func (f *fakeOperators) RequestRebuild(_ context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Generation, error) {
	return operator.Generation{ID: "x.g1", Projection: projection, State: operator.StateBuilding}, f.did(c, reason, "rebuild", projection)
}

func (f *fakeOperators) CancelBuild(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return f.did(c, reason, "cancel", id)
}

func (f *fakeOperators) PrepareGeneration(_ context.Context, c commands.Caller, projection string, reason domain.Reason) (operator.Prepared, error) {
	_ = f.did(c, reason, "prepare", projection)
	return operator.Prepared{Generation: operator.Generation{ID: "x.g1", Projection: projection, State: operator.StateBuilding}}, nil
}

func (f *fakeOperators) ReadConnection(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return f.did(c, reason, "read", id)
}

func (f *fakeOperators) RetryStream(_ context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error) {
	return operator.StreamFolded{}, f.did(c, reason, "retry", id)
}

func (f *fakeOperators) SkipEvent(_ context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error) {
	return operator.StreamFolded{}, f.did(c, reason, "skip", id)
}

func (f *fakeOperators) ShowDeadLetter(_ context.Context, c commands.Caller, id string, reason domain.Reason) (operator.DeadRecord, error) {
	_ = f.did(c, reason, "show", id)
	r := operator.DeadRecord{Headers: []operator.RecordHeader{}}
	r.ID, r.Reason, r.Params = id, "undecodable", map[string]string{}
	return r, nil
}

func (f *fakeOperators) Sessions(_ context.Context, user string, page readmodels.Page) ([]api.PersonSession, readmodels.ListMeta, error) {
	return nil, readmodels.ListMeta{}, f.did(commands.Caller{}, domain.Reason{}, "sessions", user, strconv.Itoa(page.Limit), page.Cursor)
}

func (f *fakeOperators) EndSession(_ context.Context, c commands.Caller, id string, reason domain.Reason) error {
	return f.did(c, reason, "end session", id)
}

func (f *fakeOperators) SignInLink(
	_ context.Context, c commands.Caller, user, _ string, validFor time.Duration, reason domain.Reason,
) (api.SignInLink, error) {
	return api.SignInLink{UserID: user}, f.did(c, reason, "link", user, validFor.String())
}

func (f *fakeOperators) LinkSignIn(_ context.Context, c commands.Caller, user, subject string, reason domain.Reason) error {
	return f.did(c, reason, "subject", user, subject)
}

func (f *fakeOperators) UnlinkSignIn(_ context.Context, c commands.Caller, user string, reason domain.Reason) error {
	return f.did(c, reason, "unlink", user)
}

func (f *fakeOperators) ExportPerson(
	_ context.Context, c commands.Caller, user string, member int64, reason domain.Reason, out io.Writer,
) (string, error) {
	_, _ = io.WriteString(out, "{}")
	return `[{"section":"user","rows":1}]`, f.did(c, reason, "export", user, strconv.FormatInt(member, 10))
}

func operating(t *testing.T) (*bundle, *fakeOperators) {
	t.Helper()
	operators := &fakeOperators{}
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
		{"projections/post_insights/prepare", why, ok, "prepare post_insights", ""},
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
			require.Empty(t, operators.acts, "%s %s", c.path, c.body)
			require.Equal(t, c.status == bad && c.body != "", len(answer.Failure(t).Errors) > 0, "%s %s", c.path, c.body)
			continue
		}
		require.Equal(t, []string{c.act}, operators.acts)
		if strings.HasPrefix(c.act, "preview ") {
			continue // nothing is done
		}
		require.Equal(t, domain.Reason{Code: "incident", Ticket: "OPS-1"}, operators.reason)
		require.Equal(t, "operator", operators.caller.Role)
		require.NotEmpty(t, operators.caller.UserID)
		require.Empty(t, operators.caller.ParentAccount, "an operator acts for no agency")
	}
}

// The progress of a build is streamed until its end, and no longer. What operators did is a list
// with a cursor.
func TestOperatorsGetBuildProgressAndActionList(t *testing.T) {
	t.Parallel()
	b, operators := operating(t)
	operators.builds = []operator.Generation{
		{ID: "x.g1", State: operator.StateBuilding, EventsDone: 10, EventsTotal: 20}, {ID: "x.g1", State: operator.StateLive},
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
		operators.fault = fault
		requireComeBack(t, b.get("/api/ops/generations/x.g1/events", b.token(agency, "operator")), 1, "Try again")
	}

	answer := b.ask(http.MethodGet, "/api/ops/actions?limit=3&cursor=abc", "", "Authorization: Bearer "+b.token(agency, "operator")).Says(t, http.StatusOK)
	require.Equal(t, []string{"actions 3 abc"}, operators.acts)
	answer.Says(t, http.StatusOK, `"outcome":"refused"`, `"meta":{"next_cursor":"next","incomplete":"It is paused"}`)
}
