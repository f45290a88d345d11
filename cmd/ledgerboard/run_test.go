package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
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
				s.SecretsKey = fetchKey
				s.GrowthWindow, s.AccountInsightsInterval = 168*time.Hour, 12*time.Hour
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

// With a key that does not open the stored tokens nothing could be read from any platform: the process says so and does not start.
func TestAnotherSecretsKeyIsRefused(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 1)
	ours, err := vault.ParseKeys(fetchKey)
	require.NoError(t, err)
	kept, err := a.parts.Vault(t.Context())
	require.NoError(t, err)
	secrets, err := vault.NewSecrets(kept, ours)
	require.NoError(t, err)
	require.NoError(t, secrets.Put(t.Context(), "connection/1", []byte("token"), domain.SecretTimes{Taken: time.Now()}))
	s := addressedSettings(t.TempDir())
	s.storage, s.SecretsKey, s.Roles = a.storage(), strings.Repeat("cd", 32), []string{roleAPI}
	_, err = s.open(t.Context(), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "LEDGERBOARD_SECRETS_KEY does not open the stored tokens: the newest was sealed with key "+ours[0].ID())
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
