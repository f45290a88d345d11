package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	var fault error
	var reasons []operator.HealthReason
	b := setup(t, func(d *api.Deps) {
		d.Health.Checks = []api.Check{
			{Name: "log", Probe: func(context.Context) []operator.HealthReason { return nil }},
			{Name: "database", Probe: func(context.Context) []operator.HealthReason { return reasons }},
		}
		d.Ready = func() error { return fault }
	})
	require.JSONEq(t, `{"status":"ok"}`, b.ask(http.MethodGet, "/healthz", "").Body)
	require.Equal(t, http.StatusOK, b.ask(http.MethodHead, "/readyz", "").Status)
	require.JSONEq(t, `{"status":"ready","may_write":true,"projections":[],"checks":[
		{"name":"log","ok":true},{"name":"database","ok":true},{"name":"ended access","ok":true}]}`,
		b.ask(http.MethodGet, "/readyz", "").Body)
	fault = domain.NewError(domain.CodeUnavailable, "1,200 events behind")
	reasons = []operator.HealthReason{{Code: operator.HealthDatabase, Params: map[string]string{"advice": "check the password"}}}
	answer := b.ask(http.MethodGet, "/readyz", "").Says(t, http.StatusServiceUnavailable)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.JSONEq(t, `{"status":"not_ready","may_write":false,"projections":[],"checks":[{"name":"log","ok":true},
		{"name":"database","ok":false,"reasons":[{"code":"database"}]},{"name":"ended access","ok":true}]}`, answer.Body)
	require.Equal(t, http.StatusOK, b.ask(http.MethodGet, "/healthz", "").Status, "the process is alive all the same")
	answer = b.get("/auth/getAccountInsights/2026-01-01/2026-01-31/all", b.agencyToken()).Says(t, http.StatusServiceUnavailable) // half-made figures are no figures
	require.Equal(t, "1,200 events behind", answer.Failure(t).Message)
	require.Equal(t, http.StatusServiceUnavailable, b.put(client1, `{}`).Status)
	require.Empty(t, b.updates)
}

// Streams, pages and documents are not functions: a call of one is an error.
func TestCallingStreamOrPageIsAnError(t *testing.T) {
	t.Parallel()
	b, called := setup(t), []string{}
	routes := []string{"getNotices", "getSocketIo", "getConnectStart", "getOpsGenerationEvents", "getHealthz"}
	for _, op := range api.Operations() {
		if !slices.Contains(routes, op.ID) {
			continue
		}
		called = append(called, op.ID)
		_, err := b.server.Call(t.Context(), op, api.Principal{}, nil, func(any) {})
		var refused *domain.Error
		require.ErrorAs(t, err, &refused, op.ID)
		require.Equal(t, domain.CodeNotFound, refused.Code, op.ID)
	}
	require.ElementsMatch(t, routes, called)
}

// A panic in an operation that is called in this process is an internal error, with a record in the
// log and without its text in the answer.
func TestAPanicInACallIsAnInternalError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.panics = true
	staff := api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}
	_, err := api.GetDashboard.Call(t.Context(), b.server, staff, url.Values{"sub_account_id": {client1}}, nil)
	var fault *domain.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, domain.CodeInternal, fault.Code)
	require.NotContains(t, err.Error(), "a defect")
	require.Contains(t, b.logged(), "a defect")
	require.Contains(t, b.logged(), `"stack"`)
}

// Who calls operations in this process counts as one who sends requests, and what it serves is
// in the metrics of requests.
func TestInProcessCallsAreRateLimitedAndMeasured(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := setup(t, func(d *api.Deps) {
		d.Config.RateLimit = api.RateLimit{Requests: 2, Window: time.Minute}
		d.Registerer, d.Metrics = registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	b.get(insightsPath, b.agencyToken()).Says(t, http.StatusOK)
	staff, header := api.Principal{UserID: alice, AccountID: agency}, http.Header{}
	require.NoError(t, b.server.Count(header, staff))
	require.Equal(t, `"user";r=0;t=60`, header.Get("RateLimit"), "after the request and this page")
	err := b.server.Count(header, staff)
	require.Equal(t, domain.CodeRateLimited, domain.CodeOf(err))
	require.NoError(t, b.server.Count(header, api.Principal{UserID: bob, AccountID: agency}), "another person")

	b.server.Observe(t.Context(), http.MethodPost, "/console/a/{page}", http.StatusSeeOther, time.Second)
	require.Contains(t, b.ask(http.MethodGet, "/metrics", "").Body,
		`ledgerboard_http_request_duration_seconds_count{method="POST",route="/console/a/{page}",status="303"} 1`)
}

// A process that can serve reads stays ready for reads; if changes cannot succeed, it is not ready
// for writes. Everyone sees states and codes, operators the rest.
func TestReadyForReadsButNotForWrites(t *testing.T) {
	t.Parallel()
	var refused error
	state := operator.Projection{Projection: "dashboards", DeadLetters: 1}
	health := api.Health{
		Reads: true,
		Projections: func() ([]operator.ProjectionHealth, error) {
			return []operator.ProjectionHealth{{
				Projection: "dashboards", Readable: true, State: &state,
				Reasons: []operator.HealthReason{{Code: operator.HealthDeadLetters, Params: map[string]string{"events": "1"}}},
			}}, refused
		},
		Details: func(_ context.Context, h *operator.Health) {
			h.Pauses = []domain.Pause{{Name: "linkedin", Actor: "anna"}}
		},
	}
	b := setup(t, func(d *api.Deps) { d.Health, d.Operators = health, &apitest.Operators{} })
	alone := health.Handler(http.NotFoundHandler())
	operators := b.token(agency, "operator")
	for _, c := range []struct {
		refused error
		path    string
		status  int
	}{
		{nil, "/readyz", http.StatusOK},
		{nil, "/readyz?for=writes", http.StatusOK},
		{errors.New("read-only"), "/readyz", http.StatusOK},
		{errors.New("read-only"), "/readyz?for=writes", http.StatusServiceUnavailable},
	} {
		refused = c.refused
		answer := b.ask(http.MethodGet, c.path, "")
		answer.Says(t, c.status)
		const ofAPI = `{"name":"ended access","ok":true}` // the check of the role api
		want := `{"status":"degraded","may_write":` + strconv.FormatBool(refused == nil) + `,"checks":[` + ofAPI + `],
			"projections":[{"projection":"dashboards","readable":true,"current":null,"reasons":[{"code":"dead_letters"}]}]}`
		require.JSONEq(t, want, answer.Body)
		w := httptest.NewRecorder()
		alone.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, http.NoBody))
		require.Equal(t, c.status, w.Code, "a process without the role api says the same")
		require.JSONEq(t, strings.Replace(want, ofAPI, "", 1), w.Body.String())
		b.get("/api/ops/health", operators).Says(t, http.StatusOK, `"may_write":`+strconv.FormatBool(refused == nil),
			`"params":{"events":"1"}`, `"dead_letters":1`, `"actor":"anna"`)
	}
	b.get("/api/ops/health", b.agencyToken()).Says(t, http.StatusForbidden)
	w := httptest.NewRecorder()
	alone.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
	require.JSONEq(t, `{"status":"ok"}`, w.Body.String())
}

func TestStuckProbeDoesNotHoldUpReadiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		b := setup(t, func(d *api.Deps) {
			d.Health.Checks = []api.Check{{Name: "database", Probe: func(context.Context) []operator.HealthReason { <-stuck; return nil }}}
		})
		start := time.Now()
		b.ask(http.MethodGet, "/readyz", "").Says(t, http.StatusServiceUnavailable, `"code":"no_answer"`)
		require.Equal(t, 2*time.Second, time.Since(start))
		close(stuck)
	})
}

func TestRequestIDIsGeneratedByServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := map[string]bool{}
	for _, theirs := range []string{"abc-1.2:3/4", "", "with space", "line\nbreak", `quote"`, strings.Repeat("a", 129), "ünicode"} {
		id := b.ask(http.MethodGet, "/healthz", "", "X-Request-Id: "+theirs).Header.Get("X-Request-Id")
		require.Regexp(t, `^[A-Z2-7]{26}$`, id)
		require.False(t, seen[id])
		seen[id] = true
	}
}

func TestSecurityHeadersOnEveryResponse(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Config.Headers = map[string]string{"X-Ledgerboard-Mode": "mock"} })
	for _, path := range []string{"/healthz", "/nowhere", dashboardPath + client1} {
		header := b.ask(http.MethodGet, path, "").Header
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", header.Get("X-Frame-Options"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "no-store", header.Get("Cache-Control"))
		require.Equal(t, "mock", header.Get("X-Ledgerboard-Mode"))
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	preflight := []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization, if-match"}
	for name, test := range map[string]struct {
		origins []string
		origin  string
		allowed bool
	}{
		"none configured":        {nil, "https://app.example.com", false},
		"exact":                  {[]string{"https://app.example.com"}, "https://app.example.com", true},
		"another scheme":         {[]string{"https://app.example.com"}, "http://app.example.com", false},
		"a longer name":          {[]string{"https://app.example.com"}, "https://app.example.com.evil.test", false},
		"any port of a host":     {[]string{"http://localhost:*"}, "http://localhost:5173", true},
		"the host's own port":    {[]string{"http://localhost:*"}, "http://localhost", true},
		"any port, another host": {[]string{"http://localhost:*"}, "http://localhost.evil.test:80", false},
		"any port, no number":    {[]string{"http://localhost:*"}, "http://localhost:80.evil.test", false},
		"any":                    {[]string{"*"}, "https://anything.test", true},
	} {
		b := setup(t, func(d *api.Deps) { d.Config.CORSOrigins = test.origins })
		answer := b.ask(http.MethodOptions, dashboardPath+client1, "", append(preflight, "Origin: "+test.origin)...)
		got := answer.Header.Get("Access-Control-Allow-Origin")
		require.Equal(t, test.allowed, got != "", name)
		answer = b.get(dashboardPath+client1, b.agencyToken(), "Origin: "+test.origin)
		require.Equal(t, test.allowed, answer.Header.Get("Access-Control-Allow-Origin") != "", name)
		if test.allowed {
			require.Contains(t, strings.ToLower(answer.Header.Get("Access-Control-Expose-Headers")), "etag")
		}
		if name == "any" {
			require.Empty(t, answer.Header.Get("Access-Control-Allow-Credentials"), "not for every site")
		}
	}
}

func TestAccessLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.views[agency+"/"+client1] = view(client1, 3)
	token := b.agencyToken()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	read := b.get(dashboardPath+client1+"?ticket=SECRETTICKET", token, "X-Request-Id: r-7", "Traceparent: "+trace)
	b.put(client1, `{"users":["`+client2+`"],"note":"SECRETBODY"}`)
	b.get(dashboardPath+client1, token+"x", "Traceparent: SECRETTRACE")
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(b.logged(), "\n", 2)[0]), &line))
	require.Equal(t, "request", line["msg"])
	require.Equal(t, "GET", line["method"])
	require.Equal(t, dashboardPath+"{sub_account_id}", line["route"])
	require.EqualValues(t, 200, line["status"])
	require.Equal(t, read.Header.Get("X-Request-Id"), line["request_id"])
	require.Equal(t, "r-7", line["caller_request_id"])
	require.Equal(t, trace, line["traceparent"])
	require.Equal(t, alice, line["user_id"])
	for _, secret := range []string{token, "SECRETTICKET", "SECRETBODY", "SECRETTRACE", client2} {
		require.NotContains(t, b.logged(), secret)
	}
}

// A client that disconnects during a request is not a failure of the service.
func TestDisconnectedClientsAreNotFailures(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := setup(t, func(d *api.Deps) { d.Registerer = registry })
	b.scopeErr = fmt.Errorf("read accounts: %w", context.Canceled)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, insightsPath, http.NoBody)
	request.Header.Set("Authorization", "Bearer "+b.agencyToken())
	b.server.ServeHTTP(httptest.NewRecorder(), request)
	require.Contains(t, b.logged(), `"status":499`)
	require.Equal(t, http.StatusServiceUnavailable, b.get(insightsPath, b.agencyToken()).Status, "a caller who still waits gets a 503")
	metrics, err := registry.Gather()
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(metrics), `value:"499"`)
	require.Contains(t, fmt.Sprint(metrics), `value:"503"`)
}

func TestMetricsAreLabeledByRoute(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := setup(t, func(d *api.Deps) {
		d.Registerer = registry
		d.Metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	})
	b.get(dashboardPath+client1, b.agencyToken())
	b.ask("MADEUP", "/some/where", "")
	b.ask(http.MethodGet, "/some/where/else", "")
	body := b.ask(http.MethodGet, "/metrics", "").Body
	require.Contains(t, body, `ledgerboard_http_request_duration_seconds_count{method="GET",route="/api/projects/dashboard/{sub_account_id}",status="200"} 1`)
	require.Contains(t, body, `method="other",route="unmatched"`)
	require.NotContains(t, body, client1)
	require.NotContains(t, body, "/some/where")
	require.NotContains(t, body, "MADEUP")
	_, err := api.Handler(api.Deps{
		Authenticator: api.AuthenticatorFunc(nil), People: everybody{}, ParentAccount: b.ParentAccount, Dashboards: b, DashboardCommands: b,
		Scope: b.Scope, Analytics: &analytics.Analytics{}, Registerer: registry,
	})
	require.Error(t, err, "two servers on one registry")
}
