package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "ledgerboard"
	databaseName = "ledgerboard"
	loopback     = "127.0.0.1"

	readyPoll    = 20 * time.Millisecond
	readyConnect = 5 * time.Second
	launchAgain  = 200 * time.Millisecond
	launchTries  = 300
	tailLines    = 15 // lines of the server's log in an error

	runSetting = "ledgerboard.run" // tells the server of this launch from any other
)

// PostgresConfig configures a server.
type PostgresConfig struct {
	// DataDir contains the cluster (data) and its password, port and log. It is created if it is
	// missing. If DataDir is "", the server uses a temporary directory, which is removed when the
	// server has exited.
	DataDir  string
	Logger   *slog.Logger      // nil: slog.Default
	Settings map[string]string // override the settings of this package

	cacheDir string // only for tests of the download; if set, installed servers are ignored
}

// Postgres is a running embedded PostgreSQL. It is safe for concurrent use.
type Postgres struct {
	cfg       PostgresConfig
	dir       string // absolute
	lock      *dirLock
	programs  programs
	account   *syscall.Credential // nil: this process's account
	password  string
	port      int
	pid       int
	ended     chan struct{}
	temporary bool
	closing   sync.Once
	closeErr  error
}

// StartPostgres starts a server in cfg.DataDir and returns once it answers queries. It first
// creates the cluster if it is missing. The context limits only the startup; Close stops the
// server. The error wraps [ErrLocked] if the directory is in use.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	p := &Postgres{cfg: cfg, temporary: cfg.DataDir == ""}
	var err error
	if p.temporary {
		p.dir, err = os.MkdirTemp("", "ledgerboard-postgres-")
	} else {
		p.dir, err = filepath.Abs(cfg.DataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("create PostgreSQL data directory: %w", err)
	}
	if p.lock, err = lockDir(p.dir); err != nil {
		if p.temporary {
			err = errors.Join(err, os.RemoveAll(p.dir))
		}
		return nil, err
	}
	started := time.Now()
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL on %s: %w", p.dir, err), p.Close())
	}
	cfg.Logger.Info("embedded PostgreSQL started", "version", p.programs.version, "port", p.port, "data_dir", p.dir,
		"pid", p.pid, "took", time.Since(started).Round(time.Millisecond))
	return p, nil
}

func (p *Postgres) path(name string) string { return filepath.Join(p.dir, name) }

func (p *Postgres) start(ctx context.Context) (err error) {
	p.account = serverAccount()
	major := readLine(p.path("data/PG_VERSION"))
	if p.programs, err = p.findPrograms(ctx, major); err != nil {
		return err
	}
	if p.password = readLine(p.path("password")); p.password == "" && major != "" {
		return fmt.Errorf("%s is missing but the cluster exists: restore the file", p.path("password"))
	}
	if major == "" {
		if err := p.initCluster(ctx); err != nil {
			return fmt.Errorf("create cluster: %w", err)
		}
	}
	return p.launch(ctx)
}

// initCluster creates the cluster under a temporary name and renames it when it is complete: if the
// process is killed before that, nothing looks like a cluster.
func (p *Postgres) initCluster(ctx context.Context) error {
	staging := p.path("data.new")
	p.password = rand.Text()
	err := errors.Join(
		os.RemoveAll(staging), os.Mkdir(staging, 0o700), p.own(staging),
		os.WriteFile(p.path("password"), []byte(p.password+"\n"), 0o600), p.own(p.path("password")),
	)
	if err != nil {
		return err
	}
	args := []string{
		"-U", superuser, "--no-locale", "-E", "UTF8", "-A", "scram-sha-256",
		"-D", staging, "--pwfile", p.path("password"),
	}
	if p.temporary {
		args = append(args, "--no-sync")
	}
	initdb, err := p.run(ctx, "initdb", args...)
	if err != nil {
		return err
	}
	if err := initdb.Wait(); err != nil {
		return fmt.Errorf("initdb: %w:\n%s", cmp.Or(ctx.Err(), err), p.logTail())
	}
	return os.Rename(staging, p.path("data"))
}

func (p *Postgres) own(path string) error {
	if p.account == nil {
		return nil
	}
	return os.Lchown(path, int(p.account.Uid), int(p.account.Gid))
}

// launch starts the server on the port of the last run if that port is free, and otherwise on any
// free port. If an earlier owner of the directory was killed, its server may still be shutting
// down; launch waits until it has exited.
func (p *Postgres) launch(ctx context.Context) (err error) {
	p.port, _ = strconv.Atoi(readLine(p.path("port")))
	for range launchTries {
		if p.port == 0 {
			if p.port, err = freePort(); err != nil {
				return err
			}
		}
		if err = p.launchOnce(ctx); err == nil {
			return os.WriteFile(p.path("port"), fmt.Appendln(nil, p.port), 0o600)
		}
		switch message := err.Error(); {
		case strings.Contains(message, "Address already in use"):
			p.port = 0
		case !strings.Contains(message, `"postmaster.pid" already exists`) &&
			!strings.Contains(message, "is still in use"):
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(launchAgain):
		}
	}
	return err
}

// freePort returns a port that was free when it was called.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// launchOnce starts the server and waits until it answers. Recovery after a crash has no time
// limit: launchOnce gives up only when the server exits or the context is done.
func (p *Postgres) launchOnce(ctx context.Context) error {
	run := rand.Text()
	args := []string{"-D", p.path("data"), "-c", runSetting + "=" + run}
	settings := serverSettings(p.port, p.cfg.Settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	server, err := p.run(context.WithoutCancel(ctx), "postgres", args...)
	if err != nil {
		return err
	}
	if err := p.watch(server); err != nil {
		return err
	}
	for {
		err := p.prepare(ctx, run)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the server exited:\n%s", p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w (%w)", ctx.Err(), err)
		case <-time.After(readyPoll):
		}
	}
}

// prepare connects to the server and creates the database if it is missing. If another server uses
// the port, prepare returns an error. Its password may be right: it may be the server of an owner of
// the directory that was killed, which exits once its guard has noticed that, or, if this directory is
// a copy, the server of the original.
func (p *Postgres) prepare(ctx context.Context, run string) error {
	ctx, cancel := context.WithTimeout(ctx, readyConnect)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.urlOf("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists, ours bool
	err = conn.QueryRow(ctx, "select exists(select from pg_database where datname = $1), "+
		"current_setting($2, true) is not distinct from $3", databaseName, runSetting, run).Scan(&exists, &ours)
	if err == nil && !ours {
		err = errors.New("another server uses the port")
	}
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+databaseName)
	return err
}

// serverSettings returns settings for a server that shares its machine with ledgerboard. Durability
// settings keep PostgreSQL's defaults.
func serverSettings(port int, custom map[string]string) map[string]string {
	settings := map[string]string{
		"max_connections":      "200",
		"shared_buffers":       "256MB",
		"effective_cache_size": "1GB",
		"work_mem":             "16MB",
		"maintenance_work_mem": "128MB",
		"max_wal_size":         "2GB",
		"min_wal_size":         "256MB",
		"wal_compression":      "on",
		"checkpoint_timeout":   "15min",
		"random_page_cost":     "1.1",
		"jit":                  "off", // compiling takes longer than our short queries
		"timezone":             "UTC",
		"log_timezone":         "UTC",
		"log_line_prefix":      "%m [%p] %q%u@%d ",
		"log_checkpoints":      "off",
	}
	maps.Copy(settings, custom)
	settings["port"] = strconv.Itoa(port)
	settings["listen_addresses"] = loopback
	settings["unix_socket_directories"] = ""
	return settings
}

// URL returns the connection URL for pgx and psql.
func (p *Postgres) URL() string { return p.urlOf(databaseName) }

func (p *Postgres) urlOf(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password),
		Host: net.JoinHostPort(loopback, strconv.Itoa(p.port)), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done returns a channel that is closed when the server has exited.
func (p *Postgres) Done() <-chan struct{} { return p.ended }

// Close stops the server with a fast shutdown, waits until it has exited, and removes a temporary
// data directory. Further calls return the result of the first one.
func (p *Postgres) Close() error {
	p.closing.Do(func() {
		if p.ended != nil {
			_ = syscall.Kill(p.pid, syscall.SIGINT) // fast shutdown
			<-p.ended
		}
		if p.temporary {
			p.closeErr = os.RemoveAll(p.dir)
		}
		p.closeErr = errors.Join(p.closeErr, p.lock.release())
	})
	return p.closeErr
}
