package api_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// The other agency.
const (
	otherAgency = "bbbbbbbbbbbbbbbbbbbbbbbb"
	otherClient = "b10000000000000000000001"
	otherUser   = "b0b000000000000000000000"
)

// wantedStatus contains the expected statuses of a caller, for its own tenant and for the other.
type wantedStatus struct{ own, foreign int }

// rights contains the expected statuses of each role: 403 for a wrong role, 404 for a foreign id.
type rights struct {
	agency, client, auditor, operator, mainApp, nobody wantedStatus
	// whole routes name no id: they answer with all of the caller's own tenant, so "foreign" is the
	// same request, and its answer must hold nothing of the other tenant.
	whole bool
}

var (
	refused  = wantedStatus{http.StatusForbidden, http.StatusForbidden}
	unproven = wantedStatus{http.StatusUnauthorized, http.StatusUnauthorized}
	byID     = wantedStatus{http.StatusOK, http.StatusNotFound}
	free     = wantedStatus{http.StatusOK, http.StatusOK}
	gone     = wantedStatus{http.StatusNotFound, http.StatusNotFound}
	unread   = wantedStatus{http.StatusBadRequest, http.StatusBadRequest}

	rightsOfPublic        = rights{free, free, free, free, free, free, false}
	rightsOfReadDashboard = rights{byID, byID, byID, refused, refused, unproven, false}
	rightsOfPutDashboard  = rights{byID, refused, refused, refused, refused, unproven, false}
	rightsOfAuditOfOne    = rights{byID, refused, byID, refused, refused, unproven, false}
	rightsOfAuditOfAll    = rights{free, refused, free, refused, refused, unproven, true}
	rightsOfFigures       = rights{byID, byID, refused, refused, refused, unproven, false}
	rightsOfPictures      = rights{gone, gone, refused, refused, refused, unproven, false} // of a post without one; who sees others: TestAPictureIsShownByTheRightsOfItsPost
	rightsOfOperators     = rights{refused, refused, refused, free, refused, unproven, true}
	rightsOfWhoami        = rights{free, free, free, free, refused, unproven, true}
	rightsOfDashboards    = rights{free, free, free, refused, refused, unproven, true}
	rightsOfCategories    = rights{free, free, refused, refused, refused, unproven, true}
	rightsOfMainApp       = rights{refused, refused, refused, refused, free, unproven, true}
	rightsOfTokens        = rights{refused, refused, refused, refused, gone, unproven, true} // of an unknown connection
	rightsOfAdding        = rights{free, refused, refused, refused, refused, unproven, true}
	rightsOfInviting      = rights{wantedStatus{http.StatusOK, http.StatusUnprocessableEntity}, refused, refused, refused, refused, unproven, false}
	rightsOfConnecting    = rights{free, refused, refused, refused, refused, unproven, true} // the client's dashboard lacks the scope connect
	rightsOfSignIns       = rights{gone, gone, refused, refused, refused, unproven, true}    // of an unknown session
	rightsOfDisconnecting = rights{wantedStatus{http.StatusConflict, http.StatusNotFound}, wantedStatus{http.StatusForbidden, http.StatusNotFound}, refused, refused, refused, unproven, false}
	rightsOfBrowser       = rights{gone, gone, gone, gone, gone, gone, true} // of no sign-in
	rightsOfBrowserForm   = rights{unread, unread, unread, unread, unread, unread, true}
	rightsOfListening     = rights{free, free, refused, refused, refused, unproven, false}
)

// rightsTable has a row for every route except those of figures and of operators.
var rightsTable = map[string]rights{
	"GET /healthz": rightsOfPublic, "GET /readyz": rightsOfPublic, "GET /metrics": rightsOfPublic, "GET /openapi.json": rightsOfPublic, "GET /asyncapi.json": rightsOfPublic,
	"GET /docs": rightsOfPublic, "GET /client.tgz": rightsOfPublic, "GET /client.js": rightsOfPublic,

	"GET /api/projects/dashboard/{}":          rightsOfReadDashboard,
	"PUT /api/projects/dashboard/{}":          rightsOfPutDashboard,
	"POST /api/projects/dashboard/{}/preview": rightsOfPutDashboard,
	"GET /api/projects/dashboard/{}/history":  rightsOfAuditOfOne,
	"GET /api/projects/dashboard/{}/state":    rightsOfAuditOfOne,
	"GET /api/projects/dashboard/{}/diff":     rightsOfAuditOfOne,
	"GET /api/projects/dashboard/{}/access":   rightsOfAuditOfOne,
	"GET /api/audit/history":                  rightsOfAuditOfAll,
	"GET /api/audit/diff":                     rightsOfAuditOfAll,
	"GET /api/audit/reads":                    rightsOfAuditOfAll,
	"GET /api/audit/export":                   rightsOfAuditOfOne, // by ?dashboard=
	"GET /api/audit/checkpoints":              rightsOfAuditOfAll,
	"GET /api/audit/bundle":                   rightsOfAuditOfAll,
	"GET /api/audit/access":                   rightsOfAuditOfOne, // likewise
	"GET /api/audit/access/export":            rightsOfAuditOfOne,

	"POST /api/directory":      rightsOfMainApp,
	"GET /api/directory/{}/{}": rightsOfMainApp,

	"POST /api/platforms":            rightsOfMainApp,
	"PUT /api/connections/{}/tokens": rightsOfTokens,
	"POST /api/accounts":             rightsOfAdding,
	"PUT /api/accounts/{}/time-zone": rightsOfPutDashboard,
	"POST /api/users":                rightsOfInviting,

	"GET /api/me":         rightsOfWhoami,
	"GET /api/dashboards": rightsOfDashboards,
	"GET /api/accounts":   rightsOfFigures,
	"GET /api/members":    rightsOfFigures,
	"GET /api/categories": rightsOfCategories,

	"GET /api/users/{}/platforms":      rightsOfFigures,
	"GET /api/platforms/{}/activities": rightsOfFigures,
	"GET /api/platforms/{}/stats":      rightsOfFigures,
	"GET /api/activities/{}/stats":     rightsOfFigures,
	"GET /api/activities/{}/picture":   rightsOfPictures,

	"GET /api/users":                     rightsOfFigures,
	"GET /api/users/{}":                  rightsOfFigures,
	"POST /api/users/{}/sign-in-link":    rightsOfPutDashboard,
	"GET /api/users/{}/sessions":         rightsOfPutDashboard,
	"POST /api/users/{}/sessions/{}/end": rightsOfPutDashboard,

	"GET /api/platforms":     rightsOfFigures,
	"GET /api/platforms/{}":  rightsOfFigures,
	"GET /api/activities":    rightsOfFigures,
	"GET /api/activities/{}": rightsOfFigures,
	"GET /api/stats":         rightsOfFigures,

	"GET /api/notices":         rightsOfListening,
	"POST /api/notices/ticket": rightsOfListening,
	"GET /api/live":            rightsOfFigures,

	"POST /api/connect":                 rightsOfConnecting,
	"GET /api/connect/links":            rightsOfConnecting,
	"POST /api/connect/links":           rightsOfConnecting,
	"POST /api/connect/links/{}/revoke": rightsOfSignIns,
	"GET /api/connect/{}":               rightsOfSignIns,
	"POST /api/platforms/{}/disconnect": rightsOfDisconnecting,
	"GET /connect/start/{}":             rightsOfBrowser,
	"GET /connect/{}":                   rightsOfBrowser,
	"GET /connect/choose/{}":            rightsOfBrowser,
	"POST /connect/choose/{}":           rightsOfBrowser,
	"GET /connect/link/{}":              rightsOfBrowser,
	"POST /connect/link/{}":             rightsOfBrowserForm,
	"POST /connect/meta/deauthorize":    rightsOfBrowserForm, // of a caller who signs with an app's secret
	"POST /connect/meta/delete":         rightsOfBrowserForm,
	"GET /connect/meta/delete/{}":       rightsOfBrowser,
}

// socketIO authenticates callers in its own protocol; see streams_test.go.
const socketIO = "/socket.io/*"

// ofRole returns the row by role; "" stands for a caller without a token.
func (r rights) ofRole() map[string]wantedStatus {
	return map[string]wantedStatus{
		string(api.RoleAgency): r.agency, string(api.RoleClient): r.client, string(api.RoleAuditor): r.auditor, string(api.RoleOperator): r.operator,
		string(api.RoleMainApp): r.mainApp,
		"":                      r.nobody,
	}
}

// rightsOf returns the expected statuses of a route; false if the table has no row for it.
func (b *bundle) rightsOf(route api.Route) (r rights, known bool) {
	if _, figures := b.server.Match(route.Method, "/auth"+strings.TrimPrefix(route.Pattern, "/auth")); figures {
		return rightsOfFigures, true
	}
	if strings.HasPrefix(route.Pattern, "/api/ops/") {
		return rightsOfOperators, true
	}
	r, known = rightsTable[route.Method+" "+normal(route.Pattern)]
	return r, known
}

// Every role on every route and tenant; routes, rows and described operations must match.
func TestEveryRouteForEveryRoleAndTenant(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	require.Len(t, rightsOfPublic.ofRole(), len(api.AllRoles())+1, "every role has a column")
	rows, tried := maps.Clone(rightsTable), map[string]bool{}
	base := b.serve()
	for _, route := range b.server.Routes() {
		tried[route.Method+" "+documented(route.Pattern)] = true
		if route.Pattern == socketIO {
			continue
		}
		row, known := b.rightsOf(route)
		require.True(t, known, "%s %s has no row in the table: add one that says what each role gets", route.Method, route.Pattern)
		delete(rows, route.Method+" "+normal(route.Pattern))
		for role, want := range row.ofRole() {
			for account, status := range map[string]int{client1: want.own, otherClient: want.foreign} {
				path := ownPath(route.Pattern)
				if account == otherClient && !row.whole {
					path = foreignPath(route.Pattern)
				}
				if route.Method == http.MethodPost && takesAccount()[documented(route.Pattern)] { // that is the GET of the same address
					path, _, _ = strings.Cut(path, "?")
				}
				var answer ledgertest.Answer
				if route.Pattern == "/api/live" || route.Pattern == "/api/notices" {
					stream := b.listen(base+path, b.tokenOf(role))
					answer.Status = stream.response.StatusCode
					require.NoError(t, stream.response.Body.Close())
				} else {
					var headers []string
					if role != "" {
						headers = []string{"Authorization: Bearer " + b.tokenOf(role)}
					}
					if path == "/api/directory" {
						headers = append(headers, "Content-Type: application/x-ndjson")
					}
					answer = b.ask(route.Method, path, bodyOf(route, account), headers...)
				}
				require.Equal(t, status, answer.Status, "%s %s as %q: %s", route.Method, path, role, answer.Body)
				for _, id := range []string{otherAgency, otherClient, otherUser, "Other"} {
					require.NotContains(t, answer.Body, id, "%s %s as %q shows the other tenant", route.Method, path, role)
				}
			}
		}
	}
	require.Empty(t, rows, "rows of routes that are not served")
	for _, op := range api.Describe().Operations {
		require.True(t, tried[op.Method+" "+documented(op.Pattern)], "%s %s is not tried", op.Method, op.Pattern)
	}
}

// bodies are the request bodies of routes.
var bodies = map[string]string{
	"POST /api/directory":                      `{"type":"directory.category.v1","data":{"id":1,"name":"Events"}}`,
	"POST /api/accounts":                       `{"name":"A new client"}`,
	"PUT /api/accounts/{account_id}/time-zone": `{"time_zone":"Asia/Tokyo"}`,
	"POST /api/users":                          `{"name":"Somebody new","email":"new@example.com","account":"ACCOUNT"}`,
	"POST /api/platforms":                      registersPage,
	"POST /api/connect":                        forClient1,
	"POST /api/connect/links":                  `{"platforms":[1],"days":1,"account":"` + client1 + `"}`,
}

func bodyOf(route api.Route, account string) string {
	switch body, known := bodies[route.Method+" "+route.Pattern]; {
	case known:
		return strings.ReplaceAll(body, "ACCOUNT", account)
	case route.Method == http.MethodPut, strings.HasSuffix(route.Pattern, "/preview"):
		return "{}"
	case route.Method == http.MethodPost && strings.HasPrefix(route.Pattern, "/api/ops/"):
		return `{"reason":"test:T-1"}`
	}
	return ""
}

var parameter = regexp.MustCompile(`{[^}]*}`)

func normal(pattern string) string {
	return parameter.ReplaceAllString(strings.TrimPrefix(pattern, "/auth"), "{}")
}

// takesAccount contains the patterns that take ?account=.
var takesAccount = sync.OnceValue(func() map[string]bool {
	takes := map[string]bool{}
	for _, op := range api.Describe().Operations {
		takes[documented(op.Pattern)] = takes[documented(op.Pattern)] || slices.ContainsFunc(op.Takes, func(p api.Param) bool { return p.Name == "account" })
	}
	return takes
})

// ownPath and foreignPath fill a pattern, or a parameter, with ids of one tenant or the other.
func ownPath(pattern string) string { return filled(pattern, client1, "7", "11", alice) }

func foreignPath(pattern string) string { return filled(pattern, otherClient, "8", "21", otherUser) }

func filled(pattern, account, member, row, user string) string {
	social := member + "0" // members 7 and 8 own the social accounts 70 and 80
	path := strings.NewReplacer(
		"{userId}", user, "{platformId}", social, "{activityId}", social+":p",
		"{kind}", "account", "{entityId}", account, "{sub_account_id}", account, "{account_id}", account, "{memberId}", member, "{accountId}", row, "{pId}", "all", "{cId}", "0",
		"{projection}", "post_insights", "{rebuild}", "r1", "{letter}", "dashboards-3-1204", "{platform}", "linkedin", "{connection}", "31", "{session}", "S1",
		"{startTime}", "2026-01-01", "{endTime}", "2026-01-31", "{fromDate}", "2026-01-01", "{toDate}", "2026-01-31",
	).Replace(pattern)
	query := "?account=" + account
	switch {
	case strings.HasSuffix(pattern, "/diff"):
		query = "?from=v1"
	case strings.HasSuffix(pattern, "/access"):
		query = "?user_id=" + user
	case strings.Contains(pattern, "Id}") && strings.HasPrefix(pattern, "/api/"), strings.Contains(pattern, "{accountId}"), strings.Contains(pattern, "{account_id}"):
		query = "" // the id alone must be judged
	case strings.HasSuffix(pattern, "/export"):
		query = "?format=jsonl&dashboard=" + account
	case !takesAccount()[documented(pattern)]:
		query = ""
	}
	return path + query
}

// tokenOf returns a token of a user of the agency; "" for no token.
func (b *bundle) tokenOf(role string) string {
	switch role {
	case "":
		return ""
	case "client":
		return b.token(client1, role)
	case "operator", "main_app":
		return b.token("", role, map[string]any{"account_id": nil})
	default:
		return b.token(agency, role)
	}
}

// update changes a dashboard of the agency.
func (b *bundle) update(change domain.UpdateDashboard) {
	b.t.Helper()
	_, err := b.facts.Dashboards(b.t, time.Now).Update(b.t.Context(), commands.UpdateDashboard{
		Caller: commands.Caller{ParentAccount: agency, UserID: alice, Role: "agency", RequestID: "r"}, Change: change,
	})
	require.NoError(b.t, err)
}

// setupTenants returns a server with the real queries and commands and the tables of two agencies.
func setupTenants(t *testing.T, change ...func(*api.Deps)) *bundle {
	t.Helper()
	log := ledgertest.New(t)
	var statements *pgtest.Statements
	log.DB.ReadOnly, statements = pgtest.Traced(t, log.DB.ReadOnly)
	log.Put(t,
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Our agency", Color: "#17587f", Active: true},
		domain.DirectoryAccount{ID: client1, RowID: 11, ParentAccount: agency, Name: "Client 1", Active: true},
		domain.DirectoryAccount{ID: client2, RowID: 12, ParentAccount: agency, Name: "Client 2", Active: true},
		domain.DirectoryAccount{ID: otherAgency, RowID: 2, Name: "Other agency", Active: true},
		domain.DirectoryAccount{ID: otherClient, RowID: 21, ParentAccount: otherAgency, Name: "Other client", Active: true},
		domain.DirectoryUser{ID: alice, AccountID: client1, Name: "Alice", Active: true},
		domain.DirectoryUser{ID: bob, AccountID: client2, Name: "Bob", Active: true},
		domain.DirectoryUser{ID: otherUser, AccountID: otherClient, Name: "Other user", Active: true},
		domain.DirectoryMember{ID: 7, AccountID: client1, UserID: alice, Name: "Alice", Active: true},
		domain.DirectoryMember{ID: 8, AccountID: otherClient, UserID: otherUser, Name: "Other user", Active: true},
		domain.DirectoryMember{ID: 9, AccountID: client2, UserID: bob, Name: "Bob", Active: true},
		domain.DirectorySocialAccount{ID: 70, ParentAccount: agency, AccountID: client1, MemberID: 7, Platform: domain.Facebook, Name: "Page", Connected: true},
		domain.DirectorySocialAccount{ID: 90, ParentAccount: agency, AccountID: client2, MemberID: 9, Platform: domain.Facebook, Name: "Bob's page", Connected: true},
		domain.DirectorySocialAccount{ID: 80, ParentAccount: otherAgency, AccountID: otherClient, MemberID: 8, Platform: domain.Facebook, Name: "Other page", Connected: true},
	)
	log.Put(t, domain.DirectorySubscription{ID: 1, AccountID: agency, StartsAt: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	for _, owner := range []domain.Tenant{
		{ParentAccount: agency, AccountID: client1, MemberID: 7, SocialAccount: 70},
		{ParentAccount: agency, AccountID: client2, MemberID: 9, SocialAccount: 90},
		{ParentAccount: otherAgency, AccountID: otherClient, MemberID: 8, SocialAccount: 80},
	} {
		published := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, owner.Key(), domain.PostRegistered{
			Tenant: owner, Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginListing, RegisteredAt: published, PublishedAt: &published,
		}, published)))
	}
	updates := log.Dashboards(t, time.Now)
	audit := &commands.Audit{Log: log, Now: time.Now, Logger: ledgertest.Quiet}
	pool := log.DB.ReadOnly
	audited := &history.History{Pool: pool}
	b := setup(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.ParentAccount, d.Dashboards, d.DashboardCommands = readmodels.Accounts{Pool: pool}.ParentAccount, log.Queries(), updates
		d.NamedPreview = audited.NamedPreview
		d.Scope, d.Analytics = readmodels.Scopes{Pool: pool}.Scope, &analytics.Analytics{Pool: pool}
		d.Entities = &directory.Entities{Pool: pool}
		d.Audit = &api.AuditDeps{History: audited, Records: audit, Proofs: fakeProver{}}
		d.Operators = &fakeOperators{}
		d.Picture = keptPictures{}.Picture
		d.SignIns = &signIns{}
		d.Directory = directoryDeps(log, true)
		d.Connect, d.MainApp = connectDesk(t, log, time.Now), mainAppDeps(t, log, nil)
		d.Streams = quietHub(t)
		d.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	}}, change...)...)
	b.statements, b.facts = statements, log
	yes := true
	for _, change := range []domain.UpdateDashboard{
		{Primary: client1, Users: &[]string{alice}, AllowClientDashboard: &yes},
		{Primary: client2, Users: &[]string{bob}, AllowClientDashboard: &yes},
		{Primary: otherClient, Users: &[]string{otherUser}, AllowClientDashboard: &yes},
	} {
		parent := agency
		if change.Primary == otherClient {
			parent = otherAgency
		}
		caller := commands.Caller{ParentAccount: parent, UserID: (*change.Users)[0], Role: "agency", RequestID: "r"}
		_, err := updates.Update(t.Context(), commands.UpdateDashboard{Caller: caller, Change: change})
		require.NoError(t, err)
		require.NoError(t, audit.RecordRead(t.Context(), caller, domain.AuditRead{What: domain.AuditHistory, Dashboard: change.Primary}))
	}
	return b
}
