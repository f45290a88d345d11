package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Looks opens the engine's tables, the vault and the jobs, for operators who look at the database alone.
func (p *Parts) Looks(ctx context.Context) (*desk.Looks, error) {
	return p.looks.get(func() (*desk.Looks, error) {
		pool, err := p.Engine(ctx)
		if err != nil {
			return nil, err
		}
		kept, err := p.Vault(ctx)
		if err != nil {
			return nil, err
		}
		jobs, err := p.openJobs(ctx)
		if err != nil {
			return nil, err
		}
		return desk.NewLooks(desk.LooksConfig{Engine: pool, Vault: kept, Jobs: jobs, Tables: p.Tables}), nil
	})
}

// openJobs are the jobs of the fetchers, for whoever looks at them or asks for some.
func (p *Parts) openJobs(ctx context.Context) (*scheduler.Jobs, error) {
	return p.jobs.get(func() (*scheduler.Jobs, error) {
		url, err := p.DatabaseURL(ctx)
		if err != nil {
			return nil, err
		}
		jobs, err := scheduler.OpenJobs(ctx, url, vault.MakeDue)
		if err == nil {
			p.Add(func() error { jobs.Close(); return nil })
		}
		return jobs, err
	})
}

// Desk opens what operators need: what [Parts.Looks] opens, and the log, whatever is wrong with its topics.
func (p *Parts) Desk(ctx context.Context) (*desk.Desk, error) {
	return p.desk.get(func() (*desk.Desk, error) {
		log, err := p.logAsIs(ctx)
		if err != nil {
			return nil, err
		}
		engines, err := p.deskEngines(ctx)
		if err != nil {
			return nil, err
		}
		looks, err := p.Looks(ctx)
		if err != nil {
			return nil, err
		}
		changes := dashboardCommands(log, p.brokers.value.topics)
		changes.Logger = p.settings.Logger
		return desk.New(desk.Config{Looks: looks, Log: log, Engines: engines, Changes: changes, Logger: p.settings.Logger}), nil
	})
}

// deskEngines are the engines of all projections that operators and the service share.
func (p *Parts) deskEngines(ctx context.Context) ([]*projections.Engine, error) {
	return p.engines.get(func() ([]*projections.Engine, error) { return p.enginesAsIs(ctx) })
}
