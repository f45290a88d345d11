package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
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
	memory, err := memoryOf(program.command.Process.Pid)
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
	return print(against("ingest_memory_100k_connections", "MiB", memory.peak/(1<<20), memoryBar))
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
