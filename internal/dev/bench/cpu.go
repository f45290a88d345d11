package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// processTime is the processor time that this process has used.
func processTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var accounting = regexp.MustCompile(`nodes accounting for [^,]+, ([0-9.]+)%`)

// shareOf is the part of a profile's samples that pass through functions of that name.
func shareOf(ctx context.Context, profile, frames string) float64 {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodefraction=0", "-nodecount=100000",
		"-focus="+frames, profile).Output()
	found := accounting.FindSubmatch(out)
	if err != nil || found == nil {
		return 0
	}
	percent, _ := strconv.ParseFloat(string(found[1]), 64)
	return percent / 100
}

// clockTick is the unit of /proc/<pid>/stat, USER_HZ, which is 100 on all Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// backendTime is the processor time that all processes of PostgreSQL have used which serve somebody now.
func backendTime(ctx context.Context, pool pg.Reader) (used time.Duration, err error) {
	rows, _ := pool.Query(ctx, `select pid from pg_stat_activity`)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return 0, fmt.Errorf("list backends: %w", err)
	}
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold blanks
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat is not as proc(5) says", pid)
		}
		for _, field := range fields[11:13] { // utime, stime: numbers 14 and 15 of proc(5)
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
			}
			used += time.Duration(ticks) * clockTick
		}
	}
	return used, nil
}

// cpuOfBoth is [cpuOf] over HTTP and of the bare statements.
func cpuOfBoth(ctx context.Context, server *httptest.Server, path string, conn *pgx.Conn, sent []statement) (overHTTP, bare float64, err error) {
	if overHTTP, err = cpuOf(ctx, conn, func() error { return get(ctx, server, path) }); err != nil {
		return 0, 0, err
	}
	bare, err = cpuOf(ctx, conn, func() error {
		_, err := runBare(ctx, conn, sent)
		return err
	})
	return overHTTP, bare, err
}

// cpuOf is the mean processor time of what is asked, in milliseconds: ours and PostgreSQL's. It varies little with what else
// the machine does.
func cpuOf(ctx context.Context, conn *pgx.Conn, ask func() error) (float64, error) {
	before, err := backendTime(ctx, conn)
	if err != nil {
		return 0, err
	}
	before += processTime()
	for range figureCPURequests {
		if err := ask(); err != nil {
			return 0, err
		}
	}
	after, err := backendTime(ctx, conn)
	if err != nil {
		return 0, err
	}
	return float64((after + processTime() - before).Microseconds()) / 1000 / figureCPURequests, nil
}
