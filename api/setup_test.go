package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	client1 = "c10000000000000000000001"
	client2 = "c10000000000000000000002"
	alice   = "a11ce0000000000000000000"
	bob     = "b0b0b0000000000000000000"
	secret  = "a secret of at least thirty-two bytes"
)

// patience is the time limit for waiting, long enough for a loaded machine.
const patience = ledgertest.Patience

// bundle is a server with fakes, which a test sets before it sends requests.
type bundle struct {
	t        *testing.T
	server   *api.Server
	contract contract
	now      time.Time
	log      ledgertest.Output

	mu        sync.Mutex
	views     map[string]readmodels.DashboardView // by parent and sub-account
	readErr   error
	opened    []commands.OpenDashboard
	updates   []commands.UpdateDashboard
	previews  []commands.UpdateDashboard
	result    commands.Result
	updateErr error
	scopeErr  error
	queries   []analytics.RangeQuery
	meta      analytics.Meta // beside the range, of AccountInsights
	large     int            // platforms that AccountInsights lists
	panics    bool

	facts *ledgertest.Log // of [setupOn]: the tables of the real queries are made of it
}

func setup(t *testing.T, change ...func(*api.Deps)) *bundle {
	t.Helper()
	b := &bundle{
		t: t, now: time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC),
		views: map[string]readmodels.DashboardView{},
	}
	authenticator, err := bearer.New(t.Context(), bearer.Config{
		Secret: secret, Issuer: "main-app", Audience: "ledgerboard", Now: func() time.Time { return b.now },
	})
	require.NoError(t, err)
	deps := api.Deps{
		Config:        api.Config{AnalyticsAtRoot: true},
		Authenticator: authenticator, People: everybody{}, ParentAccount: b.ParentAccount, Dashboards: b, DashboardCommands: b, NamedPreview: b.NamedPreview, Scope: b.Scope,
		TicketKey:   []byte(secret[:32]),
		Logger:      slog.New(slog.NewJSONHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:         func() time.Time { return b.now },
		IsTemporary: func(err error) bool { return errors.Is(err, errPasses) },
		Remedy: func(err error) string {
			if errors.Is(err, errLimited) {
				return "A retry does not help."
			}
			return ""
		},
	}
	for _, c := range change {
		c(&deps)
	}
	if deps.Analytics == nil {
		b.server, err = api.HandlerOf(deps, b.ofAnalytics)
	} else {
		b.server, err = api.Handler(deps)
	}
	require.NoError(t, err)
	t.Cleanup(b.server.Close)
	b.contract = newContract(t, b.server, deps.Analytics == nil)
	return b
}

func (b *bundle) logged() string { return b.log.String() }

// everybody is a directory in which every user belongs to the account that the token names.
type everybody struct{}

func (everybody) UserStatus(_ context.Context, _, account string) (domain.UserStatus, error) {
	return statusIn(account), nil
}

// statusIn returns the status of an active user of an account.
func statusIn(account string) domain.UserStatus {
	return domain.UserStatus{
		Known: true, Active: true, Account: account, AccountKnown: true, AccountActive: true,
		SubAccount: account != agency && account != otherAgency,
	}
}

func (b *bundle) ParentAccount(_ context.Context, subAccount string) (string, error) {
	if subAccount == client1 || subAccount == client2 {
		return agency, nil
	}
	return "", domain.NewError(domain.CodeNotFound, "no such account")
}

func (b *bundle) Dashboard(_ context.Context, request readmodels.DashboardRequest) (readmodels.DashboardView, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.panics {
		panic("a defect")
	}
	view, ok := b.views[request.ParentAccount+"/"+request.SubAccount]
	switch {
	case b.readErr != nil:
		return readmodels.DashboardView{}, b.readErr
	case !ok:
		return readmodels.DashboardView{}, domain.ErrDashboardNotFound
	}
	return view, nil
}

func (b *bundle) Open(_ context.Context, open commands.OpenDashboard) (commands.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = append(b.opened, open)
	b.views[open.ParentAccount+"/"+open.SubAccount] = view(open.SubAccount, 1)
	return commands.Result{}, nil
}

func (b *bundle) Update(_ context.Context, update commands.UpdateDashboard) (commands.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.updates = append(b.updates, update)
	return b.result, b.updateErr
}

func (b *bundle) Preview(_ context.Context, update commands.UpdateDashboard) (domain.DashboardPreview, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.previews = append(b.previews, update)
	return domain.DashboardPreview{}, b.updateErr
}

func (*bundle) NamedPreview(context.Context, domain.DashboardPreview) (history.DashboardPreview, error) {
	return history.DashboardPreview{}, nil
}

func (b *bundle) Scope(_ context.Context, request readmodels.ScopeRequest) (readmodels.Scope, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return readmodels.Scope{ParentAccount: request.ParentAccount}, b.scopeErr
}

// ofAnalytics replaces the analytics queries and returns no figures.
func (b *bundle) ofAnalytics(query analytics.RangeQuery) (platforms int, meta analytics.Meta) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queries = append(b.queries, query)
	meta = b.meta
	meta.From, meta.To, meta.TimeZone = query.Range.From, query.Range.To, query.Range.Zone.String()
	return b.large, meta
}

func view(subAccount string, version int64, users ...string) readmodels.DashboardView {
	return readmodels.DashboardView{
		ID: domain.NewDashboardID(agency, subAccount), SubAccountID: subAccount, Version: version,
		SubAccountIDs: []readmodels.LinkedAccount{{ID: subAccount}},
	}
}

// token is alice's; changed claims are those of [ledgertest.Token].
func (b *bundle) token(account string, role any, change ...map[string]any) string {
	b.t.Helper()
	return ledgertest.Token(b.t, secret, b.now, alice, account, role, append([]map[string]any{{"iss": "main-app"}}, change...)...)
}

func (b *bundle) agencyToken() string { return b.token(agency, "agency") }

// requireNamed requires an error whose first field is the given one.
func requireNamed(t *testing.T, a ledgertest.Answer, field string) {
	t.Helper()
	require.Equal(t, field, a.Says(t, http.StatusBadRequest).Failure(t).Errors[0].Field, a.Request)
}

// ask sends a request to the handler, whose answer must be as the API document describes it.
func (b *bundle) ask(method, path, body string, headers ...string) ledgertest.Answer {
	b.t.Helper()
	a := ledgertest.Ask(b.t, b.server, method, path, body, headers...)
	r, err := http.NewRequest(method, path, http.NoBody)
	require.NoError(b.t, err)
	b.contract.check(b.t, r, a)
	return a
}

// serve serves until the test ends, and returns the base URL.
func (b *bundle) serve() string {
	return ledgertest.Serve(b.t, b.server)
}

func (b *bundle) get(path, token string, headers ...string) ledgertest.Answer {
	b.t.Helper()
	return b.ask(http.MethodGet, path, "", append(headers, "Authorization: Bearer "+token)...)
}

func (b *bundle) put(subAccount, body string, headers ...string) ledgertest.Answer {
	b.t.Helper()
	return b.ask(http.MethodPut, "/api/projects/dashboard/"+subAccount, body,
		append(headers, "Authorization: Bearer "+b.agencyToken())...)
}

// quietHub is a hub with a store without notices.
func quietHub(t *testing.T) *stream.Hub {
	t.Helper()
	return runHub(t, stream.Config{})
}

func runHub(t *testing.T, config stream.Config) *stream.Hub {
	t.Helper()
	config.AuthTimeout = patience // of a Socket.IO client that a slow machine holds up
	hub := stream.New(emptyStore{}, config)
	ledgertest.Run(t, hub.Run)
	return hub
}

type emptyStore struct{}

func (emptyStore) Since(context.Context, stream.Cursor, time.Time, int) ([]stream.Notice, error) {
	return nil, nil
}

func (emptyStore) Heads(_ context.Context, parents []string) (map[string]int64, error) {
	heads := map[string]int64{}
	for _, parent := range parents {
		heads[parent] = 7
	}
	return heads, nil
}

func (emptyStore) Cursor(context.Context, string, string) (int64, bool, error) {
	return 0, false, nil
}

func (emptyStore) ConnectionNews(context.Context, []string, time.Time, time.Time) ([]stream.ConnectionNews, error) {
	return nil, nil
}
func (emptyStore) SaveCursors(context.Context, []stream.Cursor) error { return nil }

func TestMain(m *testing.M) { leaks.Main(pgtest.Runner{Tests: m}) }
