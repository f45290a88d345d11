package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/dev/soak"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// What is ingested: accounts of all platforms, each due at every look, and more of each platform than can be read until the next one,
// also of TikTok, where a reading is one call: what waits for a look waits for no call.
const (
	ingestAccounts = 16_000
	ingestWorkers  = 8
	ingestSlot     = 2 * time.Second
	ingestFor      = 30 * time.Second
	ingestWarmUp   = 8 * time.Minute // at most; until nearly every account was read once, its demographics too
	ingestLatency  = 200 * time.Millisecond
)

// ingestParallel is how many connections of a claim are read at a time: of so many calls under way, the machine waits for the
// platform, as it does in production.
const ingestParallel = 25

// ingest measures account readings from the platforms' HTTP answers to the acknowledged log, with a platform that takes
// 200 ms for each answer. The limit is the same calls made by as many callers, their bodies thrown away.
func (b *bench) ingest(ctx context.Context, print func(result) error) error {
	newest := projectors.AccountInsights{}.Name() // fetchers look at its tables
	stack, platform, err := b.ingestion(ctx, ingestAccounts, ingestParallel,
		projectors.Directory{}.Name(), projectors.Operations{}.Name(), newest)
	if err != nil {
		return err
	}
	defer stack.Close()    //nolint:errcheck // temporary parts
	defer platform.Close() //nolint:errcheck // the same
	if err := pauseFolding(ctx, stack, newest); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- stack.Run(running) }()
	if err := awaitFirstRound(ctx, stack); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	before, err := logged(ctx, stack)
	if err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	calls, began := platform.calls.Load(), time.Now()
	sleep(ctx, ingestFor)
	calls, took := platform.calls.Load()-calls, time.Since(began)
	after, err := logged(ctx, stack)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	limit, err := platform.bare(ctx, len(domain.Platforms())*ingestWorkers*ingestParallel)
	if err != nil {
		return err
	}
	read := float64(after - before)
	return print(against("ingest_readings_200ms", "readings/s", read/took.Seconds(), limit*read/float64(calls)))
}

// pauseFolding has a projector fold nothing more: what is measured is fetching.
func pauseFolding(ctx context.Context, stack *soak.Stack, projector string) error {
	kept, err := vault.Open(ctx, stack.DatabaseURL())
	if err != nil {
		return err
	}
	defer kept.Close()
	_, err = vault.NewPauses(kept).Pause(ctx, domain.Pause{
		Kind: domain.PauseProjection, Name: projector, Since: time.Now(), Actor: "bench", Reason: domain.Reason{Code: "maintenance"},
	})
	return err
}

// awaitFirstRound waits until 99 in 100 accounts were read once, and tells how far that is: those that meet with a hiccup of a
// busy machine are tried again after ever longer pauses.
func awaitFirstRound(ctx context.Context, stack *soak.Stack) error {
	began, told := time.Now(), time.Now()
	for ; ; sleep(ctx, ingestSlot/4) {
		var read int
		var failed *string
		row := stack.Pool.QueryRow(ctx, `
			select (select count(*) from kept.fetch_state where read_at is not null),
			       (select string_agg(format('%s %s', n, class), ', ') from (
			          select class, count(*) n from kept.fetch_state where read_at is null and class <> '' group by class) f)`)
		if err := row.Scan(&read, &failed); err != nil {
			return fmt.Errorf("look at the first round: %w", err)
		}
		if read >= ingestAccounts*99/100 {
			return nil
		}
		how := fmt.Sprintf("%d of %d accounts are read after %s", read, ingestAccounts, time.Since(began).Round(time.Second))
		if failed != nil {
			how += ", failed: " + *failed
		}
		if time.Since(began) > ingestWarmUp {
			return errors.New("the first round does not end: " + how)
		}
		if time.Since(told) >= 10*time.Second {
			told = time.Now()
			fmt.Fprintln(os.Stderr, "bench: ingest_readings:", how)
		}
	}
}

// ingestion puts the fetchers together over n accounts; projectors, if given, are all that folds.
func (b *bench) ingestion(ctx context.Context, n, parallel int, projectors ...string) (*soak.Stack, *canned, error) {
	pool, err := b.database(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	databaseURL := pool.Config().ConnString()
	pool.Close()
	world := soak.NewWorld(n)
	clock := soak.NewClock(time.Now(), 1)
	sim := simulator.New(simulator.Config{Seed: 7, MetaPerDay: -1, LinkedInPerDay: -1, TikTokPerMinute: -1})
	world.Register(sim, func(soak.Account, *simulator.Account) {})
	platform, err := serveCanned(ctx, sim, ingestLatency)
	if err != nil {
		return nil, nil, err
	}
	b.n++
	stack, err := soak.Open(ctx, soak.Config{
		Dir: filepath.Join(b.dir, fmt.Sprintf("ingest-%d", b.n)), DatabaseURL: databaseURL, Clock: clock, Sim: sim,
		World: world, Logger: b.logger,
		PlatformURL: platform.URL,
		Quotas:      []quota.Limit{}, Workers: ingestWorkers,
		Collect: collect.Config{
			GrowthWindow: time.Hour, AccountInterval: ingestSlot, Parallel: parallel, DemographicsEvery: 1000 * time.Hour,
		},
		Every:      map[string]time.Duration{domain.FetchAccounts: ingestSlot},
		Projectors: projectors,
	})
	if err != nil {
		return nil, nil, err
	}
	err = world.StoreTokens(ctx, sim, stack.Secrets, clock.Now(), func(soak.Account) commands.StoredTokens { return commands.StoredTokens{} })
	return stack, platform, err
}

// logged is the number of records on `metrics`.
func logged(ctx context.Context, stack *soak.Stack) (n int64, err error) {
	ranges, _, err := stack.Log.Ranges(ctx, domain.TopicMetrics)
	for _, r := range ranges {
		n += r.End
	}
	return n, err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
