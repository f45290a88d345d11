package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/durable"
)

const (
	temporaryPrefix = "ledgerboard-postgres-"
	// temporaryAge spares a directory whose owner has created it and not yet locked it.
	temporaryAge = time.Minute
)

// postgresHome is the data directory as this package lays it out, and the lock on it.
//
//	lock      flock, owner's pid
//	password  of the superuser, 0600
//	port      of the last run
//	start.log standard error of the server until its log collector runs
//	data/     PGDATA, server logs in data/log
type postgresHome struct {
	dir       string
	temporary bool
	lock      *dirLock
}

func openHome(dir string, logger *slog.Logger) (*postgresHome, error) {
	h := &postgresHome{dir: dir}
	var err error
	if dir == "" {
		sweepTemporary(logger)
		h.temporary = true
		h.dir, err = os.MkdirTemp("", temporaryPrefix)
		if err == nil {
			err = os.Chmod(h.dir, homeMode())
		}
	} else {
		if h.dir, err = filepath.Abs(dir); err == nil {
			err = os.MkdirAll(h.dir, homeMode())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create PostgreSQL data directory: %w", err)
	}
	if h.lock, err = lockDir(h.dir); err != nil {
		return nil, err
	}
	return h, nil
}

// homeMode lets the unprivileged server of a root process pass through, without letting it list.
func homeMode() os.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

func (h *postgresHome) data() string     { return filepath.Join(h.dir, "data") }
func (h *postgresHome) startLog() string { return filepath.Join(h.dir, "start.log") }
func (h *postgresHome) logDir() string   { return filepath.Join(h.data(), "log") }
func (h *postgresHome) portFile() string { return filepath.Join(h.dir, "port") }

// dataMajor returns the major version that made the cluster, "" when there is none yet.
func (h *postgresHome) dataMajor() string { return readLine(filepath.Join(h.data(), "PG_VERSION")) }

func (h *postgresHome) lastPort() int {
	port, err := strconv.Atoi(readLine(h.portFile()))
	if err != nil {
		return 0
	}
	return port
}

func (h *postgresHome) loadPassword() (string, error) {
	path := filepath.Join(h.dir, "password")
	raw, err := os.ReadFile(path)
	if err == nil && len(raw) > 1 {
		return readLine(path), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read password: %w", err)
	}
	if h.dataMajor() != "" {
		return "", fmt.Errorf("read password: %s is gone but the cluster exists: put the file back", path)
	}
	var secret [24]byte
	rand.Read(secret[:])
	password := hex.EncodeToString(secret[:])
	return password, durable.ReplaceFile(path, []byte(password+"\n"), 0o600)
}

func (h *postgresHome) close() error {
	var err error
	if h.temporary {
		err = os.RemoveAll(h.dir)
	}
	return errors.Join(err, h.lock.release())
}

// sweepTemporary removes the temporary directories of processes that were killed. A live owner holds the lock.
func sweepTemporary(logger *slog.Logger) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Stat(filepath.Join(dir, lockFileName))
		if err != nil || time.Since(info.ModTime()) < temporaryAge {
			continue
		}
		lock, err := lockDir(dir)
		if err != nil {
			continue
		}
		if data := filepath.Join(dir, "data"); len(serverProcesses(data)) == 0 {
			if err := os.RemoveAll(dir); err == nil {
				logger.Info("removed a killed run's temporary PostgreSQL data", "dir", dir)
			}
		}
		lock.release() //nolint:errcheck // the file is gone, its descriptor is all there is to free
	}
}
