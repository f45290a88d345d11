package assembly

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Engines are those of the named projections, or of all. Processes without the role projector make them too:
// the engines' Status reads the tables, whoever fills them.
func (p *Parts) Engines(ctx context.Context, only ...string) ([]*projections.Engine, error) {
	if _, err := p.Log(ctx); err != nil {
		return nil, err
	}
	all, err := p.enginesAsIs(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(e *projections.Engine) bool {
		return len(only) > 0 && !slices.Contains(only, e.Name())
	}), err
}

// enginesAsIs are those of all projections over whatever log there is: to look with, and for what operators do to single events.
func (p *Parts) enginesAsIs(ctx context.Context) ([]*projections.Engine, error) {
	return p.engines.get(func() ([]*projections.Engine, error) { return p.newEngines(ctx) })
}

func (p *Parts) newEngines(ctx context.Context) ([]*projections.Engine, error) {
	log, err := p.logAsIs(ctx)
	if err != nil {
		return nil, err
	}
	pool, err := p.Engine(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := p.Vault(ctx)
	if err != nil {
		return nil, err
	}
	pauses, topics := vault.Pauses{Pool: kept}, p.brokers.value.topics
	var engines []*projections.Engine
	for _, projector := range projectors.All(PartitionsOf(topics, domain.TopicDashboards)) {
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: log, DatabaseURL: p.database.value, Pool: pool,
			Topics: topics, Registry: p.events, Logger: p.settings.Logger, Progress: p.progress,
			Paused: func(ctx context.Context) (bool, error) {
				return pauses.Paused(ctx, domain.PauseProjection, projector.Name)
			},
		})
		if err != nil {
			return nil, err
		}
		engines = append(engines, engine)
	}
	return engines, nil
}

// PartitionsOf is the number of partitions of the topic of that name, 0 when there is none.
func PartitionsOf(topics []eventlog.TopicSpec, name string) int32 {
	for _, t := range topics {
		if t.Name == name {
			return t.Partitions
		}
	}
	return 0
}

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
	return desk.NewLooks(pool, kept, p.Tables), nil
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
	records := &commands.Audit{Log: log, Now: time.Now, Logger: logger}
	return &desk.Desk{Looks: looks, Log: log, Engines: engines, Changes: changes, Records: records}, nil
}
