package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// Whatever its roles, a process tells of itself over HTTP; without the role api it serves nothing else.
func TestEveryRoleServesHealthAndMetrics(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 1)
	private, _, err := proof.GenerateKey()
	require.NoError(t, err)
	for _, role := range []string{roleAPI, roleProjector, roleFetcher, roleSigner} {
		t.Run(role, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			s := eraseSettings(t.TempDir())
			s.storage = a.storage()
			s.DataDir, s.Roles = t.TempDir(), []string{role}
			switch role {
			case roleSigner:
				s.CheckpointKey, s.CheckpointEvery = private, time.Hour
			case roleFetcher:
				s.SecretsKey, s.QuotaShare, s.QuotaHoldAt = fetchKey, 0.9, 80
				s.GrowthWindow, s.AccountInsightsInterval, s.DemographicsEvery = 168*time.Hour, 12*time.Hour, 24*time.Hour
				s.FetchTimeout, s.FetchParallel, s.FetchWorkers = 10*time.Second, 4, 4
			}
			listening := make(listeningAt, 1)
			p, err := s.open(ctx, slog.New(listening))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, p.Close()) })
			ended := make(chan error, 1)
			go func() { ended <- p.run(ctx, "127.0.0.1:0", nil) }()
			var addr string
			select {
			case addr = <-listening:
			case err := <-ended:
				require.FailNow(t, "it ended before it listened", "%v", err)
			}
			get := func(path string) (status int, body string) {
				answer, err := http.Get("http://" + addr + path)
				if err != nil {
					return 0, err.Error()
				}
				defer answer.Body.Close()
				raw, err := io.ReadAll(answer.Body)
				require.NoError(t, err)
				return answer.StatusCode, string(raw)
			}
			status, body := get("/healthz")
			require.Equal(t, http.StatusOK, status, body)
			status, body = get("/readyz")
			require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, status)
			require.Contains(t, body, `"name":"database"`)
			status, body = get("/metrics")
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, body, "go_goroutines")
			served := http.StatusNotFound
			if role == roleAPI {
				served = http.StatusUnauthorized
			}
			status, body = get("/api/projects/dashboard/aaaaaaaaaaaaaaaaaaaaaaaa")
			require.Equal(t, served, status, body)
			stop()
			require.NoError(t, <-ended)
		})
	}
}

// listeningAt is a log that tells where its process listens.
type listeningAt chan string

func (l listeningAt) Enabled(context.Context, slog.Level) bool { return true }

func (l listeningAt) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "listening" {
		r.Attrs(func(a slog.Attr) bool { l <- a.Value.String(); return true })
	}
	return nil
}

func (l listeningAt) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l listeningAt) WithGroup(string) slog.Handler { return l }
