package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// Ids that nobody has.
const (
	noAccount = "cf0000000000000000000001"
	noUser    = "af0000000000000000000001"
)

// idSet is one id of each kind.
type idSet struct{ account, member, row, user string }

var (
	ownIDs     = idSet{client1, "7", "11", alice}
	foreignIDs = idSet{otherClient, "8", "21", otherUser}
	siblingIDs = idSet{client2, "9", "12", bob}
	unknownIDs = idSet{noAccount, "5", "99", noUser}
)

// idPlaces are the places of a route that take ids; the other ids are the caller's own.
func idPlaces(route api.Route, inQuery []string) (paths []func(idSet) string) {
	fill := func(pattern string, ids idSet) string {
		path, _, _ := strings.Cut(filled(pattern, ids.account, ids.member, ids.row, ids.user), "?")
		return path
	}
	for _, param := range []string{"{sub_account_id}", "{memberId}", "{accountId}", "{userId}", "{platformId}", "{activityId}"} {
		if strings.Contains(route.Pattern, param) {
			_, query, _ := strings.Cut(ownPath(route.Pattern), "?")
			if strings.HasPrefix(query, "account=") {
				query = ""
			}
			paths = append(paths, func(ids idSet) string {
				return fill(strings.ReplaceAll(route.Pattern, param, fill(param, ids)), ownIDs) + "?" + query
			})
		}
	}
	own := fill(route.Pattern, ownIDs)
	for _, name := range inQuery {
		for _, id := range idParameters[name] {
			for _, before := range formatsOf(route) {
				paths = append(paths, func(ids idSet) string { return own + "?" + before + name + "=" + id(ids) })
			}
		}
	}
	return paths
}

// idParameters are the parameters of a query that take ids, and the kinds of ids that each takes.
var idParameters = func() map[string][]func(idSet) string {
	account := func(ids idSet) string { return ids.account }
	user := []func(idSet) string{func(ids idSet) string { return ids.user }}
	return map[string][]func(idSet) string{
		"account": {account, func(ids idSet) string { return ids.row }}, "dashboard": {account},
		"memberId":   {func(ids idSet) string { return ids.member }},
		"platformId": {func(ids idSet) string { return ids.member + "0" }},
		"userId":     user, "user_id": user, "user": user, "actor": user,
	}
}()

// formatsOf are what a query of a route begins with: exports say their format.
func formatsOf(route api.Route) []string {
	if strings.HasSuffix(route.Pattern, "/export") {
		return []string{"format=jsonl&", "format=csv&"}
	}
	return []string{""}
}

// queryOf are the names of the parameters of a route's query, as the API document has them.
func queryOf(doc map[string]any, route api.Route) (names []string) {
	path, _ := doc["paths"].(map[string]any)[documented(route.Pattern)].(map[string]any)
	op, _ := path[strings.ToLower(route.Method)].(map[string]any)
	for _, p := range parametersOf(doc, op) {
		if p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

// A foreign id is answered as an unknown one: by the same statements, with the same bytes.
func TestForeignIDsTakeTheSamePathAsUnknownOnes(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, func(d *api.Deps) { d.Config.RateLimit = api.RateLimit{Requests: 10, Window: time.Second} })
	type seen struct {
		answer     answer
		statements []string
	}
	ask := func(method, path, role, body string, headers []string) seen {
		b.now = b.now.Add(2 * time.Second) // each request is the first one of its window
		b.statements.take()
		headers = append([]string{"Authorization: Bearer " + b.tokenOf(role)}, headers...)
		a := b.ask(method, path, body, headers...)
		if id := a.header.Get("X-Request-Id"); id != "" { // each request has its own
			a.body = strings.ReplaceAll(a.body, id, "its id")
			a.header.Del("X-Request-Id")
		}
		return seen{a, b.statements.take()}
	}
	doc := b.document()
	tried := 0
	compare := func(method string, path func(idSet) string, role, body string, bodies func(string, idSet) string, headers []string) {
		unknown := ask(method, path(unknownIDs), role, bodies(body, unknownIDs), headers)
		others := []idSet{foreignIDs}
		if role == "client" {
			others = append(others, siblingIDs)
		}
		for _, ids := range others {
			other := ask(method, path(ids), role, bodies(body, ids), headers)
			name := fmt.Sprintf("%s %s %s as %s %v", method, path(ids), bodies(body, ids), role, headers)
			require.Equal(t, unknown.answer.status, other.answer.status, name)
			require.Equal(t, unanswered(unknown.answer.body, unknownIDs), unanswered(other.answer.body, ids), name)
			require.Equal(t, unknown.answer.header, other.answer.header, name)
			require.Equal(t, unknown.statements, other.statements, name)
			tried++
		}
	}
	none := func(body string, _ idSet) string { return body }
	for _, route := range b.server.Routes() {
		if _, served := b.server.Match(route.Method, "/auth"+route.Pattern); served || route.Pattern == socketIO {
			continue // the same endpoint as under /auth
		}
		if strings.HasPrefix(route.Pattern, "/api/ops/") || strings.HasPrefix(route.Pattern, "/api/directory") {
			continue // operators see no tenant's data, and a main application all of the directory: nothing there is foreign
		}
		if route.Method == http.MethodPost && route.Pattern == "/api/platforms" {
			continue // likewise
		}
		if route.Method == http.MethodPost && route.Pattern == "/api/users" {
			continue // its ids are in its body: below
		}
		if strings.Contains(route.Pattern, "/connect") {
			continue // connect_test.go; browsers' pages take no ids
		}
		rights, _ := b.rightsOf(route)
		row := rights.ofRole()
		places := idPlaces(route, queryOf(doc, route))
		require.True(t, len(places) > 0 || row["agency"] == free || row["auditor"] == free, "%s takes ids: say where", route.Pattern)
		for _, role := range []string{"agency", "client", "auditor"} {
			if row[role].own != http.StatusOK {
				continue
			}
			forms := [][]string{nil}
			if role == "agency" { // a form is asked for by a caller who may ask
				forms = append(forms, []string{"Accept: text/csv", "If-None-Match: *"}, []string{"Accept: application/problem+json"})
			}
			for _, path := range places {
				for _, headers := range forms {
					body := ""
					if route.Method == http.MethodPut {
						body = "{}"
					}
					compare(route.Method, path, role, body, none, headers)
				}
			}
		}
	}
	require.Greater(t, tried, 250)
	inBody := func(body string, ids idSet) string {
		return strings.NewReplacer("ACCOUNT", ids.account, "USER", ids.user).Replace(body)
	}
	for _, body := range []string{`{"sub_account_ids":["ACCOUNT"]}`, `{"users":["USER"]}`, `{"sub_account_ids":["ACCOUNT"],"unlink":true}`} {
		compare(http.MethodPut, func(idSet) string { return dashboardPath + client1 }, "agency", body, inBody, nil)
	}
	invite := `{"name":"Jonas","email":"jonas@example.com","account":"ACCOUNT"}`
	compare(http.MethodPost, func(idSet) string { return "/api/users" }, "agency", invite, inBody, nil)
}

// unanswered is a body without the ids that the caller itself sent, which an answer may repeat.
func unanswered(body string, ids idSet) string {
	for _, id := range slices.Concat([]string{ids.account, ids.user}) {
		body = strings.ReplaceAll(body, id, "ID")
	}
	return body
}

// statements notes what a pool sends, with the types of arguments and how much came back.
type statements struct {
	mu   sync.Mutex
	sent []string
}

// trace replaces the pool that reads by one whose statements are noted.
func trace(t *testing.T, db *pgtest.DB) *statements {
	t.Helper()
	noted := &statements{}
	config := db.ReadOnly.Config()
	config.ConnConfig.Tracer = noted
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	db.ReadOnly = pool
	return noted
}

// take returns what was sent since the last time.
func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

func (s *statements) notef(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, fmt.Sprintf(format, args...))
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.notef("%s %s", data.SQL, shapes(data.Args))
	return ctx
}

func (s *statements) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	s.notef("%s %v", data.CommandTag, data.Err)
}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.notef("batch of %d", data.Batch.Len())
	return ctx
}

func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.notef("%s %s: %s %v", data.SQL, shapes(data.Args), data.CommandTag, data.Err)
}

func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// shapes are the types of arguments; of lists also their lengths.
func shapes(args []any) (out []string) {
	for _, arg := range args {
		switch list := arg.(type) {
		case []string:
			out = append(out, fmt.Sprintf("%d texts", len(list)))
		case []int64:
			out = append(out, fmt.Sprintf("%d numbers", len(list)))
		default:
			out = append(out, fmt.Sprintf("%T", arg))
		}
	}
	return out
}
