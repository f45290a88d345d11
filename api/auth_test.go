package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
)

// An error of the main application means "not signed in"; it is not logged as a failure and is not
// disclosed.
func TestErrorsOfAnAuthenticator(t *testing.T) {
	t.Parallel()
	var fault error
	var log bytes.Buffer
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Authenticator = api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return api.Principal{}, fault })
		d.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	for name, c := range map[string]struct {
		fault  error
		status int
	}{
		"ordinary":     {errors.New("session 7f3a not found in table sessions"), http.StatusUnauthorized},
		"its own 401":  {fmt.Errorf("look up: %w", domain.NewError(domain.CodeUnauthenticated, "Sign in first.")), http.StatusUnauthorized},
		"cannot judge": {domain.NewError(domain.CodeUnavailable, "The sign-in service is away."), http.StatusServiceUnavailable},
		"too late":     {fmt.Errorf("look up: %w", context.DeadlineExceeded), http.StatusServiceUnavailable},
	} {
		fault = c.fault
		answer := b.get("/api/projects/dashboard/"+client1, "")
		require.Equal(t, c.status, answer.status, name)
		require.NotContains(t, answer.body, "7f3a")
		require.NotContains(t, answer.body, "look up")
		if c.status == http.StatusUnauthorized {
			require.NotEmpty(t, answer.header.Get("WWW-Authenticate"))
			require.Equal(t, c.status, b.get("/api/live", "").status, "an EventSource gives up")
		}
	}
	require.NotContains(t, log.String(), "level=ERROR")
}

func TestAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.agencyToken()
	for header, says := range map[string]string{
		"":               "The request has no token",
		"Bearer":         "Bearer <token>",
		"Basic dTpw":     "Bearer <token>",
		"Bearer a b":     "Bearer <token>",
		good:             "Bearer <token>",
		"Bearer " + good: "",
		"bearer " + good: "",
	} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization: " + header}
		}
		answer := b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", headers...)
		if says == "" {
			require.Equal(t, http.StatusOK, answer.status)
			continue
		}
		require.Equal(t, http.StatusUnauthorized, answer.status, header)
		require.Contains(t, answer.failure(t).Message, says)
		require.Contains(t, answer.header.Get("WWW-Authenticate"), "Bearer")
	}
	answer := b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "Authorization: Bearer "+good, "Authorization: Bearer x")
	require.Equal(t, http.StatusUnauthorized, answer.status)
}

// pathOf fills a pattern with well-formed parameters.
func pathOf(pattern string) string {
	return strings.NewReplacer(
		"{sub_account_id}", client1, "{startTime}", "2026-01-01", "{endTime}", "2026-01-31", "{pId}", "all", "{cId}", "all",
		"{memberId}", "7", "{accountId}", "11", "{fromDate}", "2026-01-01", "{toDate}", "2026-01-31", "*", "",
	).Replace(pattern)
}

func TestRightsAddUp(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Operators = &fakeOperators{} })
	b.views[agency+"/"+client1] = view(client1, 3)
	token := b.token(agency, []string{"auditor", "operator"})
	require.Equal(t, http.StatusOK, b.get("/api/projects/dashboard/"+client1, token).status)
	require.Equal(t, http.StatusForbidden, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "operator")).status,
		"an operator has no tenant, whatever its token says")
	token = b.token(agency, []string{"auditor", "agency", "something-new"})
	require.Equal(t, http.StatusOK, b.get("/auth/getAccountInsights/2026-01-01/2026-01-02/all", token).status)
	retried := b.ask(http.MethodPost, "/api/ops/parked/retry", `{"reason":"test"}`, "Authorization: Bearer "+token)
	require.Equal(t, http.StatusForbidden, retried.status, "operators alone operate")
	require.Equal(t, http.StatusForbidden, b.get("/api/projects/dashboard/"+client1, b.token(agency, "something-new")).status)
}

func TestPrincipalsOfAMainApplication(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Authenticator = api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
			return api.Principal{
				UserID: strings.ToUpper(alice), AccountID: r.Header.Get("X-Account"), Roles: api.Roles{api.RoleAgency},
				ExpiresAt: time.Time{},
			}, nil
		})
	})
	b.views[agency+"/"+client1] = view(client1, 3)
	answer := b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: "+strings.ToUpper(agency))
	require.Equal(t, http.StatusOK, answer.status, "ids are lower-cased, regardless of what verified them")
	answer = b.ask(http.MethodGet, "/api/projects/dashboard/"+client1, "", "X-Account: 17")
	require.Equal(t, http.StatusUnauthorized, answer.status)
}

// A token that the verifier refuses is refused everywhere: requests, event streams, Socket.IO.
func TestInvalidTokensAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Streams = quietHub(t) })
	good := issuer.Claims{User: alice, Account: client1, Now: b.now}
	b.views[agency+"/"+client1] = view(client1, 3)
	server := b.serve()
	traps := map[string]string{
		"crit that nobody knows": issuer.SignPlain(secret, `{"alg":"HS256","crit":["http://example.com/x"]}`, good.With("")),
	}
	for name, trapped := range good.Trapped(t) {
		traps[name] = issuer.SignPlain(secret, issuer.PlainHeader, trapped)
	}
	taken := issuer.SignPlain(secret, issuer.PlainHeader, good.With(""))
	require.NotEqual(t, http.StatusUnauthorized, b.get(dashboardPath+client1, taken).status,
		"the traps differ from a good token in one thing each")
	m := &matrixCase{t: t, b: b, url: server.URL, token: taken}
	require.NotNil(t, m.connect(""), "Socket.IO lets a good token in")
	for name, token := range traps {
		answer := b.get(dashboardPath+client1, token)
		require.Equal(t, http.StatusUnauthorized, answer.status, name)
		for _, path := range []string{"/api/live", "/api/notices"} {
			status, _, _ := firstLines(t, server.URL+path, "Authorization: Bearer "+token)
			require.Equal(t, http.StatusUnauthorized, status, "%s, %s", name, path)
		}
		m := &matrixCase{t: t, b: b, url: server.URL, token: token}
		require.Nil(t, m.connect(answer.failure(t).Message), "%s, Socket.IO", name)
	}
}
