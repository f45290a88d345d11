package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Looks opens the engine's tables and the vault, for operators who look at the database alone.
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
		return desk.NewLooks(desk.LooksConfig{Engine: pool, Vault: kept, Tables: p.Tables}), nil
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
