package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const defaultDownload = "17"

// downloads maps a major version to what the Maven repository has of it.
func downloads() map[string]embeddedpostgres.PostgresVersion {
	return map[string]embeddedpostgres.PostgresVersion{
		"14": embeddedpostgres.V14, "15": embeddedpostgres.V15, "16": embeddedpostgres.V16,
		"17": embeddedpostgres.V17, "18": embeddedpostgres.V18,
	}
}

// downloadBinaries returns the cached server programs of a major version, downloading about 15 MB the first time.
// Offline it fails within the dialer's time and says so; nothing half-made stays in the cache.
func downloadBinaries(ctx context.Context, cfg PostgresConfig, acct account, major string) (binaries, error) {
	version, known := downloads()[major]
	if !known {
		return binaries{}, fmt.Errorf("no download of PostgreSQL %s is known", major)
	}
	cache, err := cacheDir(cfg.cacheDir)
	if err != nil {
		return binaries{}, err
	}
	target := filepath.Join(cache, "postgresql-"+string(version))
	if b, err := inspectBinaries(ctx, filepath.Join(target, "bin"), acct); err == nil {
		return b, nil
	}
	if err := ctx.Err(); err != nil { // programs that were cut off while they told their version may well be there
		return binaries{}, fmt.Errorf("find PostgreSQL: %w", err)
	}
	cfg.Logger.Info("downloading PostgreSQL, once", "version", string(version), "cache", cache)
	staging, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return binaries{}, fmt.Errorf("create download directory: %w", err)
	}
	defer os.RemoveAll(staging)
	if err := fetchBinaries(ctx, staging, version); err != nil {
		return binaries{}, err
	}
	// A second process may have been faster: then its copy is as good.
	if err := os.Rename(filepath.Join(staging, "programs"), target); err != nil && !errors.Is(err, os.ErrExist) {
		return binaries{}, fmt.Errorf("keep the download: %w", err)
	}
	return inspectBinaries(ctx, filepath.Join(target, "bin"), acct)
}

// cacheDir makes the directory that keeps downloads: the named one, else /var/cache/ledgerboard for root, else one in the
// user's cache directory.
func cacheDir(named string) (string, error) {
	dir := named
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/ledgerboard" // root's home is closed to the account that runs the server
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache directory: %w: set HOME", err)
		}
		dir = filepath.Join(user, "ledgerboard")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create cache directory: %w", err)
	}
	return dir, nil
}

// fetchBinaries has the library download, check (SHA-256) and unpack into staging/programs. The library exports only
// "download and start", so it is given a data directory that no server starts on, and that last step fails by design.
func fetchBinaries(ctx context.Context, staging string, version embeddedpostgres.PostgresVersion) error {
	programs, data := filepath.Join(staging, "programs"), filepath.Join(staging, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("create download directory: %w", err)
	}
	mark, _, _ := strings.Cut(string(version), ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(mark), 0o600); err != nil {
		return fmt.Errorf("write version mark: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).CachePath(filepath.Join(staging, "archive")).BinariesPath(programs).DataPath(data).
		RuntimePath(filepath.Join(staging, "runtime")).Port(uint32(port)).StartTimeout(time.Second).Logger(io.Discard))
	fetched := make(chan error, 1)
	go func() {
		err := server.Start()
		http.DefaultClient.CloseIdleConnections() // the library's client; it takes no context and no other
		fetched <- err
	}()
	select {
	case err = <-fetched:
	case <-ctx.Done():
		return fmt.Errorf("download PostgreSQL: %w", ctx.Err())
	}
	if _, statErr := os.Stat(filepath.Join(programs, "bin", "postgres")); statErr == nil &&
		(err == nil || strings.HasPrefix(err.Error(), "could not start postgres")) {
		return os.Chmod(programs, 0o755)
	}
	return fmt.Errorf("download PostgreSQL %s: %w", version, err)
}
