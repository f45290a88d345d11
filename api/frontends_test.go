package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// A browser may send every header that this API knows to every route, and read every header that it
// answers.
func TestPreflightOfEveryRoute(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	b := setupAll(t, func(d *api.Deps) { d.Config.CORSOrigins, d.Operators = []string{origin}, &fakeOperators{} })
	methods := map[string]bool{}
	for _, route := range b.server.Routes() {
		for _, header := range []string{
			"authorization", "if-match", "if-none-match", "if-preview", "idempotency-key", "last-event-id", "content-type", "accept", "x-request-id", "traceparent",
		} {
			answer := b.ask(http.MethodOptions, pathOf(route.Pattern), "", "Origin: "+origin,
				"Access-Control-Request-Method: "+route.Method, "Access-Control-Request-Headers: "+header)
			require.Equal(t, http.StatusOK, answer.status, "%s %s", route.Method, route.Pattern)
			require.Equal(t, origin, answer.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, route.Method, answer.header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, header, strings.ToLower(answer.header.Get("Access-Control-Allow-Headers")))
		}
		methods[route.Method] = true
	}
	require.Len(t, methods, 3, "GET, PUT, POST")
	exposed := b.get("/nowhere", b.agencyToken(), "Origin: "+origin).header.Get("Access-Control-Expose-Headers")
	for _, header := range []string{
		"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Link", "Idempotency-Replayed", "Command-Id", "Content-Disposition",
		"Allow", "X-Request-Id", "X-Ledgerboard-Mock",
	} {
		require.Contains(t, strings.Split(strings.ToLower(exposed), ", "), strings.ToLower(header))
	}
}

// HEAD says what GET would; OPTIONS and 405 say what there is.
func TestMethodsOfEveryRoute(t *testing.T) {
	t.Parallel()
	b := setupAll(t)
	b.views[agency+"/"+client1] = view(client1, 3)
	for _, route := range b.server.Routes() {
		path, token := pathOf(route.Pattern), "Authorization: Bearer "+b.agencyToken()
		options := b.ask(http.MethodOptions, path, "")
		require.Equal(t, http.StatusNoContent, options.status)
		require.Contains(t, strings.Split(options.header.Get("Allow"), ", "), route.Method)
		refused := b.ask(http.MethodPatch, path, "", token)
		require.Equal(t, http.StatusMethodNotAllowed, refused.status)
		require.Equal(t, options.header.Get("Allow"), refused.header.Get("Allow"))
		require.Equal(t, "method_not_allowed", refused.failure(t).Code)
		if route.Method != http.MethodGet || strings.HasPrefix(route.Pattern, "/socket.io") {
			continue
		}
		if route.Pattern == "/api/notices" || route.Pattern == "/api/live" || strings.HasSuffix(route.Pattern, "/export") ||
			route.Pattern == "/api/audit/bundle" {
			require.Equal(t, http.StatusMethodNotAllowed, b.ask(http.MethodHead, path, "", token).status, "HEAD would open a stream")
			continue
		}
		head, get := b.ask(http.MethodHead, path, "", token), b.ask(http.MethodGet, path, "", token)
		require.Equal(t, get.status, head.status, route.Pattern)
		require.Equal(t, get.header.Get("Content-Type"), head.header.Get("Content-Type"))
		require.Equal(t, get.header.Get("ETag"), head.header.Get("ETag"))
	}
}

// The old system's router took letters in any case, and slashes at the end. Nothing is redirected,
// and ids keep their case.
func TestLetterCaseAndSlashesAtTheEnd(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	for path, want := range map[string]int{
		"/HEALTHZ": http.StatusOK, "/API/Projects/DashBoard/" + strings.ToUpper(client1) + "/": http.StatusOK,
		"/auth/GETACCOUNTINSIGHTS/2026-01-01/2026-01-31/ALL": http.StatusOK, "/getmemberstopposts/7/ALL/": http.StatusOK,
		"/AUTH/Reach/getaccountnetgrowth": http.StatusOK, "/Api/Stats/": http.StatusOK, "/api/ACTIVITIES/70:p": http.StatusOK,
		dashboardPath + client1 + "/": http.StatusOK, insightsPath + "/": http.StatusOK, "/healthz/": http.StatusOK, "/healthz//": http.StatusOK,
		"/auth/getAccountInsights/2026-01-01T00%3A00%3A00Z/2026-01-02T00%3A00%3A00Z/1/": http.StatusOK, // escaped, and with a slash
		"/": http.StatusNotFound, "//healthz": http.StatusNotFound,
		"/api/activities/70:P": http.StatusNotFound, // another post
		"/Api/Nothing":         http.StatusNotFound,
	} {
		answer := b.get(path, b.agencyToken())
		require.Equal(t, want, answer.status, "%s: %s", path, answer.body)
		require.Empty(t, answer.header.Get("Location"))
	}
	wrong := b.ask(http.MethodDelete, "/API/Projects/DashBoard/"+client1, "", "Authorization: Bearer "+b.agencyToken())
	require.Equal(t, http.StatusMethodNotAllowed, wrong.status)
	require.Equal(t, "GET, HEAD, PUT, OPTIONS", wrong.header.Get("Allow"))
}

// A request has an end; a stream outlives it.
func TestTimeoutsSpareStreams(t *testing.T) {
	t.Parallel()
	asked := make(chan time.Duration, 1)
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.RequestTimeout = 50 * time.Millisecond
		d.Scope = func(ctx context.Context, _ readmodels.ScopeRequest) (readmodels.Scope, error) {
			deadline, _ := ctx.Deadline()
			asked <- time.Until(deadline)
			<-ctx.Done()
			return readmodels.Scope{}, ctx.Err()
		}
	})
	server := b.serve()
	stream, late := b.listen(server.URL+"/api/notices", b.agencyToken()), b.listen(server.URL+insightsPath, b.agencyToken())
	require.Equal(t, http.StatusServiceUnavailable, late.response.StatusCode, "half an answer is no answer")
	require.Less(t, <-asked, time.Second)
	require.True(t, stream.lines.Scan(), "the stream is still open")
}

// Under a prefix everything is where it is at the root, and what an answer says of addresses is
// right.
func TestEverythingWorksUnderAPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.Prefix = "/main/boards"
	})
	b.meta = analytics.Meta{NextCursor: "next"}
	mux := http.NewServeMux()
	mux.Handle("/main/boards/", b.server)
	stripping := http.NewServeMux()
	stripping.Handle("/main/boards/", http.StripPrefix("/main/boards", b.server))
	router := chi.NewRouter()
	router.Mount("/main/boards", b.server)
	for name, application := range map[string]http.Handler{"left in": mux, "net/http": stripping, "chi": router} {
		get := func(path string, headers ...string) answer {
			return ask(t, application, http.MethodGet, "/main/boards"+path, "", append(headers, "Authorization: Bearer "+b.agencyToken())...)
		}
		var document struct{ Servers []struct{ URL string } }
		require.NoError(t, json.Unmarshal([]byte(get("/openapi.json").body), &document), name)
		require.Equal(t, "/main/boards/", document.Servers[0].URL, name)
		page := get(insightsPath+"?tz=UTC", "Accept: text/csv")
		require.Equal(t, `<?cursor=next&tz=UTC>; rel="next"`, page.header.Get("Link"), "relative to the request: %s", name)
		require.Equal(t, http.StatusOK, get(insightsPath+"/").status, name)
		require.Equal(t, http.StatusOK, get("/socket.io/?EIO=4&transport=polling").status, name)
		require.Equal(t, "not_found", get("/nowhere").failure(t).Code, name)
		require.Equal(t, http.StatusNoContent, ask(t, application, http.MethodOptions, "/main/boards/healthz", "").status, name)
	}
	for _, base := range []string{"", "/main/boards", ""} { // the documents are made once, and say each reader where it is
		var events asyncDocument
		require.NoError(t, json.Unmarshal([]byte(ask(t, b.server, http.MethodGet, base+"/asyncapi.json", "").body), &events))
		require.Equal(t, base+"/", events.Servers["http"].Pathname)
		require.Contains(t, ask(t, b.server, http.MethodGet, base+"/openapi.json", "").body, `"url":"`+base+`/"`)
	}
	for _, prefix := range []string{"boards", "/boards/", "/"} {
		_, err := api.Handler(api.Deps{Config: api.Config{Prefix: prefix}})
		require.ErrorContains(t, err, "Config.Prefix", prefix)
	}
}
