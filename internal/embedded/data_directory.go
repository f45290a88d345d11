package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Directory is a data directory for a broker and a database.
type Directory struct {
	Path   string
	Logger *slog.Logger
}

const (
	brokerDir   = "broker"
	postgresDir = "postgres"
)

// HasBroker reports whether a broker was ever started in the directory.
func (d Directory) HasBroker() bool { return d.exists(brokerDir) }

// HasPostgres reports whether a database was ever started in the directory.
func (d Directory) HasPostgres() bool { return d.exists(postgresDir) }

func (d Directory) exists(name string) bool {
	_, err := os.Stat(filepath.Join(d.Path, name))
	return err == nil
}

// StartBroker starts the broker of the directory. Topics must be created with the returned
// settings.
func (d Directory) StartBroker(
	ctx context.Context,
) (addrs []string, topicSettings map[string]string, stop func() error, err error) {
	if err := d.make(); err != nil {
		return nil, nil, nil, err
	}
	broker, err := StartBroker(ctx, BrokerConfig{DataDir: filepath.Join(d.Path, brokerDir), Logger: d.Logger})
	if err != nil {
		return nil, nil, nil, err
	}
	return broker.Addrs(), broker.TopicOverrides(), broker.Close, nil
}

// StartPostgres starts the database of the directory. When the database server has exited, the
// channel gets an error with the last lines of the server's log, which the next start overwrites.
func (d Directory) StartPostgres(
	ctx context.Context,
) (url string, ended <-chan error, stop func() error, err error) {
	if err := d.make(); err != nil {
		return "", nil, nil, err
	}
	postgres, err := StartPostgres(ctx, PostgresConfig{DataDir: filepath.Join(d.Path, postgresDir), Logger: d.Logger})
	if err != nil {
		return "", nil, nil, err
	}
	exit := make(chan error, 1)
	go func() {
		<-postgres.Done()
		exit <- fmt.Errorf("the embedded PostgreSQL has exited:\n%s", postgres.logTail())
	}()
	return postgres.URL(), exit, postgres.Close, nil
}

func (d Directory) make() error {
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	return nil
}

// ErrLocked is returned by [StartBroker] and [StartPostgres] if another process, or another server
// of this process, uses the data directory. The message contains the process id of the owner.
var ErrLocked = errors.New("data directory is in use")

// dirLock is an exclusive flock(2) on <dir>/lock. The kernel releases the lock when its owner dies,
// so a lock is never stale. The file is never removed: otherwise two owners could lock two
// different inodes.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s belongs to process %s: stop that process or choose another data directory",
			ErrLocked, dir, readLine(path))
	} else if err == nil {
		err = os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return &dirLock{file: file}, nil
}

// release unlocks the file before closing it: a child process between fork and exec has a copy of
// the descriptor, which would keep the lock after the close.
func (d *dirLock) release() error {
	if err := errors.Join(syscall.Flock(int(d.file.Fd()), syscall.LOCK_UN), d.file.Close()); err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}

// readLine returns the text of a small file without surrounding white space; "" if the file cannot
// be read.
func readLine(path string) string {
	raw, _ := os.ReadFile(path)
	return strings.TrimSpace(string(raw))
}
