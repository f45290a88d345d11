package assembly

import (
	"context"

	"github.com/ledgerboard/ledgerboard/internal/desk"
)

// Looks opens the engine's tables and the vault, for operators who look at the database alone.
func (p *Parts) Looks(ctx context.Context) (*desk.Looks, error) {
	pool, err := p.Engine(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := p.Vault(ctx)
	if err != nil {
		return nil, err
	}
	return desk.NewLooks(desk.LooksConfig{Engine: pool, Vault: kept, Tables: p.Tables}), nil
}

// Desk opens what operators need: what [Parts.Looks] opens, and the log, whatever is wrong with its topics.
func (p *Parts) Desk(ctx context.Context) (*desk.Desk, error) {
	engines, err := p.enginesAsIs(ctx)
	if err != nil {
		return nil, err
	}
	looks, err := p.Looks(ctx)
	if err != nil {
		return nil, err
	}
	log, logger := p.log.value, p.settings.Logger // the engines have opened it
	changes := dashboardCommands(log, p.brokers.value.topics)
	changes.Logger = logger
	return desk.New(desk.Config{Looks: looks, Log: log, Engines: engines, Changes: changes, Logger: logger}), nil
}
