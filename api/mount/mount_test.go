package mount_test

import (
	"context"
	"fmt"
	"net/http"
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
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
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

func get(t *testing.T, handler http.Handler, path, session string) ledgertest.Answer {
	t.Helper()
	return ledgertest.Ask(t, handler, http.MethodGet, path, "", "Cookie: session="+session)
}

// A main application mounts the handler next to a running service.
func TestMountedHandlerWorksNextToService(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	for name, test := range map[string]func(*testing.T, running){
		"by another module": testAnotherModule, "by each router": testHosts, "connecting": testConnecting, "console": testConsole,
		"proofs": testProofs, "again": testMountAgain, "ended access": testEndedAccess,
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
		get(t, router, "/boards/getRoiViews", "alice's").Says(t, http.StatusServiceUnavailable) // nothing is known of the tables yet
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		ran := make(chan error, 1)
		go func() { ran <- boards.Run(ctx) }()
		awaitReady(t, boards.Handler())
		served(func() ledgertest.Answer { return get(t, router, "/boards"+insightsPath(), "alice's") }).Says(t, http.StatusOK, "4711")
		get(t, router, "/boards/getRoiViews", "nobody's").Says(t, http.StatusUnauthorized, "https://app.example.com")
		get(t, router, "/boards/metrics", "alice's").Says(t, http.StatusNotFound)
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
		Storage: mount.Storage{KafkaBrokers: []string{"kafka"}}, Dashboards: mount.Dashboards{ClientDashboardScopes: []string{"No scope"}},
		ConsoleSignIn: "//login", HTTP: api.Config{Prefix: "boards/", RateLimit: api.RateLimit{Requests: -1}},
	})
	for _, fault := range []string{
		`"kafka", which is not host:port`, "Config.DatabaseURL is not set", "Authenticator is not set", "Config.ManagedSubscriptions is not set", `"No scope"`,
		`Config.ConsoleSignIn: "//login"`, "Config.Prefix", "Config.HTTP.RateLimit.Requests is -1",
	} {
		require.ErrorContains(t, err, fault)
	}
	config := running{brokers: []string{"127.0.0.1:1"}, databaseURL: "postgres://u:secret@127.0.0.1:1/x"}.config(api.AuthenticatorFunc(byCookie))
	config.KafkaUser = "u"
	_, err = mount.Open(t.Context(), config)
	require.ErrorContains(t, err, "Config.KafkaUser is set, but mount: Config.KafkaPassword is not")
	config.KafkaUser = ""
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
	get(t, plain, "/boards/boards/api/accounts", "alice's").Says(t, http.StatusNotFound) // where a rule of the application for a path would not look
	for name, router := range map[string]http.Handler{"net/http": plain, "chi": routed, "stripped": http.StripPrefix("/boards", boards.Handler())} {
		shows := func(path string) ledgertest.Answer {
			return served(func() ledgertest.Answer { return get(t, router, "/boards"+path, "alice's") })
		}
		page := shows("/console/clients").Says(t, http.StatusOK, `href="/boards/console/clients/`+client).Lacks(t, `"/console`)
		require.Empty(t, page.Header["Set-Cookie"], name)
		shows("/api/accounts").Says(t, http.StatusOK)
		page = get(t, router, "/boards/console/history?q=x", "nobody's").Says(t, http.StatusSeeOther)
		require.Equal(t, "/login?"+url.Values{"to": {"/boards/console/history?q=x"}}.Encode(), page.Header.Get("Location"), name)
		shows("/console/sign-in").Says(t, http.StatusNotFound)
		served(func() ledgertest.Answer {
			return ledgertest.Ask(t, router, http.MethodPost, "/boards/console/sessions/end", "all=1", "Cookie: session=alice's", "Sec-Fetch-Site: cross-site")
		}).Says(t, http.StatusForbidden, "of another site")
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
		ask := func() ledgertest.Answer { return get(t, boards.Handler(), "/api/audit/checkpoints", "") }
		if status == http.StatusOK {
			served(ask)
		}
		ask().Says(t, status)
	}
}

// bySession accepts the cookie "<user>/<account>/<role>" for hours.
func bySession(r *http.Request) (api.Principal, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in.")
	}
	is := strings.Split(session.Value, "/")
	return api.Principal{UserID: is[0], AccountID: is[1], Roles: api.Roles{api.Role(is[2])}, ExpiresAt: time.Now().Add(12 * time.Hour)}, nil
}

// A session whose user has lost access is refused. TestEndedAccessIsRefusedEverywhere (api) tests
// all entry points.
func testEndedAccess(t *testing.T, r running) {
	config := r.config(api.AuthenticatorFunc(bySession))
	handlers := map[string]http.Handler{"known": open(t, config).Handler()}
	config.Users = mount.UsersUnknownAllowed
	handlers["allowing"] = open(t, config).Handler()

	status := func(handler http.Handler, session string) int { return get(t, handler, "/api/stats", session).Status }

	users := map[string]domain.DirectoryUser{}
	sessions := map[string]string{}
	for i, fate := range []string{"active", "erased", "unknown"} {
		users[fate] = domain.DirectoryUser{ID: fmt.Sprintf("d%023x", i), AccountID: agency, Active: true}
		sessions[fate] = users[fate].ID + "/" + agency + "/agency"
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(users[fate], time.Now())}))
	}
	for _, handler := range handlers {
		for fate, session := range sessions {
			ledgertest.Eventually(t, func() bool { return status(handler, session) == http.StatusOK }, fate)
		}
	}
	require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{
		commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: users["erased"].ID}, time.Now()),
		commands.EraseDraft(domain.KindUser, users["erased"].ID, time.Now()), commands.EraseDraft(domain.KindUser, users["unknown"].ID, time.Now()),
	}))
	for name, handler := range handlers {
		ledgertest.Eventually(t, func() bool { return status(handler, sessions["erased"]) == http.StatusForbidden }, name)
		require.Equal(t, http.StatusOK, status(handler, sessions["active"]), name)
	}
	ledgertest.Eventually(t, func() bool { return status(handlers["known"], sessions["unknown"]) == http.StatusForbidden })
	require.Equal(t, http.StatusOK, status(handlers["allowing"], sessions["unknown"]))
}

func TestMain(m *testing.M) {
	// sarama's metrics library keeps one ticker for ever.
	ticker := goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")
	leaks.Main(pgtest.Runner{Tests: m}, ticker)
}
