package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	oldestMajor     = 14
	defaultDownload = "17"
)

// programs is a directory with postgres and initdb.
type programs struct {
	dir     string
	version string // as 15.18
	major   int
}

// installPatterns: Debian, Red Hat's PGDG, Alpine, source builds, Homebrew on both processors, Postgres.app.
var installPatterns = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findPrograms picks the server: of the cluster's major version if there is one, else the newest installed, else a download.
func (p *Postgres) findPrograms(ctx context.Context, clusterMajor string) (programs, error) {
	var found []programs
	if p.cfg.cacheDir == "" {
		for _, pattern := range append(filepath.SplitList(os.Getenv("PATH")), installPatterns...) {
			paths, _ := filepath.Glob(filepath.Join(pattern, "postgres"))
			for _, path := range paths {
				if path, err := filepath.EvalSymlinks(path); err == nil {
					if installed, err := p.inspect(ctx, filepath.Dir(path)); err == nil {
						found = append(found, installed)
					}
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	for _, installed := range found {
		if clusterMajor == "" || strconv.Itoa(installed.major) == clusterMajor {
			return installed, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return programs{}, err
	}
	downloaded, err := p.download(ctx, cmp.Or(clusterMajor, defaultDownload))
	switch {
	case err == nil || ctx.Err() != nil:
		return downloaded, err
	case clusterMajor == "":
		return programs{}, fmt.Errorf("found no PostgreSQL server %d or newer (PATH, %s), and downloading one failed: %w: "+
			"install it (Debian: apt install postgresql), or use a running server with LEDGERBOARD_DATABASE_URL",
			oldestMajor, strings.Join(installPatterns, ", "), err)
	default:
		return programs{}, fmt.Errorf("the data directory was made by PostgreSQL %s, which was not found (%w): "+
			"install the server of that version, or start with another data directory", clusterMajor, err)
	}
}

// inspect runs a server program as the account that will run it.
func (p *Postgres) inspect(ctx context.Context, dir string) (programs, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return programs{}, fmt.Errorf("find server program: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version") //nolint:gosec // the directory is found on this machine
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: p.account}
	out, err := cmd.Output()
	if err != nil {
		return programs{}, fmt.Errorf("run %s --version: %w", cmd.Path, err)
	}
	found := programs{dir: dir} // postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
	fields := strings.Fields(string(out))
	if len(fields) > 2 {
		found.version = fields[2]
		_, err = fmt.Sscanf(found.version, "%d", &found.major) // 17.5, 18beta1
	}
	if err != nil || found.major < oldestMajor {
		return programs{}, fmt.Errorf("%s --version: %q is not a version from %d on", cmd.Path, out, oldestMajor)
	}
	return found, nil
}

// download returns the cached server programs of a major version. The first time, it downloads about 15 MB.
func (p *Postgres) download(ctx context.Context, major string) (programs, error) {
	version, known := map[string]embeddedpostgres.PostgresVersion{
		"14": embeddedpostgres.V14, "15": embeddedpostgres.V15, "16": embeddedpostgres.V16,
		"17": embeddedpostgres.V17, "18": embeddedpostgres.V18,
	}[major]
	if !known {
		return programs{}, fmt.Errorf("there is no download of PostgreSQL %s", major)
	}
	cache := cmp.Or(p.cfg.cacheDir, "/var/cache/ledgerboard") // root's home is closed to the server's account
	if p.cfg.cacheDir == "" && p.account == nil {
		user, err := os.UserCacheDir()
		if err != nil {
			return programs{}, fmt.Errorf("find a cache directory: %w: set HOME", err)
		}
		cache = filepath.Join(user, "ledgerboard")
	}
	target := filepath.Join(cache, "postgresql-"+string(version))
	if cached, err := p.inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return cached, nil
	}
	p.cfg.Logger.Info("downloading PostgreSQL, once", "version", version, "cache", cache)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return programs{}, fmt.Errorf("create cache directory: %w", err)
	}
	staging, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return programs{}, fmt.Errorf("create download directory: %w", err)
	}
	defer os.RemoveAll(staging)
	unpacked, err := fetch(ctx, staging, version)
	if err != nil {
		return programs{}, err
	}
	// Another process may have been faster: its copy is as good.
	if err := os.Rename(unpacked, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return programs{}, fmt.Errorf("keep the download: %w", err)
	}
	return p.inspect(ctx, filepath.Join(target, "bin"))
}

// fetch has the library download, check and unpack a server. The library exports only "download and start", so it gets a
// data directory that no server starts on, and that last step fails.
func fetch(ctx context.Context, staging string, version embeddedpostgres.PostgresVersion) (string, error) {
	unpacked, data := filepath.Join(staging, "programs"), filepath.Join(staging, "data")
	major, _, _ := strings.Cut(string(version), ".")
	err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major), 0o600))
	if err != nil {
		return "", fmt.Errorf("create download directory: %w", err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).CachePath(filepath.Join(staging, "archive")).BinariesPath(unpacked).DataPath(data).
		RuntimePath(filepath.Join(staging, "runtime")).Port(uint32(port)).StartTimeout(time.Second).Logger(io.Discard))
	fetched := make(chan error, 1)
	go func() { fetched <- library.Start() }() // it takes no context
	select {
	case err = <-fetched:
	case <-ctx.Done():
		return "", fmt.Errorf("download PostgreSQL: %w", ctx.Err())
	}
	if err != nil && !strings.HasPrefix(err.Error(), "could not start postgres") {
		return "", fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	return unpacked, os.Chmod(unpacked, 0o755)
}
