package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

const (
	portTries    = 5
	readyPoll    = 20 * time.Millisecond
	readyConnect = 5 * time.Second
	readyReport  = 10 * time.Second
	tailLines    = 15 // that are told of a log
)

var errPortTaken = errors.New("port is taken")

// launchOnFreePort tries the port of the last run without a look first: only the server's own bind tells. Between the
// search for a free one and that bind another program may take it; then it tries the next.
func (p *Postgres) launchOnFreePort(ctx context.Context) (err error) {
	p.port = p.home.lastPort()
	for try := 1; ; try++ {
		if p.port == 0 {
			if p.port, err = freePort(); err != nil {
				return err
			}
		}
		err = p.launch(ctx)
		if err == nil {
			return durable.ReplaceFile(p.home.portFile(), []byte(strconv.Itoa(p.port)+"\n"), 0o600)
		}
		if !errors.Is(err, errPortTaken) || try == portTries {
			return err
		}
		p.port = 0
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("free the port: %w", err)
	}
	return port, nil
}

// launch starts server and watchdog and waits until the server answers.
func (p *Postgres) launch(ctx context.Context) error {
	before := logSizes(p.home.logDir())
	c := command{acct: p.acct, name: filepath.Join(p.binaries.dir, "postgres")}
	data, err := c.pathArg(p.home.data())
	if err != nil {
		return err
	}
	c.args = append([]string{"-D", data}, settingArgs(p.cfg.Settings, p.port)...)
	death := syscall.SIGINT // fast shutdown
	if p.cfg.skipDeathSignal {
		death = 0
	}
	if p.server, err = c.startLogged(p.home.startLog(), death); err != nil {
		return err
	}
	if !p.cfg.skipWatchdog {
		if p.watchdog, err = startWatchdog(p.acct, p.server); err != nil {
			return err
		}
	}
	if err := p.waitReady(ctx); err != nil {
		return p.explain(err, before)
	}
	return nil
}

// waitReady polls a real connection. Recovery after a crash takes as long as it takes: only the server's end or the
// context ends the wait.
func (p *Postgres) waitReady(ctx context.Context) error {
	poll, report := time.NewTicker(readyPoll), time.NewTicker(readyReport)
	defer poll.Stop()
	defer report.Stop()
	for {
		err := p.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.server.exited:
			return errors.New("server ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w (it last said: %w)", ctx.Err(), err)
		case <-report.C:
			p.cfg.Logger.Info("waiting for PostgreSQL", "state", err.Error())
		case <-poll.C:
		}
	}
}

// ping proves that it is our server: no other on this port knows the password.
func (p *Postgres) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyConnect)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.urlOf("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// saidWithin is how long the process that writes the server's log may take to end behind it.
const saidWithin = 2 * time.Second

// explain adds what the server said: to standard error, then to its log. The process that writes the log outlives the one that has ended.
func (p *Postgres) explain(err error, before map[string]int64) error {
	if p.server.hasEnded() {
		noServer(context.Background(), p.home.data(), saidWithin)
	}
	said := tail(p.home.startLog(), 0)
	for path := range logSizes(p.home.logDir()) {
		said = strings.TrimSpace(said + "\n" + tail(path, before[path]))
	}
	if p.server.hasEnded() && strings.Contains(said, "Address already in use") {
		p.watchdog.wait()
		p.server, p.watchdog = nil, nil
		return fmt.Errorf("%w: %d", errPortTaken, p.port)
	}
	return fmt.Errorf("%w; the server said:\n%s", err, said)
}

func (p *Postgres) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.urlOf("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the new server: %w", err)
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, "select exists(select from pg_database where datname = $1)", databaseName).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", databaseName, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{databaseName}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", databaseName, err)
	}
	return nil
}

// tail returns the last lines that a log has gained since it had from bytes, "" when it cannot be read.
func tail(path string, from int64) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if from > int64(len(raw)) { // begun anew by rotation
		from = 0
	}
	lines := strings.Split(strings.TrimSpace(string(raw[from:])), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// logSizes returns the server's log files and their present sizes in bytes.
func logSizes(dir string) map[string]int64 {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	sizes := make(map[string]int64, len(paths))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			sizes[path] = info.Size()
		}
	}
	return sizes
}
