package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	oldestMajor     = 14
	downloadVersion = embeddedpostgres.V17
)

type programs struct {
	dir     string
	version string // for example 15.18
	major   int
}

// installPatterns are the directories of server programs on Debian, on Red Hat (PGDG) and on
// Alpine, and those of source builds, Homebrew (Apple silicon and Intel) and Postgres.app.
var installPatterns = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findPrograms returns the installed server programs: those of the cluster's major version or, if
// there is no cluster yet, the newest ones. If no suitable programs are installed, it downloads
// them.
func (p *Postgres) findPrograms(ctx context.Context, clusterMajor string) (found programs, err error) {
	if p.cfg.cacheDir == "" {
		for _, pattern := range append(filepath.SplitList(os.Getenv("PATH")), installPatterns...) {
			paths, _ := filepath.Glob(filepath.Join(pattern, "postgres"))
			for _, path := range paths {
				installed, err := p.inspect(ctx, filepath.Dir(path))
				fits := clusterMajor == "" || clusterMajor == strconv.Itoa(installed.major)
				if err == nil && fits && installed.major > found.major {
					found = installed
				}
			}
		}
	}
	if found.major > 0 || ctx.Err() != nil {
		return found, ctx.Err()
	}
	if major, _, _ := strings.Cut(string(downloadVersion), "."); clusterMajor != "" && clusterMajor != major {
		return programs{}, fmt.Errorf("the data directory was created by PostgreSQL %s, which is not installed: "+
			"install that version, or use another data directory", clusterMajor)
	}
	if found, err = p.download(ctx); err != nil && ctx.Err() == nil {
		return programs{}, fmt.Errorf("found no PostgreSQL %d or newer (in PATH, %s), and could not download it: %w: "+
			"install it (Debian: apt install postgresql), or set LEDGERBOARD_DATABASE_URL to use a running server",
			oldestMajor, strings.Join(installPatterns, ", "), err)
	}
	return found, err
}

func (p *Postgres) inspect(ctx context.Context, dir string) (programs, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return programs{}, fmt.Errorf("find server program: %w", err)
	}
	//nolint:gosec // the directory was found on this machine
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
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
		return programs{}, fmt.Errorf("%s --version: %q is not version %d or newer", cmd.Path, out, oldestMajor)
	}
	return found, nil
}

// download returns the server programs in the cache. If the cache is empty, it downloads about 15
// MB.
func (p *Postgres) download(ctx context.Context) (programs, error) {
	// The server's account cannot open root's home directory.
	cache := cmp.Or(p.cfg.cacheDir, "/var/cache/ledgerboard")
	if p.cfg.cacheDir == "" && p.account == nil {
		user, err := os.UserCacheDir()
		if err != nil {
			return programs{}, fmt.Errorf("find a cache directory: %w: set HOME", err)
		}
		cache = filepath.Join(user, "ledgerboard")
	}
	target := filepath.Join(cache, "postgresql-"+string(downloadVersion))
	if cached, err := p.inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return cached, nil
	}
	p.cfg.Logger.Info("downloading PostgreSQL", "version", downloadVersion, "cache", cache)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return programs{}, fmt.Errorf("create cache directory: %w", err)
	}
	staging, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return programs{}, fmt.Errorf("create download directory: %w", err)
	}
	defer os.RemoveAll(staging)
	unpacked := filepath.Join(staging, "programs")
	if err := fetch(ctx, staging, unpacked); err != nil {
		return programs{}, err
	}
	// If another process was faster, its copy is used.
	if err := os.Rename(unpacked, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return programs{}, fmt.Errorf("move the download: %w", err)
	}
	return p.inspect(ctx, filepath.Join(target, "bin"))
}

// fetch lets the library download, check and unpack a server. The library can only download and
// start a server, so fetch passes a data directory with which no server can start, and ignores the
// error of that last step.
func fetch(ctx context.Context, staging, unpacked string) error {
	data := filepath.Join(staging, "data")
	port, err := freePort()
	err = errors.Join(err, os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("17"), 0o600))
	if err != nil {
		return fmt.Errorf("create download directory: %w", err)
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(downloadVersion).CachePath(filepath.Join(staging, "archive")).BinariesPath(unpacked).DataPath(data).
		RuntimePath(filepath.Join(staging, "runtime")).Port(uint32(port)).StartTimeout(time.Second).Logger(io.Discard))
	fetched := make(chan error, 1)
	go func() { fetched <- library.Start() }() // Start takes no context
	select {
	case err = <-fetched:
	case <-ctx.Done():
		return fmt.Errorf("download PostgreSQL: %w", ctx.Err())
	}
	if err != nil && !strings.HasPrefix(err.Error(), "could not start postgres") {
		return fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}
	return os.Chmod(unpacked, 0o755)
}
