package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Runner{Tests: m}) }

// october is when tests begin.
var october = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// shared is the service of tests that change nothing.
var shared = sync.OnceValue(func() *service { return openService(pgtest.Shared(), func() time.Time { return october }) })

// The other agency, whose names no page of this agency shows.
const (
	otherAgency = "bbbbbbbbbbbbbbbbbbbbbbbb"
	otherClient = "b10000000000000000000001"
	otherUser   = "b0b000000000000000000000"
)

// service is the operations themselves, on the tables of two agencies.
type service struct {
	log        *ledgertest.Log
	statements *pgtest.Statements
	boards     *commands.Dashboards
	people     directory.People // not counted among the statements: it is asked once a second
	server     *api.Server
	audit      *commands.Audit
}

func openService(t testing.TB, now func() time.Time, change ...func(*api.Deps)) *service {
	t.Helper()
	log := ledgertest.New(t)
	s := &service{log: log, boards: log.Dashboards(t, now), audit: &commands.Audit{Log: log, Now: now, Logger: ledgertest.Quiet}}
	s.people.Pool = log.DB.ReadOnly
	log.DB.ReadOnly, s.statements = pgtest.Traced(t, log.DB.ReadOnly)
	var drafts []domain.Draft
	for _, entity := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "North", Active: true},
		domain.DirectoryAccount{ID: bakery, RowID: 11, ParentAccount: agency, Name: "Harbour Bakery", Active: true},
		domain.DirectoryAccount{ID: mill, RowID: 12, ParentAccount: agency, Name: "Old Mill", Active: true},
		domain.DirectoryAccount{ID: otherAgency, RowID: 2, Name: "Other agency", Active: true},
		domain.DirectoryAccount{ID: otherClient, RowID: 21, ParentAccount: otherAgency, Name: "Other client", Active: true},
		domain.DirectoryUser{ID: alice, AccountID: agency, Name: "Alice", Active: true},
		domain.DirectoryUser{ID: adam, AccountID: agency, Name: "Adam Nowak", Active: true},
		domain.DirectoryUser{ID: clara, AccountID: bakery, Name: "Clara Holm", Active: true},
		domain.DirectoryUser{ID: left, AccountID: bakery, Name: "Lena Holm"},
		domain.DirectoryUser{ID: otherUser, AccountID: otherClient, Name: "Other user", Active: true},
		domain.DirectorySocialAccount{ID: 70, ParentAccount: agency, AccountID: bakery, Platform: domain.Facebook, Name: "Harbour", Connected: true},
		domain.DirectorySocialAccount{ID: 80, ParentAccount: otherAgency, AccountID: otherClient, Platform: domain.Facebook, Name: "Other page", Connected: true},
		domain.DirectorySubscription{ID: 1, AccountID: agency, StartsAt: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		drafts = append(drafts, commands.EntityDraft(entity, time.UnixMicro(0)))
	}
	for _, err := range log.AppendBatch(context.Background(), drafts) {
		require.NoError(t, err)
	}
	s.share(t, bakery, []string{bakery}, clara)
	s.change(t, otherAgency, domain.UpdateDashboard{Primary: otherClient, Users: &[]string{otherUser}, Scopes: &[]string{"analytics"}, AllowClientDashboard: new(true)})
	s.serve(t, now, change...)
	return s
}

// serve gives the service a server.
func (s *service) serve(t testing.TB, now func() time.Time, change ...func(*api.Deps)) {
	t.Helper()
	log, pool := s.log, s.log.DB.ReadOnly
	audited := &history.History{Pool: pool}
	told := directory.Lookup{Pool: pool, Registry: domain.NewRegistry(), Progress: pg.NewProgress()}
	deps := api.Deps{
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return api.Principal{}, errNone }), People: s.people,
		ParentAccount: readmodels.Accounts{Pool: pool}.ParentAccount, Dashboards: log.Queries(), DashboardCommands: s.boards,
		NamedPreview: audited.NamedPreview, Scope: readmodels.Scopes{Pool: pool}.Scope, Analytics: &analytics.Analytics{Pool: pool},
		Entities:  &directory.Entities{Pool: pool},
		Audit:     &api.AuditDeps{History: audited, Records: s.audit, Proofs: noProofs{}},
		Directory: &api.DirectoryDeps{Entities: told, Local: commands.LocalDirectory{Log: log, Tables: told, Local: true, Now: time.Now}},
		Connect:   desk(t, log, now),
		Operators: &apitest.Operators{}, SignIns: log.SignIns(t), Streams: stream.New(nil, stream.Config{}), TicketKey: make([]byte, 32),
		IsTemporary: pg.IsTemporary, Logger: ledgertest.Quiet, Now: now,
	}
	for _, c := range change {
		c(&deps)
	}
	var err error
	s.server, err = api.Handler(deps)
	require.NoError(t, err)
	t.Cleanup(s.server.Close)
}

// desk connects pages at a platform whose dialog no test opens.
func desk(t testing.TB, log *ledgertest.Log, now func() time.Time) *connect.Connect {
	pool := log.Vault()
	return &connect.Connect{Config: connect.Config{
		Directory: directory.Connecting{Pool: log.DB.ReadOnly}, Store: vault.Connecting{Pool: pool}, Secrets: ledgertest.Secrets(t, pool, ledgertest.Key),
		Places: directory.Connections{Pool: log.DB.ReadOnly}, Log: log, Gate: func() error { return nil }, Moved: func() <-chan struct{} { return nil },
		SignIn:    func(domain.Platform) (platforms.SignIn, error) { return struct{ platforms.SignIn }{}, nil },
		PublicURL: "http://localhost:6001", Apps: map[domain.Platform]string{domain.Facebook: "app", domain.TikTok: "app"}, Now: now, Logger: ledgertest.Quiet,
	}}
}

// real is a stage on a service of its own.
type real struct {
	*stage
	*service
}

func newReal(t *testing.T, change ...func(*api.Deps)) *real {
	t.Helper()
	s := bareStage(t)
	return (&real{s, openService(t, func() time.Time { return s.now }, change...)}).begin()
}

// newServer is a stage on a server of its own, on the tables of a service that tests share and do not change.
func newServer(t *testing.T, change ...func(*api.Deps)) *real {
	t.Helper()
	s, with := bareStage(t), *shared()
	with.serve(t, func() time.Time { return s.now }, change...)
	return (&real{s, &with}).begin()
}

func (r *real) begin() *real {
	r.deps.API, r.deps.RecordView = r.server, r.audit.RecordRead
	r.open()
	return r
}

// share opens the board of a client, with the figures of accounts, to users.
func (s *service) share(t testing.TB, client string, accounts []string, users ...string) {
	t.Helper()
	s.change(t, agency, domain.UpdateDashboard{
		Primary: client, SubAccountIDs: &accounts, Users: &users, Scopes: &[]string{"analytics"}, AllowClientDashboard: new(true),
	})
}

func (s *service) change(t testing.TB, agency string, c domain.UpdateDashboard) {
	t.Helper()
	_, err := s.boards.Update(t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: agency, UserID: alice, Role: "agency", RequestID: "r"}, Change: c,
	})
	require.NoError(t, err)
}

// read records that a page of a client had followers some days ago.
func (r *real) read(client string, social, daysAgo, followers int64) {
	r.t.Helper()
	at := r.now.AddDate(0, 0, -int(daysAgo)).Truncate(time.Microsecond)
	require.NoError(r.t, r.log.Append(r.t.Context(), commands.NewDraft(domain.TopicMetrics, fmt.Sprint(social), domain.AccountRead{
		Tenant:   domain.Tenant{ParentAccount: agency, AccountID: client, MemberID: 1, SocialAccount: social},
		Platform: domain.Facebook, CapturedAt: at,
		Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: followers, Source: "followers_count"}},
	}, at)))
}

// noProofs is a log without checkpoints.
type noProofs struct{}

func (noProofs) Checkpoints(context.Context) ([]proof.Published, error) { return nil, nil }

func (noProofs) Bundle(_ context.Context, parent, _ string, out io.Writer) (proof.Exported, error) {
	_, err := fmt.Fprintln(out, "bundle of", parent)
	return proof.Exported{Agency: parent}, err
}

// gets is what a person gets of a page with the ids of one's own agency, and with those of another.
type gets struct{ own, foreign int }

var (
	shown  = gets{http.StatusOK, http.StatusOK} // the address has no id
	byID   = gets{http.StatusOK, http.StatusNotFound}
	leads  = gets{http.StatusSeeOther, http.StatusSeeOther}
	denied = gets{http.StatusForbidden, http.StatusForbidden}
	absent = gets{http.StatusNotFound, http.StatusNotFound}
)

// rolesGet says what each role gets of each page; a role that is missing is denied.
var rolesGet = map[string]map[string]gets{
	"GET /console":                                                 {"agency": shown, "client": leads, "auditor": leads, "operator": leads},
	"GET /console/clients":                                         {"agency": shown},
	"GET /console/clients/{id}/figures":                            {"agency": byID},
	"GET /console/clients/{id}/figures/{table}":                    {"agency": byID},
	"GET /console/clients/{id}/report":                             {"agency": byID},
	"GET /console/clients/{id}/board":                              {"agency": byID},
	"GET /console/clients/{id}/people":                             {"agency": byID},
	"GET /console/clients/{id}/people/{user}/sees":                 {"agency": {http.StatusSeeOther, http.StatusNotFound}},
	"GET /console/clients/{id}/people/{user}/sees/{board}":         {"agency": byID},
	"GET /console/clients/{id}/people/{user}/sees/{board}/{table}": {"agency": byID},
	"GET /console/clients/{id}/connections":                        {"agency": byID},
	"GET /console/clients/{id}/connections/{page}/disconnect":      {"agency": byID},
	"GET /console/clients/{id}/history":                            {"agency": byID},
	"GET /console/board/{id}":                                      {"client": byID},
	"GET /console/board/{id}/closed":                               {"client": {http.StatusSeeOther, http.StatusOK}}, // the page says that it is not open
	"GET /console/board/{id}/{table}":                              {"client": byID},
	"GET /console/colleagues":                                      {"agency": shown},
	"GET /console/connect":                                         {"agency": shown, "client": denied},
	"GET /console/connect/links":                                   {"agency": shown, "client": denied},
	"GET /console/brand":                                           {"agency": shown},
	"GET /console/zone":                                            {"agency": shown, "client": shown},
	"GET /console/pictures/{id}":                                   {"agency": shown, "client": shown},   // a letter
	"GET /console/logo":                                            {"agency": absent, "client": absent}, // the agency has none
	"GET /console/history":                                         {"agency": shown, "auditor": shown},
	"GET /console/history/difference":                              {"agency": shown, "auditor": shown},
	"GET /console/history/looks":                                   {"agency": shown, "auditor": shown},
	"GET /console/access":                                          {"agency": shown, "auditor": shown},
	"GET /console/access/export":                                   {"agency": shown, "auditor": shown},
	"GET /console/people/{id}":                                     {"agency": byID, "auditor": byID},
	"GET /console/people/{id}/sign-in":                             {"agency": byID},
	"GET /console/verify":                                          {"agency": shown, "auditor": shown},
	"GET /console/verify/bundle":                                   {"agency": shown, "auditor": shown},
	"GET /console/ops":                                             {"operator": shown},
	"GET /console/ops/projections":                                 {"operator": shown},
	"GET /console/ops/projections/generations/{id}":                {"operator": shown},
	"GET /console/ops/dead-letters":                                {"operator": shown},
	"GET /console/ops/platforms":                                   {"operator": shown},
	"GET /console/ops/log":                                         {"operator": shown},
	"GET /console/ops/actions":                                     {"operator": shown},
	"GET /console/ops/do/{act}/{of...}":                            {"operator": shown},
	"GET /console/sessions":                                        {"agency": shown, "client": shown, "auditor": shown, "operator": shown},
	"POST /console/clients/{id}/board":                             {"agency": {http.StatusSeeOther, http.StatusNotFound}},
	"POST /console/clients/{id}/people":                            {"agency": byID},
	"POST /console/clients/{id}/connections":                       {"agency": byID},
	"POST /console/clients/{id}/connections/{page}/disconnect":     {"agency": byID},
	"POST /console/connect":                                        {"agency": shown, "client": denied}, // the form is wrong
	"POST /console/connect/links":                                  {"agency": shown, "client": denied},
	"POST /console/connect/links/{link}/revoke":                    {"agency": absent, "client": absent},
	"POST /console/zone":                                           {"agency": leads, "client": leads}, // the browser's own
	"POST /console/brand":                                          {"agency": leads},
	"POST /console/colleagues":                                     {"agency": shown}, // the form is wrong
	"POST /console/people/{id}/sign-in":                            {"agency": byID},
	"POST /console/people/{id}/sign-in/end":                        {"agency": {http.StatusSeeOther, http.StatusNotFound}},
	"POST /console/ops/do/{act}/{of...}":                           {"operator": shown}, // no reason
	"POST /console/sessions":                                       {"agency": leads, "client": leads, "auditor": leads, "operator": leads},
}

// address fills the pattern of a page with the ids of a client.
func address(pattern, client, user, page string) string {
	id := client
	switch {
	case strings.Contains(pattern, "/people/{id}"):
		id = user
	case strings.Contains(pattern, "/pictures/"):
		id = page + ":p"
	}
	return strings.NewReplacer("{id}", id, "{user}", user, "{board}", client, "{page}", page, "{table}", "followers.xlsx",
		"{act}", "pause-projection", "{of...}", "dashboards", "{link}", "L1").Replace(pattern)
}

// Every role on every page, with ids of its own agency and of another: the console can do no more than
// the operations. A page that is refused changes nothing, and none names the other agency.
func TestEveryPageForEveryRoleAndTenant(t *testing.T) {
	t.Parallel()
	r := newServer(t)
	patterns := []string{}
	for pattern := range r.console.Views() {
		public := strings.Contains(pattern, "sign") && !strings.Contains(pattern, "/people/") || strings.Contains(pattern, "/link/")
		if _, _, isPage := strings.Cut(pattern, " /"); isPage && !public && !strings.Contains(pattern, "/stream") {
			patterns = append(patterns, pattern)
		}
	}
	require.ElementsMatch(t, patterns, slices.Collect(keysOf(rolesGet)), "add a row for each page")
	for _, role := range []string{"agency", "client", "auditor", "operator"} {
		b := r.signedIn(role)
		for _, pattern := range patterns {
			want, may := rolesGet[pattern][role]
			if !may {
				want = denied
			}
			method, path, _ := strings.Cut(pattern, " ")
			var form url.Values
			if method == http.MethodPost {
				form = url.Values{"do": {"save"}, "body": {"{}"}, "id": {"S1"}}
			}
			for foreign, status := range map[bool]int{false: want.own, true: want.foreign} {
				at := address(path, bakery, clara, "70")
				if foreign {
					at = address(path, otherClient, otherUser, "80")
				}
				before := len(r.log.Records(domain.TopicDashboards)) + len(r.log.Records(domain.TopicDirectory))
				page := b.send(method, at, form, nil)
				require.Equal(t, status, page.Code, "%s %s as %s: %s", method, at, role, page.Body)
				for _, name := range []string{"Other client", "Other user", "Other page", "Other agency"} {
					require.NotContains(t, page.Body.String(), name, "%s %s as %s", method, at, role)
				}
				require.Equal(t, before, len(r.log.Records(domain.TopicDashboards))+len(r.log.Records(domain.TopicDirectory)), "%s %s as %s", method, at, role)
			}
		}
	}
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// An address with something else in place of an id or a day is not found.
func TestInvalidIDInPathIsNotFound(t *testing.T) {
	t.Parallel()
	r := newStage(t)
	b := r.signedIn("client")
	b.get("/console/board/%2e%2e").says(http.StatusNotFound, "There is no page at this address.")
	b.get("/console/board/"+bakery+"/followers.xlsx?from=..&to=..").says(http.StatusNotFound, "There is no page at this address.")
}

// A chart's file is a workbook of its series, named after the client and the range.
func TestChartDownloadIsWorkbookOfSeries(t *testing.T) {
	t.Parallel()
	r := newStage(t)
	b := r.signedIn("agency")
	for file, names := range map[string]string{
		"followers":   "Day,Followers,Change,Accounts read,Accounts newly connected",
		"net-growth":  "Day,Net growth of followers,Accounts read",
		"engagement":  "Day,Engagement gained,Likes,Comments,Shares,Readings of posts",
		"impressions": "Day,Impressions,Reach,Accounts read",
		"views":       "Day,Video views gained,Readings of posts",
		"activity":    "Day,Posts published",
	} {
		got := b.get("/console/clients/" + bakery + "/figures/" + file + ".xlsx?tz=Europe/Berlin&from=2026-09-03&to=2026-09-04")
		book, err := excelize.OpenReader(strings.NewReader(got.raw))
		require.NoError(t, err)
		rows, err := book.GetRows(book.GetSheetName(0))
		require.NoError(t, err)
		require.Equal(t, strings.Split(strings.Replace(names, "Day", "Day (Europe/Berlin)", 1), ","), rows[0])
		require.Len(t, rows, 3, "two days")
		require.NoError(t, book.Close())
		require.Equal(t, "attachment; filename="+file+"-"+bakery+"-2026-09-03-2026-09-04.xlsx", got.Header().Get("Content-Disposition"))
	}
	refused := b.get("/console/clients/"+bakery+"/figures/followers.xlsx?from=2026-09-09&to=2026-09-07").says(http.StatusNotFound, "There is no page")
	require.Empty(t, refused.Header().Get("Content-Disposition"), "a refusal is a page, which browsers show")
}

var _ console.Service = (*api.Server)(nil)
