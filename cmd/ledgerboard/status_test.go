package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

// A process that serves no API tells of itself all the same: health, readiness, metrics, and what `status` prints.
func TestStatusOfAProjector(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	settings := eraseSettings(t.TempDir())
	settings.Roles = []string{roleProjector}
	p, err := settings.open(ctx, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	err = p.run(ctx, "127.0.0.1:0", func(ctx context.Context, base string) error {
		defer stop()
		addr := strings.TrimPrefix(base, "http://")
		status := func(c statusCommand) (printed string, err error) {
			var out bytes.Buffer
			c.Addr, c.Timeout = addr, time.Minute
			err = c.Run(ctx, streams{Out: &out, Err: io.Discard})
			return out.String(), err
		}
		// says asks until the answer is one of such a kind and says all of this: a probe may fail for a moment.
		says := func(c statusCommand, kind error, texts ...string) {
			require.Eventually(t, func() bool {
				printed, err := status(c)
				return errors.Is(err, kind) && !slices.ContainsFunc(texts, func(text string) bool { return !regexp.MustCompile(text).MatchString(printed) })
			}, patience, 50*time.Millisecond, "%v", texts)
		}
		says(statusCommand{}, nil, `^ready\n`, `(?m)^directory +g1 +all \d+ +0 +0`)
		says(statusCommand{All: true}, nil, `(?m)^directory +g1 +0 +0 +0 +0 +0`)

		_, err = p.KeptPool.Exec(ctx, "insert into pauses (kind, name, since, actor, code, ticket) values ('projection', 'post_insights', now(), 'tester', 'incident', '')")
		require.NoError(t, err)
		says(statusCommand{}, errDegraded, `^degraded\n`, "post_insights is paused")
		require.Equal(t, exitNotReady, exitCode(errDegraded, io.Discard))
		_, err = p.KeptPool.Exec(ctx, "insert into pauses (kind, name, since, actor, code, ticket) values ('platform', 'linkedin', now(), 'tester', 'incident', 'OPS-3')")
		require.NoError(t, err)
		says(statusCommand{}, errDegraded, `linkedin is not read: paused since .*, by tester, incident:OPS-3`)
		says(statusCommand{Serving: true}, nil, `^degraded\n`) // a container that serves is not ended
		says(statusCommand{JSON: true}, errDegraded, `"paused_platforms":\[\{"name":"linkedin"`, `"partitions":\[\{"partition":0,"next_offset":0`)

		for path, want := range map[string]int{
			"/healthz": http.StatusOK, "/readyz?for=writes": http.StatusOK, "/metrics": http.StatusOK, "/api/projects/dashboard": http.StatusNotFound,
		} {
			code, body := ask(t, base+path)
			for late := time.Now().Add(patience); code != want && time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
				code, body = ask(t, base+path)
			}
			require.Equal(t, want, code, path)
			if path == "/metrics" {
				require.Contains(t, body, `ledgerboard_degraded{reason="paused"} 1`)
				require.Contains(t, body, `ledgerboard_degraded{reason="brokers"} 0`)
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// Nobody there is no failure of the command: it looked, and the service is not ready.
func TestStatusOfNobody(t *testing.T) {
	t.Parallel()
	err := statusCommand{Addr: "127.0.0.1:1", Timeout: time.Minute}.Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorContains(t, err, "no service answers at 127.0.0.1:1")
	require.Equal(t, exitNotReady, exitCode(err, io.Discard))
}

func ask(t *testing.T, url string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw)
}

// Status says how often platforms are read, and where the quota is why.
func TestStatusSaysThePace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	readiness{Readings: []api.PlatformReading{
		{Name: "facebook", Kind: "account_insights", Pace: "every 30 seconds, as configured: 2 calls a reading"},
		{Name: "linkedin", Kind: "account_insights", Slowed: true, Pace: "every 262 minutes: 100 calls a day, 7 a reading"},
	}}.printNotes(&out)
	require.Equal(t, "account_insights of facebook: read every 30 seconds, as configured: 2 calls a reading\n"+
		"account_insights of linkedin: read every 262 minutes: 100 calls a day, 7 a reading; more the quota does not permit\n", out.String())
}
