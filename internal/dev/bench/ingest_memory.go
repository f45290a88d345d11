package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
)

const (
	memoryAccounts = 100_000
	memoryFor      = 75 * time.Second
	// memoryBar is what a fetcher may need at most, in MiB.
	memoryBar = 512
)

// ingestMemory runs the program as a fetcher of 100,000 connections, all due at once, with the settings
// that it has by itself, and reads the most memory that it has had.
func (b *bench) ingestMemory(ctx context.Context, print func(result) error) error {
	stack, platform, err := b.ingestion(ctx, memoryAccounts, collect.MaxParallel)
	if err != nil {
		return err
	}
	defer stack.Close()    //nolint:errcheck // temporary parts
	defer platform.Close() //nolint:errcheck // the same
	program, err := b.startFetcher(ctx, stack, platform, os.Stderr)
	if err != nil {
		return err
	}
	defer program.stop()
	before, err := logged(ctx, stack)
	if err != nil {
		return err
	}
	select {
	case <-program.ended:
		return errEnded
	case <-time.After(memoryFor):
	}
	peak, err := peakMemory(program.command.Process.Pid)
	after, errLog := logged(ctx, stack)
	if err := errors.Join(err, errLog); err != nil {
		return err
	}
	if after == before {
		return errors.New("the fetcher has read nothing")
	}
	if err := print(result{Name: "ingest_memory_readings", Value: float64(after - before), Unit: "readings"}); err != nil {
		return err
	}
	return print(against("ingest_memory_100k_connections", "MiB", peak, memoryBar))
}

// startFetcher starts the program as a fetcher, which reads the connections of the stack.
func (b *bench) startFetcher(ctx context.Context, stack *soak.Stack, platform *canned, said io.Writer) (*serveProcess, error) {
	binary, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, binary, "serve", "--addr", "127.0.0.1:0", "--roles", "fetcher")
	command.Dir = b.dir
	command.Env = append(os.Environ(),
		"LEDGERBOARD_KAFKA_BROKERS="+strings.Join(stack.Brokers, ","), "LEDGERBOARD_DATABASE_URL="+stack.DatabaseURL(),
		"LEDGERBOARD_TAG_KEYS="+tags.Text,
		"LEDGERBOARD_JWT_SECRET="+strings.Repeat("s", 32), "LEDGERBOARD_DIRECTORY=main_app", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed",
		"LEDGERBOARD_SECRETS_KEY="+stack.SecretsKey,
		"LEDGERBOARD_FACEBOOK_URL="+platform.URL+simulator.PathFacebook, "LEDGERBOARD_INSTAGRAM_URL="+platform.URL+simulator.PathInstagram,
		"LEDGERBOARD_LINKEDIN_URL="+platform.URL+simulator.PathLinkedIn, "LEDGERBOARD_LINKEDIN_AUTH_URL="+platform.URL+simulator.PathLinkedIn,
		"LEDGERBOARD_TIKTOK_URL="+platform.URL+simulator.PathTikTok, "LEDGERBOARD_LOG_LEVEL=error",
		"LEDGERBOARD_QUOTAS=linkedin:none,tiktok:none", // their quotas would leave most connections alone
	)
	return start(command, "", said)
}

// peakMemory is the most resident memory that a process has had, in MiB.
func peakMemory(pid int) (float64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes / 1024, err
		}
	}
	return 0, errors.New("the system does not say how much memory a process has had")
}
