package mount_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
)

// insightsPath is the first of the analytics over a range that holds the reading, whatever the time of day.
func insightsPath() string {
	now := time.Now().UTC()
	return "/getAccountInsights/" + now.AddDate(0, 0, -7).Format(time.DateOnly) + "/" + now.AddDate(0, 0, 1).Format(time.DateOnly) + "/all"
}

// byCookie is an authenticator of a main application.
func byCookie(r *http.Request) (api.Principal, error) {
	if session, err := r.Cookie("session"); err == nil && session.Value == "alice's" {
		return api.Principal{UserID: alice, AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
	}
	return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in at https://app.example.com.")
}

func get(handler http.Handler, path, session string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	r.AddCookie(&http.Cookie{Name: "session", Value: session})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// What a main application mounts, beside one running service.
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

// The same process may mount, give everything back and mount again, over its one registry of metrics. Run ends with Close and with its context.
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
		require.ErrorContains(t, boards.Run(t.Context()), "called before")
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

// All faults are named at once, and before anything is connected to.
func TestOpenNamesEveryFault(t *testing.T) {
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
	require.ErrorContains(t, err, "user and password are both needed")
	config.SASL = nil
	_, err = mount.Open(t.Context(), config)
	require.Error(t, err, "no database answers")
	require.NotContains(t, err.Error(), "secret")
}
