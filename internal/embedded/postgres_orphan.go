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
	orphanFast = 20 * time.Second
	firmStop   = 10 * time.Second // for what is not asked twice
)

// escalate asks a server to end, ever more firmly: fast shutdown, immediate shutdown (recovery at the next start), kill. It
// tells whether the server has ended.
func escalate(ctx context.Context, fast time.Duration, logger *slog.Logger, ask func(syscall.Signal), ended func(time.Duration) bool) bool {
	patience := fast
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		ask(signal)
		if ended(patience) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		logger.Warn("embedded PostgreSQL does not stop", "signal", signal.String(), "waited", patience)
		patience = firmStop
	}
	return false
}

// stopOrphans ends the servers that a killed process left on our data directory (the caller holds its lock, so nobody
// owns them), and removes a pid file that names a living stranger: PostgreSQL would take it for a running server.
func stopOrphans(ctx context.Context, data string, logger *slog.Logger) error {
	pids := serverProcesses(data)
	if len(pids) == 0 {
		return removeStrangersPIDFile(data, logger)
	}
	logger.Warn("stopping the PostgreSQL that a killed run left behind", "data_dir", data, "pids", pids)
	ask := func(signal syscall.Signal) {
		targets := serverProcesses(data)
		if postmaster := postmasterPID(data); signal == syscall.SIGINT && slices.Contains(targets, postmaster) {
			targets = []int{postmaster} // it stops the others in order; SIGINT means "cancel query" to them
		}
		for _, pid := range targets {
			_ = syscall.Kill(pid, signal) // gone already, or the wait below tells
		}
	}
	if escalate(ctx, orphanFast, logger, ask, func(limit time.Duration) bool { return noServer(ctx, data, limit) }) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a left-over PostgreSQL: %w", err)
	}
	return fmt.Errorf("stop left-over PostgreSQL: processes %v still use %s: end them by hand", serverProcesses(data), data)
}

func noServer(ctx context.Context, data string, limit time.Duration) bool {
	return poll(ctx, limit, func() bool { return len(serverProcesses(data)) == 0 })
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
