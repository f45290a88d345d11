package ledgertest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// Serve serves until the test ends, and returns the base URL.
func Serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// At is the configuration of clients for a simulator, with our app's id and secret at all platforms.
func At(base, app, secret string) platforms.Config {
	endpoint := func(path string) platforms.Endpoint {
		return platforms.Endpoint{BaseURL: base + path, ClientID: app, ClientSecret: secret}
	}
	return platforms.Config{
		Facebook: endpoint(simulator.PathFacebook), Instagram: endpoint(simulator.PathInstagram),
		LinkedIn: endpoint(simulator.PathLinkedIn), TikTok: endpoint(simulator.PathTikTok),
		Logger: Quiet,
	}
}

// Clients are the real clients of the platforms, which end with the test.
func Clients(t testing.TB, config platforms.Config) *platforms.Set {
	t.Helper()
	clients, err := platforms.New(config)
	require.NoError(t, err)
	t.Cleanup(clients.Close)
	return clients
}

// Key seals the tokens of tests.
var Key = strings.Repeat("ab", vault.KeySize)

// OpenVault opens the tokens of a database, and what else a rebuild keeps, as the service does.
func OpenVault(t testing.TB, databaseURL string) (*pgxpool.Pool, *vault.Secrets) {
	t.Helper()
	pool, err := vault.Open(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, Secrets(t, pool, Key)
}

// OpenFetching opens them as fetchers do.
func OpenFetching(t testing.TB, databaseURL string) (*pgxpool.Pool, *vault.Secrets) {
	t.Helper()
	pool, err := vault.OpenFetching(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, Secrets(t, pool, Key)
}

// Secrets are the tokens of a pool that a key seals.
func Secrets(t testing.TB, pool *pgxpool.Pool, key string) *vault.Secrets {
	t.Helper()
	keys, err := vault.ParseKeys(key)
	require.NoError(t, err)
	secrets, err := vault.NewSecrets(pool, keys)
	require.NoError(t, err)
	return secrets
}
