package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	orphanPoll      = 20 * time.Millisecond
	orphanFast      = 20 * time.Second
	orphanImmediate = 10 * time.Second
	orphanKill      = 10 * time.Second
)

// stopOrphans ends the servers that a killed process left on our data directory (the caller holds its lock, so nobody
// owns them), and removes a pid file that names a living stranger: PostgreSQL would take it for a running server.
func stopOrphans(ctx context.Context, data string, logger *slog.Logger) error {
	pids := serverProcesses(data)
	if len(pids) == 0 {
		return removeStrangersPIDFile(data, logger)
	}
	logger.Warn("stopping the PostgreSQL that a killed run left behind", "data_dir", data, "pids", pids)
	steps := []struct {
		signal  syscall.Signal
		patient time.Duration
	}{{syscall.SIGINT, orphanFast}, {syscall.SIGQUIT, orphanImmediate}, {syscall.SIGKILL, orphanKill}}
	for _, step := range steps {
		targets := serverProcesses(data)
		if postmaster := postmasterPID(data); step.signal == syscall.SIGINT && slices.Contains(targets, postmaster) {
			targets = []int{postmaster} // it stops the others in order; SIGINT means "cancel query" to them
		}
		for _, pid := range targets {
			_ = syscall.Kill(pid, step.signal) // gone already, or the wait below tells
		}
		if noServer(ctx, data, step.patient) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for a left-over PostgreSQL: %w", err)
		}
	}
	return fmt.Errorf("stop left-over PostgreSQL: processes %v still use %s: end them by hand", serverProcesses(data), data)
}

func noServer(ctx context.Context, data string, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(orphanPoll)
	defer tick.Stop()
	for {
		if len(serverProcesses(data)) == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func removeStrangersPIDFile(data string, logger *slog.Logger) error {
	pid := postmasterPID(data)
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		return nil //nolint:nilerr // none, or dead: PostgreSQL checks and removes that file itself
	}
	logger.Warn("removing a stale PostgreSQL pid file: that process is no PostgreSQL of ours", "pid", pid, "data_dir", data)
	if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil {
		return fmt.Errorf("remove stale pid file: %w", err)
	}
	return nil
}

// postmasterPID returns what the pid file says, 0 when there is none.
func postmasterPID(data string) int {
	first, _, _ := strings.Cut(readLine(filepath.Join(data, "postmaster.pid")), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}
