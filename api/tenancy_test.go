package api_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
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
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
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
	rightsOfAttention     = rights{free, refused, refused, refused, refused, unproven, true}
	rightsOfAuditOfAll    = rights{free, refused, free, refused, refused, unproven, true}
	rightsOfFigures       = rights{byID, byID, refused, refused, refused, unproven, false}
	rightsOfPictures      = rights{gone, gone, refused, refused, refused, unproven, false} // of a post without one; who sees others: TestPictureRequiresAccessToItsPost
	rightsOfOperators     = rights{refused, refused, refused, free, refused, unproven, true}
	rightsOfLocal         = rights{refused, refused, refused, refused, refused, unproven, true} // a token is not enough
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

// row is what each caller gets of a route, which states of the service close it, and what it records.
type row struct {
	rights

	until   demand
	records []string // types of the events that a request in one's own tenant appends
}

// demand says which states of the service close a route.
type demand int

const (
	needsNothing demand = iota // open in every state
	needsTables                // closed until the read models can be read
	needsPeople                // closed also while it is unknown who has left
)

func alwaysOf(r rights) row                       { return row{rights: r} }
func readsOf(r rights, records ...string) row     { return row{r, needsTables, records} }
func sensitiveOf(r rights, records ...string) row { return row{r, needsPeople, records} }

const (
	viewed   = "audit.read.v1"
	exported = "audit.exported.v1"
)

// rows has a row for every route except those of figures and of operators.
var rows = map[string]row{
	"GET /healthz":                            alwaysOf(rightsOfPublic),
	"GET /readyz":                             alwaysOf(rightsOfPublic),
	"GET /metrics":                            alwaysOf(rightsOfPublic),
	"GET /openapi.json":                       alwaysOf(rightsOfPublic),
	"GET /asyncapi.json":                      alwaysOf(rightsOfPublic),
	"GET /docs":                               alwaysOf(rightsOfPublic),
	"GET /client.tgz":                         alwaysOf(rightsOfPublic),
	"GET /client.js":                          alwaysOf(rightsOfPublic),
	"GET /api/projects/dashboard/{}":          readsOf(rightsOfReadDashboard),
	"PUT /api/projects/dashboard/{}":          sensitiveOf(rightsOfPutDashboard, "dashboard.settings_changed.v1"),
	"POST /api/projects/dashboard/{}/preview": sensitiveOf(rightsOfPutDashboard),
	"GET /api/projects/dashboard/{}/history":  sensitiveOf(rightsOfAuditOfOne, viewed),
	"GET /api/projects/dashboard/{}/state":    sensitiveOf(rightsOfAuditOfOne, viewed),
	"GET /api/projects/dashboard/{}/diff":     sensitiveOf(rightsOfAuditOfOne, viewed),
	"GET /api/projects/dashboard/{}/access":   sensitiveOf(rightsOfAuditOfOne, viewed),
	"GET /api/audit/history":                  sensitiveOf(rightsOfAuditOfAll, viewed),
	"GET /api/audit/diff":                     sensitiveOf(rightsOfAuditOfAll, viewed),
	"GET /api/audit/reads":                    sensitiveOf(rightsOfAuditOfAll),
	"GET /api/audit/export":                   sensitiveOf(rightsOfAuditOfOne, exported),
	"GET /api/audit/checkpoints":              sensitiveOf(rightsOfAuditOfAll),
	"GET /api/audit/bundle":                   sensitiveOf(rightsOfAuditOfAll, exported),
	"GET /api/audit/access":                   sensitiveOf(rightsOfAuditOfOne, viewed),
	"GET /api/audit/access/export":            sensitiveOf(rightsOfAuditOfOne, exported),
	"POST /api/directory":                     readsOf(rightsOfMainApp, "directory.category.v1"),
	"GET /api/directory/{}/{}":                readsOf(rightsOfMainApp),
	"POST /api/platforms":                     readsOf(rightsOfMainApp, "directory.member.v1", "directory.connection.v1", "directory.social_account.v1"),
	"PUT /api/connections/{}/tokens":          sensitiveOf(rightsOfTokens),
	"POST /api/accounts":                      sensitiveOf(rightsOfAdding, "directory.account.v1"),
	"PUT /api/brand":                          sensitiveOf(rightsOfAdding, "directory.account.v1"),
	"PUT /api/accounts/{}/time-zone":          sensitiveOf(rightsOfPutDashboard, "directory.account.v1"),
	"POST /api/users":                         sensitiveOf(rightsOfInviting, "directory.user.v1"),
	"GET /api/me":                             readsOf(rightsOfWhoami),
	"GET /api/dashboards":                     readsOf(rightsOfDashboards),
	"GET /api/accounts":                       readsOf(rightsOfFigures),
	"GET /api/accounts/followers":             readsOf(rightsOfFigures),
	"GET /api/attention":                      readsOf(rightsOfAttention),
	"GET /api/members":                        readsOf(rightsOfFigures),
	"GET /api/categories":                     readsOf(rightsOfCategories),
	"GET /api/users/{}/platforms":             readsOf(rightsOfFigures),
	"GET /api/platforms/{}/activities":        readsOf(rightsOfFigures),
	"GET /api/platforms/{}/stats":             readsOf(rightsOfFigures),
	"GET /api/activities/{}/stats":            readsOf(rightsOfFigures),
	"GET /api/activities/{}/picture":          readsOf(rightsOfPictures),
	"GET /api/logo":                           readsOf(rightsOfCategories),
	"GET /api/users":                          readsOf(rightsOfFigures),
	"GET /api/users/{}":                       readsOf(rightsOfFigures),
	"POST /api/users/{}/sign-in-link":         sensitiveOf(rightsOfPutDashboard),
	"GET /api/users/{}/sessions":              readsOf(rightsOfPutDashboard),
	"POST /api/users/{}/sessions/{}/end":      sensitiveOf(rightsOfPutDashboard),
	"GET /api/platforms":                      readsOf(rightsOfFigures),
	"GET /api/platforms/{}":                   readsOf(rightsOfFigures),
	"GET /api/activities":                     readsOf(rightsOfFigures),
	"GET /api/activities/{}":                  readsOf(rightsOfFigures),
	"GET /api/stats":                          readsOf(rightsOfFigures),
	"GET /api/notices":                        alwaysOf(rightsOfListening),
	"POST /api/notices/ticket":                readsOf(rightsOfListening),
	"GET /api/live":                           alwaysOf(rightsOfFigures),
	"POST /api/connect":                       sensitiveOf(rightsOfConnecting),
	"GET /api/connect/links":                  readsOf(rightsOfConnecting),
	"POST /api/connect/links":                 sensitiveOf(rightsOfConnecting, "operations.connect_link_changed.v1"),
	"POST /api/connect/links/{}/revoke":       sensitiveOf(rightsOfSignIns),
	"GET /api/connect/{}":                     readsOf(rightsOfSignIns),
	"POST /api/platforms/{}/disconnect":       sensitiveOf(rightsOfDisconnecting),
	"GET /connect/start/{}":                   sensitiveOf(rightsOfBrowser),
	"GET /connect/{}":                         readsOf(rightsOfBrowser),
	"GET /connect/choose/{}":                  readsOf(rightsOfBrowser),
	"POST /connect/choose/{}":                 sensitiveOf(rightsOfBrowser),
	"GET /connect/link/{}":                    sensitiveOf(rightsOfBrowser),
	"POST /connect/link/{}":                   sensitiveOf(rightsOfBrowserForm),
	"POST /connect/meta/deauthorize":          readsOf(rightsOfBrowserForm),
	"POST /connect/meta/delete":               readsOf(rightsOfBrowserForm),
	"GET /connect/meta/delete/{}":             readsOf(rightsOfBrowser),
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

// requiresSocket matches the operations of operators for which a token is not enough.
var requiresSocket = regexp.MustCompile(`^/api/ops/.*/(sign-in-link|sign-in/link|export)$`)

// rowOf returns the row of a route; false if it has none.
func (b *bundle) rowOf(route api.Route) (r row, known bool) {
	if _, figures := b.server.Match(route.Method, "/auth"+strings.TrimPrefix(route.Pattern, "/auth")); figures {
		return readsOf(rightsOfFigures), true
	}
	if strings.HasPrefix(route.Pattern, "/api/ops/") {
		if requiresSocket.MatchString(route.Pattern) {
			return alwaysOf(rightsOfLocal), true
		}
		return alwaysOf(rightsOfOperators), true
	}
	r, known = rows[route.Method+" "+normal(route.Pattern)]
	return r, known
}

// isStream reports whether a route sends events. Streams report a closed service in their own
// protocol.
func isStream(pattern string) bool { return pattern == "/api/live" || pattern == "/api/notices" }

// matrix is a server whose states a test changes, with a user who has left.
type matrix struct {
	*bundle

	unready, unknown error
	calls            bool // the functions are called, without the router
}

const leftUser = "1ef700000000000000000000"

// UserStatus implements [api.PeopleDirectory].
func (m *matrix) UserStatus(_ context.Context, user, account string) (domain.UserStatus, error) {
	status := statusIn(account)
	status.Active = user != leftUser
	return status, nil
}

func setupMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{}
	m.bundle = setupTenants(t, func(d *api.Deps) {
		d.People = m
		d.Ready, d.PeopleKnown = func() error { return m.unready }, func() error { return m.unknown }
	})
	return m
}

// try sends a request of a role to a route, in the tenant of account, and returns the types of the
// events that it appended.
func (m *matrix) try(route api.Route, row row, role, token, account string) (answer ledgertest.Answer, appended []string) {
	m.t.Helper()
	path := ownPath(route.Pattern)
	if account == otherClient && !row.whole {
		path = foreignPath(route.Pattern)
	}
	if route.Method == http.MethodPost && takesAccount()[documented(route.Pattern)] { // that is the GET of the same address
		path, _, _ = strings.Cut(path, "?")
	}
	before := len(m.facts.Types())
	switch headers := m.headersOf(path, token); {
	case isStream(route.Pattern):
		stream := m.listen(ledgertest.Serve(m.t, m.server)+path, token)
		answer.Status = stream.response.StatusCode
		require.NoError(m.t, stream.response.Body.Close())
	case m.calls:
		request := httptest.NewRequest(route.Method, path, strings.NewReader(bodyOf(route, account)))
		request.Header.Set("Content-Type", "application/json")
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			request.Header.Set(name, value)
		}
		answer.Status = api.Call(m.server, request)
	default:
		answer = m.ask(route.Method, path, bodyOf(route, account), headers...)
	}
	for _, id := range []string{otherAgency, otherClient, otherUser, "Other"} {
		require.NotContains(m.t, answer.Body, id, "%s %s as %q shows the other tenant", route.Method, path, role)
	}
	return answer, m.facts.Types()[before:]
}

func (m *matrix) headersOf(path, token string) (headers []string) {
	if token != "" {
		headers = []string{"Authorization: Bearer " + token}
	}
	if path == "/api/directory" {
		headers = append(headers, "Content-Type: application/x-ndjson")
	}
	return headers
}

// Every role on every route: in its own tenant and in another, in every state of the service, and
// after the caller has left. Routes, rows and described operations must match. A request that is
// refused records nothing.
func TestEveryRouteForEveryRoleAndTenant(t *testing.T) {
	t.Parallel()
	setupMatrix(t).tryAll(t)
}

// The functions make the same checks for every caller.
func TestEveryFunctionForEveryRoleAndTenant(t *testing.T) {
	t.Parallel()
	m := setupMatrix(t)
	m.calls = true
	m.tryAll(t)
}

func (m *matrix) tryAll(t *testing.T) {
	t.Helper()
	require.Len(t, rightsOfPublic.ofRole(), len(api.AllRoles())+1, "every role has a column")
	unused, tried := maps.Clone(rows), map[string]bool{}
	closed := &domain.Error{Code: domain.CodeUnavailable, Message: "closed", RetryAfter: 2}
	for _, route := range m.server.Routes() {
		tried[route.Method+" "+documented(route.Pattern)] = true
		if route.Pattern == socketIO {
			continue
		}
		row, known := m.rowOf(route)
		require.True(t, known, "%s %s has no row in the table: add one that says what each role gets", route.Method, route.Pattern)
		delete(unused, route.Method+" "+normal(route.Pattern))
		for role, want := range row.ofRole() {
			mayCall := route.Roles == nil || slices.Contains(route.Roles, api.Role(role))
			check := func(state, token, account string, status int) {
				t.Helper()
				answer, appended := m.try(route, row, role, token, account)
				if m.calls && answer.Status == 0 { // not a function
					return
				}
				require.Equal(t, status, answer.Status, "%s %s as %q, %s: %s", route.Method, route.Pattern, role, state, answer.Body)
				switch {
				case state == "own" && status == http.StatusOK:
					require.Equal(t, append([]string{}, row.records...), appended, "%s %s as %q records", route.Method, route.Pattern, role)
				case status != http.StatusOK:
					require.Empty(t, appended, "%s %s as %q, %s, is refused", route.Method, route.Pattern, role, state)
				}
			}
			token := m.tokenOf(role)
			check("own", token, client1, want.own)
			check("foreign", token, otherClient, want.foreign)

			status := func(is bool, status int) int {
				if is && mayCall {
					return status
				}
				return want.own
			}
			m.unready = closed
			check("read models not ready", token, client1, status(row.until >= needsTables, http.StatusServiceUnavailable))
			m.unready, m.unknown = nil, closed
			check("people unknown", token, client1, status(row.until >= needsPeople, http.StatusServiceUnavailable))
			m.unknown = nil
			if role == string(api.RoleAgency) || role == string(api.RoleClient) {
				account := map[string]string{"agency": agency, "client": client1}[role]
				status := want.own
				if route.Roles != nil || isStream(route.Pattern) {
					status = http.StatusForbidden
				}
				check("left", m.token(account, role, map[string]any{"sub": leftUser}), client1, status)
			}
		}
	}
	require.Empty(t, unused, "rows of routes that are not served")
	for _, op := range api.Operations() {
		require.True(t, tried[op.Method+" "+documented(op.Pattern)], "%s %s is not tried", op.Method, op.Pattern)
	}
}

// bodies are the request bodies of routes.
var bodies = map[string]string{
	"PUT /api/projects/dashboard/{sub_account_id}": `{"scopes":["analytics"]}`,
	"POST /api/directory":                          `{"type":"directory.category.v1","data":{"id":1,"name":"Events"}}`,
	"POST /api/accounts":                           `{"name":"A new client"}`,
	"PUT /api/brand":                               `{"colour":"#102030"}`,
	"PUT /api/accounts/{account_id}/time-zone":     `{"time_zone":"Asia/Tokyo"}`,
	"POST /api/users":                              `{"name":"Somebody new","email":"new@example.com","account":"ACCOUNT"}`,
	"POST /api/platforms":                          registersPage,
	"POST /api/ops/users/{userId}/sign-in/link":    `{"reason":"test:T-1","subject":"s-7"}`,
	"POST /api/connect":                            forClient1,
	"POST /api/connect/links":                      `{"platforms":[1],"days":1,"account":"` + client1 + `"}`,
}

func bodyOf(route api.Route, account string) string {
	switch body, known := bodies[route.Method+" "+route.Pattern]; {
	case known:
		return strings.ReplaceAll(body, "ACCOUNT", account)
	case route.Method == http.MethodPut, strings.HasSuffix(route.Pattern, "/preview"):
		return "{}"
	case strings.HasSuffix(route.Pattern, "/erase"):
		return `{"reason":"test:T-1","ordered_by":"person","ground":"objection","due":"2026-12-21"}`
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
	for _, op := range api.Operations() {
		takes[documented(op.Pattern)] = takes[documented(op.Pattern)] || slices.ContainsFunc(op.Parameters, func(p api.Parameter) bool { return p.Name == "account" })
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

// logoURI is a PNG of 4 x 2 pixels.
const logoURI = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR42mMQj6iHIwZkDgBdigdxnbz6RAAAAABJRU5ErkJggg=="

// tenants returns a log whose tables have two agencies with open dashboards.
func tenants(t testing.TB) *ledgertest.Log {
	t.Helper()
	log := ledgertest.New(t)
	log.Put(t,
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Our agency", Color: "#17587f", Logo: logoURI, Active: true},
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
	beginSessions(t, log.SignIns(t).Kept)
	updates, audit := log.Dashboards(t, time.Now), recordsOf(log)
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
	return log
}

func recordsOf(log *ledgertest.Log) *commands.Audit {
	return &commands.Audit{Log: log, Now: time.Now, Logger: ledgertest.Quiet}
}

// sharedTenants has the tables of tests that change nothing in them.
var sharedTenants = sync.OnceValue(func() *ledgertest.Log { return tenants(pgtest.Shared()) })

// setupTenants returns a server with the real queries and commands and the tables of two agencies.
func setupTenants(t *testing.T, change ...func(*api.Deps)) *bundle {
	t.Helper()
	return setupOn(t, tenants(t), change...)
}

// setupOn returns a server with the real queries and commands on a log's tables.
func setupOn(t *testing.T, log *ledgertest.Log, change ...func(*api.Deps)) *bundle {
	t.Helper()
	pool := log.DB.ReadOnly
	audited := &history.History{Pool: pool}
	b := setup(t, append([]func(*api.Deps){func(d *api.Deps) {
		d.ParentAccount, d.Dashboards, d.DashboardCommands = readmodels.Accounts{Pool: pool}.ParentAccount, log.Queries(), log.Dashboards(t, time.Now)
		d.NamedPreview = audited.NamedPreview
		d.Scope, d.Analytics = readmodels.Scopes{Pool: pool}.Scope, &analytics.Analytics{Pool: pool}
		d.Entities = &directory.Entities{Pool: pool}
		d.Audit = &api.AuditDeps{History: audited, Records: recordsOf(log), Proofs: fakeProver{}}
		d.Operators = &apitest.Operators{}
		d.Picture = keptPictures{}.Picture
		d.SignIns = log.SignIns(t)
		d.Directory = directoryDeps(log, true)
		d.Connect, d.MainApp = connectDesk(t, log, time.Now), mainAppDeps(t, log, nil)
		d.Streams = quietHub(t)
		d.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	}}, change...)...)
	b.facts = log
	return b
}
