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
)

// An address in use is an error that names the setting, and what was opened before is closed.
func TestAnAddressInUseIsNamed(t *testing.T) {
	t.Parallel()
	used, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer used.Close()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	_, err = openFront(t.Context(), used.Addr().String(), "")
	require.ErrorContains(t, err, "is another ledgerboard running?")
	_, err = openFront(t.Context(), free.Addr().String(), used.Addr().String())
	require.ErrorContains(t, err, "LEDGERBOARD_ADMIN_ADDR: listen on "+used.Addr().String())
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", free.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond, "the first listener was closed")
}

// A process that waits for a lock answers probes and names the session that holds the lock.
func TestStartSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	s := eraseSettings(newStorage(t))
	other, err := pgx.Connect(t.Context(), s.DatabaseURL+"&application_name=another%20program")
	require.NoError(t, err)
	defer other.Close(context.Background())
	_, err = other.Exec(t.Context(), "select pg_advisory_lock(hashtext('ledgerboard migrate'))")
	require.NoError(t, err)

	s.front, err = openFront(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
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
		require.Eventually(t, func() bool {
			var body api.HealthBody
			get(base+"/readyz", "").Says(t, http.StatusServiceUnavailable).Into(t, &body)
			require.Equal(t, "not_ready", body.Status)
			return strings.Contains(body.Checks[0].Reason, `session "ledgerboard migrate" waits for a lock held by process`) &&
				strings.Contains(body.Checks[0].Reason, "another program")
		}, patience, 10*time.Millisecond)
	}
	get(main+"/api/me", "").Says(t, http.StatusServiceUnavailable, `"code":"unavailable"`)

	_, err = other.Exec(t.Context(), "select pg_advisory_unlock_all()")
	require.NoError(t, err)
	result := <-done
	require.NoError(t, result.err)
	require.Contains(t, log.String(), "waiting for a lock")
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, result.p.run(ctx, "", func(context.Context, string) error {
		defer stop()
		get(main+"/readyz", "").Says(t, http.StatusOK)
		return nil
	}))
	require.NoError(t, result.p.Close())
}
