package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	superuser    = "ledgerboard"
	databaseName = "ledgerboard"
	loopback     = "127.0.0.1"
)

// The stop asks ever more firmly: fast shutdown, immediate shutdown (recovery at the next start), kill.
const (
	fastStop      = 60 * time.Second
	immediateStop = 10 * time.Second
	childrenStop  = 10 * time.Second
)

// PostgresConfig says which server to run on which data.
type PostgresConfig struct {
	// DataDir holds the cluster, its password, port and logs. Created when missing. Empty: a temporary one, removed by
	// Close (or by a later start, when this process was killed).
	DataDir string
	// Logger receives the start and stop messages; slog.Default when nil. The server logs to DataDir/data/log.
	Logger *slog.Logger
	// Settings are PostgreSQL settings over the defaults of this package. Those that Start depends on are refused.
	Settings map[string]string

	cacheDir        string // tests of the download
	skipInstalled   bool   // tests of the download
	skipDeathSignal bool   // tests of the watchdog
	skipWatchdog    bool   // tests of the orphan clean-up
}

// Postgres is a running embedded PostgreSQL. It is safe for concurrent use.
type Postgres struct {
	cfg      PostgresConfig
	home     *postgresHome
	binaries binaries
	acct     account
	server   *process
	watchdog *watchdog
	port     int
	password string
	closing  sync.Once
	closed   error
}

// StartPostgres starts the server of cfg.DataDir, creating the cluster first if there is none, and returns when it
// answers queries. A server that an earlier, killed process left on this directory is stopped first.
// Errors: ErrLocked; ErrDataVersion; no server programs on the machine and none to download; whatever the server said
// when it ended, with the tail of its log. The context bounds the start only: end the server with Close.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if err := checkSettings(cfg.Settings); err != nil {
		return nil, err
	}
	home, err := openHome(cfg.DataDir, cfg.Logger)
	if err != nil {
		return nil, err
	}
	p := &Postgres{cfg: cfg, home: home}
	began := time.Now()
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL on %s: %w", home.dir, err), p.Close())
	}
	cfg.Logger.Info("embedded PostgreSQL started", "version", p.binaries.version, "port", p.port, "data_dir", home.dir,
		"pid", p.server.pid(), "took", time.Since(began).Round(time.Millisecond))
	return p, nil
}

func (p *Postgres) start(ctx context.Context) (err error) {
	if p.acct, err = serverAccount(p.home.data()); err != nil {
		return err
	}
	if p.binaries, err = findBinaries(ctx, p.cfg, p.acct, p.home.dataMajor()); err != nil {
		return err
	}
	if p.password, err = p.home.loadPassword(); err != nil {
		return err
	}
	if err := p.initCluster(ctx); err != nil {
		return err
	}
	if err := stopOrphans(ctx, p.home.data(), p.cfg.Logger); err != nil {
		return err
	}
	if err := p.launchOnFreePort(ctx); err != nil {
		return err
	}
	return p.ensureDatabase(ctx)
}

// URL returns the connection URL, as pgx and psql take it: loopback TCP, SCRAM password included. It stays the same
// over restarts on the same data directory as long as the port is free.
func (p *Postgres) URL() string { return p.urlOf(databaseName) }

func (p *Postgres) urlOf(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password),
		Host: loopback + ":" + strconv.Itoa(p.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done is closed when the server has ended, by Close or by itself.
func (p *Postgres) Done() <-chan struct{} { return p.server.exited }

// Close stops the server (fast shutdown), waits until all its processes have ended and removes a temporary data
// directory. A second Close returns the result of the first.
func (p *Postgres) Close() error {
	p.closing.Do(func() {
		p.closed = errors.Join(p.stopServer(), p.home.close())
	})
	return p.closed
}

func (p *Postgres) stopServer() error {
	if p.server == nil {
		return nil
	}
	steps := []struct {
		signal  syscall.Signal
		patient time.Duration
	}{{syscall.SIGINT, fastStop}, {syscall.SIGQUIT, immediateStop}, {syscall.SIGKILL, immediateStop}}
	for _, step := range steps {
		p.server.signal(step.signal)
		if p.server.endsWithin(step.patient) {
			p.watchdog.wait()
			if data := p.home.data(); !noServer(context.Background(), data, childrenStop) {
				return fmt.Errorf("stop PostgreSQL: processes %v still use %s", serverProcesses(data), data)
			}
			return nil
		}
		p.cfg.Logger.Warn("embedded PostgreSQL does not stop", "signal", step.signal.String(), "waited", step.patient)
	}
	return fmt.Errorf("stop PostgreSQL: process %d survives SIGKILL", p.server.pid())
}
