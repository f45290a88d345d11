package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// An address in use is an error that names the setting, and what was opened before is closed.
func TestAddressInUseErrorNamesSetting(t *testing.T) {
	t.Parallel()
	used, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer used.Close()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	var s settings
	_, err = s.openFront(t.Context(), used.Addr().String(), ledgertest.Quiet)
	require.ErrorContains(t, err, "is another ledgerboard running?")
	s.AdminAddr = used.Addr().String()
	_, err = s.openFront(t.Context(), free.Addr().String(), ledgertest.Quiet)
	require.ErrorContains(t, err, "LEDGERBOARD_ADMIN_ADDR: listen on "+used.Addr().String())
	ledgertest.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", free.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, "the first listener was closed")
}

// A process that waits for a lock answers probes and names the session that holds the lock.
func TestWaitingStartNamesLockHolder(t *testing.T) {
	t.Parallel()
	s := eraseSettings(newStorage(t))
	other, err := pgx.Connect(t.Context(), s.DatabaseURL+"&application_name=another%20program")
	require.NoError(t, err)
	defer other.Close(context.Background())
	_, err = other.Exec(t.Context(), "select pg_advisory_lock(hashtext('ledgerboard migrate'))")
	require.NoError(t, err)

	const page = "https://app.example.com"
	s.AdminAddr, s.HTTP.CORSOrigins, s.HTTP.Headers = "127.0.0.1:0", []string{page}, api.MockHeaders()
	s.front, err = s.openFront(t.Context(), "127.0.0.1:0", ledgertest.Quiet)
	require.NoError(t, err)
	defer s.front.close()
	main, admin := baseURL(s.front.main.Addr()), baseURL(s.front.admin.Addr())
	var log bytes.Buffer
	type opened struct {
		p   *process
		err error
	}
	done := make(chan opened)
	go func() {
		p, err := s.open(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
		done <- opened{p, err}
	}()
	for _, base := range []string{main, admin} {
		get(base+"/healthz", "").Says(t, http.StatusOK)
		ledgertest.Eventually(t, func() bool {
			answer := get(base+"/readyz", "").Says(t, http.StatusServiceUnavailable, `"not_ready"`, `"starting"`)
			require.NotContains(t, answer.Body, "another program", "everyone may ask")
			printed, err := runCommand(t, statusCommand{installation: installation{s.Storage, s.logging}, Timeout: time.Minute})
			require.ErrorIs(t, err, errNotReady)
			return strings.Contains(printed, `session "ledgerboard migrate" waits for a lock held by process`) &&
				strings.Contains(printed, "another program")
		})
	}
	get(main+"/api/me", "").Says(t, http.StatusServiceUnavailable, `"success":false`, `"code":"unavailable"`, `"request_id":"`)
	// An EventSource would give up after a 503, or without permission to read the response.
	for _, path := range []string{"/api/notices?ticket=x", "/API/Live/", "/api/ops/generations/members.g2/events"} {
		stream := ledgertest.Send(ledgertest.Once, http.MethodGet, main+path, "", "Origin: "+page, "Last-Event-ID: x.7").Says(t, http.StatusOK)
		require.Regexp(t, `^retry: [56]\d{3}\n: The service is starting\. Try again shortly\.\nevent: retry_later\nid: x\.7\ndata: {}\n\n$`, stream.Body)
		require.Equal(t, "text/event-stream", stream.Header.Get("Content-Type"))
		require.Equal(t, page, stream.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", stream.Header.Get("X-Ledgerboard-Mock"))
	}
	preflight := ledgertest.Send(ledgertest.Once, http.MethodOptions, main+"/api/notices/ticket", "", "Origin: "+page,
		"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
	require.Equal(t, page, preflight.Says(t, http.StatusOK).Header.Get("Access-Control-Allow-Origin"))

	_, err = other.Exec(t.Context(), "select pg_advisory_unlock_all()")
	require.NoError(t, err)
	result := <-done
	require.NoError(t, result.err)
	require.Contains(t, log.String(), "waiting for a lock")
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, result.p.run(ctx, func(context.Context, string) error {
		defer stop()
		get(admin+"/readyz", "").Says(t, http.StatusOK)
		get(admin+"/metrics", "").Says(t, http.StatusOK)
		for _, path := range []string{"/readyz", "/metrics", "/Metrics", "/METRICS/", "/metric%C5%BF", "/Readyz//", "/healthZ"} {
			get(main+path, "").Says(t, http.StatusNotFound)
		}
		return nil
	}))
	require.NoError(t, result.p.Close())
}
