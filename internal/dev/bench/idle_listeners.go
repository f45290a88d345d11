package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

const (
	idleListeners    = 10_000
	listenersPerUser = 50
	listenerAgencies = 50
	openingAtOnce    = 32
	idleFor          = time.Minute                           // while transactions are counted; PostgreSQL's statistics are up to 10 s old
	benchSecret      = "only-for-measuring-0123456789abcdef" // signs tokens; it opens nothing
)

// listen measures what an idle stream of notices costs `ledgerboard serve`: resident memory after a garbage
// collection. All streams together cost transactions of the database. Neither has a limit.
func listen(b *bench) {
	log, database, dir := b.ledger(), b.emptyDatabase(), b.TempDir()
	binary := filepath.Join(dir, "ledgerboard")
	out, err := exec.CommandContext(b.ctx, "go", "build", "-o", binary, "./cmd/ledgerboard").CombinedOutput()
	require.NoError(b, err, "%s", out)
	addr, adminAddr := ledgertest.FreeAddress(b), ledgertest.FreeAddress(b)
	command := exec.CommandContext(b.ctx, binary, "serve", "--roles", "api,projector", "--directory", "main_app",
		"--managed-subscriptions", "managed_social", "--users", "unknown_allowed", "--log-level", "error", "--data-dir", filepath.Join(dir, "data"))
	command.Env = append(ledgertest.Environ(), "LEDGERBOARD_ADDR="+addr, "LEDGERBOARD_ADMIN_ADDR="+adminAddr,
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(log.brokers, ","), "LEDGERBOARD_DATABASE_URL="+database, "LEDGERBOARD_JWT_SECRET="+benchSecret)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	server, err := ledgertest.Start(command)
	require.NoError(b, err)
	b.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended already
		<-server.Ended
	})
	ledgertest.Await(b, func(context.Context) (int, error) {
		return ledgertest.Send(ledgertest.Once, http.MethodGet, "http://"+adminAddr+"/readyz", "").Status, nil
	}, func(status int) bool { return status == http.StatusOK || !server.Running() })
	require.True(b, server.Running(), "it has ended")

	alone := residentMemory(b, server, adminAddr)
	conns := make([]net.Conn, idleListeners)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	tokens := make([]string, idleListeners/listenersPerUser)
	for user := range tokens {
		tokens[user] = ledgertest.Token(b, benchSecret, time.Now(), fmt.Sprintf("d1%022x", user), fmt.Sprintf("a1%022x", user%listenerAgencies), "agency")
	}
	var group errgroup.Group
	group.SetLimit(openingAtOnce)
	for i := range conns {
		group.Go(func() (err error) {
			conns[i], err = openStream(b.ctx, addr, tokens[i/listenersPerUser])
			return err
		})
	}
	require.NoError(b, group.Wait())
	b.report("idle_listener_resident", "KiB", (residentMemory(b, server, adminAddr)-alone)/idleListeners)
	first := transactions(b, database)
	pause(b, idleFor)
	b.report("idle_listeners_transactions", "1/s", float64(transactions(b, database)-first)/idleFor.Seconds())
}

// residentMemory returns that of a process in KiB, after it was idle and its garbage was collected. A
// collection halves a stack that is too large.
func residentMemory(b *bench, server *ledgertest.Child, adminAddr string) float64 {
	pause(b, idleFor/2)
	for range 4 {
		ledgertest.Send(ledgertest.Once, http.MethodGet, "http://"+adminAddr+"/debug/pprof/heap?gc=1&debug=1", "").Says(b, http.StatusOK)
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", server.Process.Pid))
	require.NoError(b, err)
	pages, err := strconv.ParseFloat(strings.Fields(string(raw))[1], 64)
	require.NoError(b, err)
	return pages * float64(os.Getpagesize()) / 1024
}

// openStream opens a stream of notices. It returns when the first event has arrived.
func openStream(ctx context.Context, addr, token string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/notices HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
		return conn, fmt.Errorf("request a stream: %w", err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == "event: notice_cursor" {
			return conn, nil
		}
	}
	return conn, errors.New("a stream ended before its first event")
}

func pause(b *bench, d time.Duration) {
	select {
	case <-b.ctx.Done():
		require.NoError(b, b.ctx.Err())
	case <-time.After(d):
	}
}

// transactions returns how many transactions a database has committed.
func transactions(b *bench, databaseURL string) (n int64) {
	conn, err := pgx.Connect(b.ctx, databaseURL)
	require.NoError(b, err)
	defer conn.Close(b.ctx)
	require.NoError(b, conn.QueryRow(b.ctx, "select xact_commit from pg_stat_database where datname = current_database()").Scan(&n))
	return n
}
