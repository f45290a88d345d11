package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrLocked is returned by StartBroker and StartPostgres when another process, or another instance in this one,
// holds the data directory. The message names the owner's process id.
var ErrLocked = errors.New("data directory is in use")

const (
	lockFileName = "lock"
	// forkWindow is how long copies of our descriptors, in children between fork and exec, are waited for.
	forkWindow = 500 * time.Millisecond
)

// dirLock is an exclusive flock(2) on <dir>/lock. The kernel drops it when its owner dies, however it dies, so a
// lock is never stale and the file is never removed (removing it would let two owners hold two different inodes).
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockFileName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := flockPatiently(file); err != nil {
		owner := "an unknown process"
		if pid := readLine(path); pid != "" {
			owner = "process " + pid
		}
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s belongs to %s: stop that process or choose another data directory", ErrLocked, dir, owner)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		file.Close()
		return nil, fmt.Errorf("write lock file: %w", err)
	}
	return &dirLock{file: file}, nil
}

// flockPatiently waits a moment for a lock whose owner is dead: a child that was between fork and exec when its parent
// was killed still holds a copy of the descriptor.
func flockPatiently(file *os.File) (err error) {
	poll(context.Background(), forkWindow, func() bool {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		return !errors.Is(err, syscall.EWOULDBLOCK) || ownerLives(file.Name())
	})
	return err
}

func ownerLives(path string) bool {
	pid, err := strconv.Atoi(readLine(path))
	return err == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// release unlocks before it closes: a child between fork and exec holds a copy of the descriptor, with which the lock
// would outlive the close.
func (l *dirLock) release() error {
	if err := errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close()); err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}

func writePID(file *os.File) error {
	_, err := fmt.Fprintf(file, "%d\n", os.Getpid())
	return err
}
