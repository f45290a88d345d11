package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A main application's own error is "not signed in" to its visitor, is not a fault in the log, and tells nobody
// what is inside.
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
		"":               "There is no token",
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
