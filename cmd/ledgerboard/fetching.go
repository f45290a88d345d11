package main

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// openFetching puts together what reads the platforms. Nothing runs yet.
func (a *app) openFetching(ctx context.Context) error {
	keys, err := vault.ParseKeys(a.SecretsKey)
	if err != nil {
		return err
	}
	if a.secrets, err = vault.NewSecrets(a.KeptPool, keys); err != nil {
		return err
	}
	pool, err := vault.OpenFetching(ctx, a.backends.databaseURL)
	if err != nil {
		return err
	}
	a.undo.Add(func() error { pool.Close(); return nil })
	config, err := a.quota()
	if err != nil {
		return usageError{err}
	}
	config.Store, config.Registerer = vault.NewBudgets(pool), a.registry
	gate, err := quota.New(config)
	if err != nil {
		return usageError{err}
	}
	if a.clients, err = a.newClients(gate); err != nil {
		return err
	}
	a.undo.Add(func() error { a.clients.Close(); return nil })
	metrics, err := commands.NewMetrics(commands.MetricsConfig{Log: a.Log, Now: time.Now})
	if err != nil {
		return err
	}
	ladder, ahead, err := a.reading()
	if err != nil {
		return usageError{err}
	}
	backfill := a.Backfill
	if backfill == 0 {
		backfill = -1
	}
	a.collect, err = commands.NewCollect(commands.CollectConfig{
		Connections: a.Connections, States: vault.NewFetching(pool), Marks: vault.NewMarks(pool),
		Clients: a.clients, Budget: gate, Secrets: a.secrets, Metrics: metrics, Operations: a.Log,
		Now: time.Now, Logger: a.logger, Observe: newFetchMetrics(a.registry),
		GrowthWindow: a.GrowthWindow, AccountInterval: a.AccountInsightsInterval, Parallel: a.FetchParallel, ShardSize: a.FetchShard,
		Backfill: backfill, DemographicsEvery: a.DemographicsEvery, Ladder: ladder, RefreshAhead: ahead,
	})
	return err
}

func (a *app) newClients(gate *quota.Gate) (*platforms.Set, error) {
	return platforms.New(platforms.Config{
		Facebook:  platforms.Endpoint{BaseURL: a.FacebookURL, Version: a.MetaVersion},
		Instagram: platforms.Endpoint{BaseURL: a.InstagramURL, Version: a.MetaVersion},
		LinkedIn: platforms.Endpoint{
			BaseURL: a.LinkedInURL, AuthURL: a.LinkedInAuthURL, Version: a.LinkedInVersion,
			ClientID: a.LinkedInClientID, ClientSecret: a.LinkedInClientSecret,
		},
		TikTok:  platforms.Endpoint{BaseURL: a.TikTokURL, Version: a.TikTokVersion, ClientID: a.TikTokClientKey, ClientSecret: a.TikTokClientSecret},
		Timeout: a.FetchTimeout, RefusedFor: a.FetchRefusedFor,
		Logger: a.logger, Observe: observeCalls(a.registry), Admit: gate.Admit,
	})
}

// fetch runs the schedule until ctx is done.
func (a *app) fetch(ctx context.Context) error {
	if !a.has(roleFetcher) {
		<-ctx.Done()
		return nil
	}
	schedule, err := a.newScheduler()
	if err != nil {
		return err
	}
	return schedule.Run(ctx)
}

// newScheduler makes the schedule of the fetchers.
func (a *app) newScheduler() (*scheduler.Scheduler, error) {
	every, err := a.schedules()
	if err != nil {
		return nil, usageError{err}
	}
	return scheduler.New(scheduler.Config{
		DatabaseURL: a.backends.databaseURL, Every: every,
		Shards: func(ctx context.Context, s scheduler.Slot) (int, error) {
			slot := domain.FetchSlot{Kind: string(s.Kind), Platform: s.Platform, Begin: s.Begin}
			return a.collect.Plan(ctx, slot, s.End.Sub(s.Begin))
		},
		Work: func(ctx context.Context, job scheduler.Job) error { return work(ctx, a.collect, job) },
		// What is due, connected and known follows from these; dashboards may stand still meanwhile.
		Ready: func() bool {
			return a.Monitor.Problem(projections.Directory{}.Name(), projections.Operations{}.Name(),
				projections.AccountInsights{}.Name(), projections.PostInsights{}.Name()) == nil
		},
		MaxWorkers:   a.FetchWorkers,
		DrainTimeout: min(a.StopWithin, 20*time.Second),
		Logger:       a.logger, Registerer: a.registry,
	})
}

// work is what a scheduled job does.
func work(ctx context.Context, collect *commands.Collect, job scheduler.Job) error {
	slot := domain.FetchSlot{Kind: string(job.Kind), Platform: job.Platform, Begin: job.Slot}
	if job.Connection != 0 {
		again, err := collect.Retry(ctx, slot, job.Connection)
		if err == nil && len(again) > 0 {
			err = scheduler.RetryAfter(again[0].After, errors.New("the connection cannot be read yet"))
		}
		return err
	}
	again, err := collect.Work(ctx, slot, job.Shard)
	if len(again) == 0 {
		return err
	}
	retries := make([]scheduler.Retry, len(again))
	for i, r := range again {
		retries[i] = scheduler.Retry{Connection: r.SocialAccount, After: r.After}
	}
	return scheduler.RetryConnections(err, retries...)
}
