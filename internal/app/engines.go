package app

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Engines returns the engines of the named projections, or of all projections without names.
// Processes without the role projector use engines too: Status reads the tables, no matter which
// process fills them.
func (p *Parts) Engines(ctx context.Context, only ...string) ([]*projections.Engine, error) {
	if _, err := p.Log(ctx); err != nil {
		return nil, err
	}
	all, err := p.anyEngines(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(e *projections.Engine) bool {
		return len(only) > 0 && !slices.Contains(only, e.Name())
	}), err
}

// anyEngines returns all engines, even if topics have unsafe settings, for inspection and for
// actions on single events.
func (p *Parts) anyEngines(ctx context.Context) ([]*projections.Engine, error) {
	return p.engines.get(func() (engines []*projections.Engine, err error) {
		log, err := p.ownLog(ctx)
		if err != nil {
			return nil, err
		}
		pool, err := p.enginePool(ctx)
		if err != nil {
			return nil, err
		}
		kept, err := p.Vault(ctx)
		if err != nil {
			return nil, err
		}
		pauses, topics := vault.Pauses{Pool: kept}, p.brokers.value.topics
		for _, projector := range projectors.All() {
			engine, err := projections.New(projections.Config{
				Projector: projector, Log: log, DatabaseURL: p.database.value, Pool: pool,
				Topics: topics, Registry: p.events, Logger: p.config.Logger, Progress: p.progress, SortDir: p.config.DataDir,
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
	})
}

// Listen receives notifications of progress from the database of the engines until ctx is done.
func (p *Parts) Listen(ctx context.Context) {
	p.progress.Listen(ctx, p.database.value, p.config.Logger)
}

// PartitionsOf returns the number of partitions of the named topic, or 0 if the topic is not in
// topics.
func PartitionsOf(topics []eventlog.TopicSpec, name string) int32 {
	for _, t := range topics {
		if t.Name == name {
			return t.Partitions
		}
	}
	return 0
}

// Operators opens what operators need, even if topics of the log have unsafe settings.
func (p *Parts) Operators(ctx context.Context) (*Operators, error) {
	engines, err := p.anyEngines(ctx)
	if err != nil {
		return nil, err
	}
	pool, err := p.enginePool(ctx)
	if err != nil {
		return nil, err
	}
	kept, err := p.Vault(ctx)
	if err != nil {
		return nil, err
	}
	o := newOperators(pool, kept, p.Tables)
	o.log, o.engines, o.records = p.log.value, engines, p.audit(p.log.value) // opened by the engines
	o.registry = p.events
	o.changes = dashboardCommands(o.log, p.brokers.value.topics)
	o.changes.Logger = p.config.Logger
	return o, nil
}

func (p *Parts) audit(log *eventlog.Log) *commands.Audit {
	return &commands.Audit{Log: log, Now: time.Now, Logger: p.config.Logger}
}
