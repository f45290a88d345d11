package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	idleListeners     = 10_000
	listenersPerUser  = 50
	listenersAgencies = 50
	idleFor           = 30 * time.Second // while queries are counted; statistics of PostgreSQL are up to 10 s old
	openingAtOnce     = 32
)

// listening measures what streams of notices cost the program while nothing happens: memory of the process
// for each, and transactions of the database in a second for all.
func (b *bench) listening(ctx context.Context, print func(result) error) error {
	_, _, stopLog, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stopLog() //nolint:errcheck // a temporary broker
	url, err := b.emptyDatabase(ctx)
	if err != nil {
		return err
	}
	program, err := b.startServe(ctx, b.brokers, url, os.Stderr)
	if err != nil {
		return err
	}
	defer program.stop()
	if err := program.ready(ctx); err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	alone, err := program.resident()
	if err != nil {
		return err
	}
	conns, err := program.listen(ctx, idleListeners)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close() // it has served
		}
	}()
	if err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil { // until garbage of the openings is collected
		return err
	}
	first, err := transactions(ctx, url)
	if err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	last, err := transactions(ctx, url)
	if err != nil {
		return err
	}
	full, err := program.resident()
	if err != nil {
		return err
	}
	return errors.Join(
		print(result{Name: "idle_listener_memory", Value: round(float64(full-alone) / idleListeners / 1024), Unit: "KiB"}),
		print(result{Name: "idle_listeners_transactions", Value: round(float64(last-first) / idleFor.Seconds()), Unit: "1/s"}),
	)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// resident returns the resident memory of the process in bytes.
func (p *serveProcess) resident() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of the program: %w", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// listen opens streams of notices, each until its first event has arrived.
func (p *serveProcess) listen(ctx context.Context, n int) ([]net.Conn, error) {
	conns := make([]net.Conn, n)
	var group errgroup.Group
	group.SetLimit(openingAtOnce)
	for i := range n {
		group.Go(func() (err error) {
			conns[i], err = p.listenOnce(ctx, i/listenersPerUser)
			return err
		})
	}
	err := group.Wait()
	opened := conns[:0]
	for _, conn := range conns {
		if conn != nil {
			opened = append(opened, conn)
		}
	}
	return opened, err
}

func (p *serveProcess) listenOnce(ctx context.Context, user int) (net.Conn, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": fmt.Sprintf("d1%022x", user), "account_id": fmt.Sprintf("a1%022x", user%listenersAgencies), "role": "agency",
		"iss": "ledgerboard", "aud": "ledgerboard", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(benchSecret))
	if err != nil {
		return nil, fmt.Errorf("sign token: %w", err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/notices HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
		return conn, fmt.Errorf("ask for a stream: %w", err)
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() == "event: notice_cursor" {
			return conn, nil
		}
	}
	return conn, fmt.Errorf("a stream ended before its first event: %w", cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

// transactions returns how many transactions a database has committed.
func transactions(ctx context.Context, url string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select xact_commit from pg_stat_database where datname = current_database()").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count transactions: %w", err)
	}
	return n, nil
}
