package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// What the platforms say of stored tokens, over HTTP and on the command line: the same, but for names, owners and the platforms' words, which are
// only for the terminal. Over HTTP it is an operator's action, recorded with its reason.
func TestConnectionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	sim := simulator.New(simulator.Config{Seed: 7})
	platform := httptest.NewServer(sim)
	defer platform.Close()
	var c cli
	parser, err := kong.New(&c, defaults())
	require.NoError(t, err)
	_, err = parser.Parse([]string{
		"serve", "--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--platforms-url", platform.URL, "--facebook-app-id", "app",
		"--facebook-app-secret", "APPSECRET", "--roles", "api,projector", "--jwt-secret", "a secret of at least thirty-two bytes", "--jwt-issuer", "i",
		"--jwt-audience", "a", "--directory", directoryMainApp, "--managed-subscriptions", "managed",
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a, err := c.Serve.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	err = a.run(ctx, "127.0.0.1:0", func(_ context.Context, base string) error {
		defer stop()
		require.Eventually(t, func() bool { return a.Monitor.MayCommand() == nil }, patience, 10*time.Millisecond)
		seedFetching(t, a, sim)
		by := func(role string) string {
			token, err := a.sign(eraseStaff, "", []string{role}, time.Now().Add(time.Hour))
			require.NoError(t, err)
			return token
		}
		operator := by("operator")
		check := func(connection, token, body string) (int, string) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/ops/connections/"+connection+"/check", strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+token)
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NotContains(t, string(answer), "Simacc", "a token")
			return response.StatusCode, string(answer)
		}
		const reason = `{"reason":"incident:OPS-4"}`
		for _, wrong := range []struct {
			connection, token, body string
			want                    int
		}{
			{"1", operator, `{}`, http.StatusBadRequest},
			{"99", operator, reason, http.StatusNotFound},
			{"x", operator, reason, http.StatusBadRequest},
			{"1", by("main_app"), reason, http.StatusForbidden},
		} {
			status, answer := check(wrong.connection, wrong.token, wrong.body)
			require.Equal(t, wrong.want, status, answer)
		}
		var envelope struct {
			Data []readmodels.CheckedConnection `json:"data"`
		}
		status, answer := check("1", operator, reason)
		require.Equal(t, http.StatusOK, status, answer)
		require.NoError(t, json.Unmarshal([]byte(answer), &envelope))
		require.Len(t, envelope.Data, 1)
		require.NotContains(t, answer, "owner", "it may be a person")
		require.Empty(t, envelope.Data[0].Problem)
		require.Contains(t, *envelope.Data[0].Granted, "read_insights")
		require.NotContains(t, answer, "Account 701")
		status, answer = check("2", operator, reason)
		require.Equal(t, http.StatusOK, status, answer)
		require.NoError(t, json.Unmarshal([]byte(answer), &envelope))
		require.Contains(t, envelope.Data[0].Problem, "reconnect")
		require.NotContains(t, answer, "Session has expired")

		records := 0
		require.Eventually(t, func() bool {
			err := a.ReadPool.QueryRow(ctx,
				`select count(*) from operations_trail where event_type = 'operations.operator_acted.v1' and data ->> 'action' = $1`, string(domain.ActionConnectionChecked)).Scan(&records)
			return err == nil && records == 2
		}, patience, 10*time.Millisecond)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, a.Close())

	at := []string{
		"--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--platforms-url", platform.URL, "--facebook-app-id", "app", "--facebook-app-secret", "APPSECRET",
	}
	code, out, problems := byHand(t, append([]string{"connections", "check", "1"}, at...)...)
	require.Zero(t, code, problems)
	require.Contains(t, out, "token of 701 Account 701")
	require.Contains(t, out, "granted scopes: ")
	code, out, _ = byHand(t, append([]string{"connections", "check", "2", "--json"}, at...)...)
	require.Equal(t, exitFailure, code)
	require.Contains(t, out, "The platform says: ")
	code, _, problems = byHand(t, append([]string{"connections", "check"}, at...)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, problems, "--all")
}

// What an operator pauses on the command line is listed as paused, until it is resumed; one wrong id refuses all.
func TestConnectionsArePausedByHand(t *testing.T) {
	dir := t.TempDir()
	sim := simulator.New(simulator.Config{Seed: 7})
	withService(t, dir, func(a *process, _ string) { seedFetching(t, a, sim) })
	run := func(args ...string) (code int, out, problems string) {
		return byHand(t, append(args, "--data-dir", dir, "--log-level", "error")...)
	}
	reading := func(of int64) readmodels.ConnectionReading {
		code, out, problems := run("connections", "list", "--json", "--account", eraseClient)
		require.Zero(t, code, problems)
		var listed []readmodels.ConnectionReading
		require.NoError(t, json.Unmarshal([]byte(out), &listed))
		for _, one := range listed {
			if one.ConnectionID == of {
				return one
			}
		}
		return readmodels.ConnectionReading{State: "not listed"}
	}
	state := func(of int64) string { return reading(of).State }
	require.Equal(t, "ok", state(fetchGood))
	code, _, problems := run("pause", "1", "99", "--yes", "--reason", "incident:OPS-5")
	require.NotZero(t, code)
	require.Contains(t, problems, "99")
	require.Equal(t, "ok", state(fetchGood))

	code, _, problems = run("pause", "1", "--yes", "--reason", "incident:OPS-5")
	require.Zero(t, code, problems)
	require.Equal(t, "paused", state(fetchGood))
	code, out, problems := run("connections", "list")
	require.Zero(t, code, problems)
	require.Regexp(t, `(?m)^1 +facebook .* paused `, out)

	read := func(id int) (int, string) {
		code, out, problems := run("connections", "read", strconv.Itoa(id), "--yes", "--reason", "incident:OPS-5")
		return code, out + problems
	}
	for id, want := range map[int]string{
		fetchGood: "resume it", fetchLapsed: "no active subscription", fetchDisconnected: "No connected account", 99: "does not know",
	} {
		code, said := read(id)
		require.NotZero(t, code, said)
		require.Contains(t, said, want)
	}
	require.Nil(t, reading(fetchGood).NextDue)
	code, _, problems = run("resume", "1", "--yes", "--reason", "incident:OPS-5")
	require.Zero(t, code, problems)
	require.Equal(t, "ok", state(fetchGood))
	require.Equal(t, "not listed", state(fetchDisconnected))
	code, said := read(fetchGood)
	require.Zero(t, code, said)
	require.NotNil(t, reading(fetchGood).NextDue)
}
