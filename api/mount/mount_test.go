package mount_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// insightsPath is the first analytics endpoint with a range that contains the reading at any time
// of day.
func insightsPath() string {
	now := time.Now().UTC()
	return "/getAccountInsights/" + now.AddDate(0, 0, -7).Format(time.DateOnly) + "/" + now.AddDate(0, 0, 1).Format(time.DateOnly) + "/all"
}

// byCookie is the authenticator of a main application.
func byCookie(r *http.Request) (api.Principal, error) {
	if session, err := r.Cookie("session"); err == nil && session.Value == "alice's" {
		return api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
	}
	return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in at https://app.example.com.")
}

func get(handler http.Handler, path, session string) *httptest.ResponseRecorder {
	return send(handler, "GET "+path, session, "")
}

// send sends a request, given as its method and path, with a session.
func send(handler http.Handler, request, session, body string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(request, " ")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.AddCookie(&http.Cookie{Name: "session", Value: session})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// A main application mounts the handler next to a running service.
func TestMounted(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	for name, test := range map[string]func(*testing.T, running){
		"by another module": testAnotherModule, "connecting": testConnecting, "console": testConsole, "proofs": testProofs, "again": testMountAgain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, r)
		})
	}
}

// A process can mount, close and mount again with the same metrics registry. Run ends with Close
// and with its context.
func testMountAgain(t *testing.T, r running) {
	config := r.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.AnalyticsAtRoot = true
	registry := prometheus.NewRegistry()
	config.Registerer = registry
	for _, byContext := range []bool{false, true} {
		boards, err := mount.Open(t.Context(), config)
		require.NoError(t, err)
		router := chi.NewRouter()
		router.Mount("/boards", boards.Handler())
		require.Equal(t, http.StatusServiceUnavailable, get(router, "/boards/getRoiViews", "alice's").Code, "nothing is known of the tables yet")
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		ran := make(chan error, 1)
		go func() { ran <- boards.Run(ctx) }()
		awaitReady(t, boards.Handler())
		var insights *httptest.ResponseRecorder
		served(func() int { insights = get(router, "/boards"+insightsPath(), "alice's"); return insights.Code })
		require.Contains(t, insights.Body.String(), "4711")
		refused := get(router, "/boards/getRoiViews", "nobody's")
		require.Equal(t, http.StatusUnauthorized, refused.Code)
		require.Contains(t, refused.Body.String(), "https://app.example.com")
		require.Equal(t, http.StatusNotFound, get(router, "/boards/metrics", "alice's").Code)
		families, err := registry.Gather()
		require.NoError(t, err)
		require.NotEmpty(t, families)
		_, err = mount.Open(t.Context(), config)
		require.ErrorContains(t, err, "metrics", "two at once cannot both be counted")
		require.ErrorContains(t, boards.Run(t.Context()), "called twice")
		if byContext {
			stop()
			require.NoError(t, <-ran)
		}
		require.NoError(t, boards.Close())
		require.NoError(t, boards.Close())
		if !byContext {
			require.NoError(t, <-ran)
		}
		require.ErrorContains(t, boards.Run(t.Context()), "after Close")
		families, err = registry.Gather()
		require.NoError(t, err)
		require.Empty(t, families)
	}
}

// All errors are reported at once, before any connection is made.
func TestOpenReportsAllErrors(t *testing.T) {
	t.Parallel()
	_, err := mount.Open(t.Context(), mount.Config{
		Brokers: []string{"kafka"}, ClientScopes: []string{"No scope"},
		ConsoleSignIn: "//login", HTTP: api.Config{Prefix: "boards/", RateLimit: api.RateLimit{Requests: -1}},
	})
	for _, fault := range []string{
		`"kafka", which is not host:port`, "DatabaseURL is empty", "Authenticator is not set", "ManagedSubscriptions is empty", `"No scope"`,
		`ConsoleSignIn is "//login"`, "Config.Prefix", "Config.RateLimit",
	} {
		require.ErrorContains(t, err, fault)
	}
	config := running{brokers: []string{"127.0.0.1:1"}, databaseURL: "postgres://u:secret@127.0.0.1:1/x"}.config(api.AuthenticatorFunc(byCookie))
	config.SASL = &mount.SASL{User: "u"}
	_, err = mount.Open(t.Context(), config)
	require.ErrorContains(t, err, "user and password are both required")
	config.SASL = nil
	_, err = mount.Open(t.Context(), config)
	require.Error(t, err, "no database answers")
	require.NotContains(t, err.Error(), "secret")
}

// The console is under the prefix with every router. People who are not signed in are redirected to
// the application's page.
func testConsole(t *testing.T, r running) {
	config := r.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.Prefix, config.ConsoleSignIn = "/boards", "/login"
	boards := open(t, config)
	plain, routed := http.NewServeMux(), chi.NewRouter()
	plain.Handle("/boards/", boards.Handler())
	routed.Mount("/boards", boards.Handler())
	require.Equal(t, http.StatusNotFound, get(plain, "/boards/boards/api/accounts", "alice's").Code, "where a rule of the application for a path would not look")
	for name, router := range map[string]http.Handler{"net/http": plain, "chi": routed, "stripped": http.StripPrefix("/boards", boards.Handler())} {
		var page *httptest.ResponseRecorder
		served(func() int { page = get(router, "/boards/console/clients", "alice's"); return page.Code })
		require.Equal(t, http.StatusOK, page.Code, "%s: %s", name, page.Body)
		require.Contains(t, page.Body.String(), `href="/boards/console/clients/`+client, name)
		require.NotContains(t, page.Body.String(), `"/console`, name)
		require.Empty(t, page.Result().Cookies(), name)
		served(func() int { page = get(router, "/boards/api/accounts", "alice's"); return page.Code })
		require.Equal(t, http.StatusOK, page.Code, name)

		page = get(router, "/boards/console/history?q=x", "nobody's")
		require.Equal(t, http.StatusSeeOther, page.Code, name)
		require.Equal(t, "/login?"+url.Values{"to": {"/boards/console/history?q=x"}}.Encode(), page.Header().Get("Location"), name)
		served(func() int { page = get(router, "/boards/console/sign-in", "alice's"); return page.Code })
		require.Equal(t, http.StatusNotFound, page.Code, name)
		served(func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/boards/console/sessions/end", strings.NewReader("all=1"))
			r.AddCookie(&http.Cookie{Name: "session", Value: "alice's"})
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			page = httptest.NewRecorder()
			router.ServeHTTP(page, r)
			return page.Code
		})
		require.Equal(t, http.StatusForbidden, page.Code, name)
		require.Contains(t, page.Body.String(), "of another site", name)
	}
}

// A mounted service uses the configured checkpoint keys for proofs, and returns an error without
// keys.
func testProofs(t *testing.T, r running) {
	_, public, err := proof.GenerateKey()
	require.NoError(t, err)
	config := r.config(api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
		return api.Principal{UserID: "e10000000000000000000001", AccountID: agency, Roles: api.Roles{api.RoleAuditor}}, nil
	}))
	config.CheckpointPublicKeys = []string{"no key"}
	require.ErrorContains(t, config.Validate(), "Config.CheckpointPublicKeys")
	for status, keys := range map[int][]string{http.StatusServiceUnavailable: nil, http.StatusOK: {public}} {
		config.CheckpointPublicKeys = keys
		boards := open(t, config)
		var answer *httptest.ResponseRecorder
		ask := func() int { answer = get(boards.Handler(), "/api/audit/checkpoints", ""); return answer.Code }
		if ask(); status == http.StatusOK {
			served(ask)
		}
		require.Equal(t, status, answer.Code, answer.Body)
	}
}

const accessEnded = "Your access has ended. Ask your agency."

// bySession accepts the cookie "<user>/<account>/<role>" for hours.
func bySession(r *http.Request) (api.Principal, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in.")
	}
	is := strings.Split(session.Value, "/")
	return api.Principal{UserID: is[0], AccountID: is[1], Roles: api.Roles{api.Role(is[2])}, ExpiresAt: time.Now().Add(12 * time.Hour)}, nil
}

// refused reports whether a session no longer has access.
func refused(handler http.Handler, session string) bool {
	w := get(handler, "/api/stats", session)
	return w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), accessEnded)
}

// A session whose user has lost access is refused. TestEndedAccessIsRefusedEverywhere (api) tests
// all entry points.
func TestMountedEndedAccessIsRefused(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	config := r.config(api.AuthenticatorFunc(bySession))
	handlers := map[string]http.Handler{"known": open(t, config).Handler()}
	config.UnknownUsers = true
	handlers["allowing"] = open(t, config).Handler()

	users := map[string]domain.DirectoryUser{}
	sessions := map[string]string{}
	for i, fate := range []string{"active", "erased", "unknown"} {
		users[fate] = domain.DirectoryUser{ID: fmt.Sprintf("d%023x", i), AccountID: agency, Active: true}
		sessions[fate] = users[fate].ID + "/" + agency + "/agency"
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(users[fate], time.Now())}))
	}
	for _, handler := range handlers {
		for fate, session := range sessions {
			require.Eventually(t, func() bool { return get(handler, "/api/stats", session).Code == http.StatusOK }, patience, often, fate)
		}
	}
	require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{
		commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: users["erased"].ID}, time.Now()),
		commands.EraseDraft(domain.KindUser, users["erased"].ID, time.Now()), commands.EraseDraft(domain.KindUser, users["unknown"].ID, time.Now()),
	}))
	for name, handler := range handlers {
		require.Eventually(t, func() bool { return refused(handler, sessions["erased"]) }, patience, often, name)
		require.Equal(t, http.StatusOK, get(handler, "/api/stats", sessions["active"]).Code, name)
	}
	require.Eventually(t, func() bool { return refused(handlers["known"], sessions["unknown"]) }, patience, often)
	require.Equal(t, http.StatusOK, get(handlers["allowing"], "/api/stats", sessions["unknown"]).Code)
}

func TestMain(m *testing.M) {
	leaks.Main(
		pgtest.Runner{Tests: m},
		// sarama's metrics library keeps one ticker for ever.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// Timers of the Socket.IO library; see internal/stream.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	)
}
