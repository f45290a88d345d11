package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Engines returns the engines of the named projections, or of all projections without names.
// Processes without the role projector use engines too: Status reads the tables, no matter which
// process fills them.
func (p *Parts) Engines(ctx context.Context, only ...string) ([]*projections.Engine, error) {
	if err := p.OpenLog(ctx); err != nil {
		return nil, err
	}
	err := p.openEngines(ctx)
	return slices.DeleteFunc(slices.Clone(p.engines), func(e *projections.Engine) bool {
		return len(only) > 0 && !slices.Contains(only, e.Name())
	}), err
}

// openEngines opens all engines, even if topics have unsafe settings, for inspection and for
// actions on single events.
func (p *Parts) openEngines(ctx context.Context) error {
	if p.engines != nil {
		return nil
	}
	if err := p.openOwnLog(ctx); err != nil {
		return err
	}
	if err := p.OpenDatabase(ctx); err != nil {
		return err
	}
	pauses := vault.Pauses{Pool: p.KeptPool}
	var engines []*projections.Engine
	for _, projector := range projectors.All() {
		engine, err := projections.New(projections.Config{
			Projector: projector, Log: p.Log, DatabaseURL: p.databaseURL, Pool: p.engine,
			Topics: p.topics, Registry: p.events, Logger: p.config.Logger, Progress: p.progress, SortDir: p.config.DataDir,
			Paused: func(ctx context.Context) (bool, error) {
				return pauses.Paused(ctx, domain.PauseProjection, projector.Name)
			},
		})
		if err != nil {
			return err
		}
		engines = append(engines, engine)
	}
	p.engines = engines
	return nil
}

// Listen receives notifications of progress from the database of the engines until ctx is done.
func (p *Parts) Listen(ctx context.Context) {
	p.progress.Listen(ctx, p.databaseURL, p.config.Logger)
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
	err := p.openEngines(ctx)
	return newOperators(p), err
}

func (p *Parts) audit() *commands.Audit {
	return &commands.Audit{Log: p.Log, Now: time.Now, Logger: p.config.Logger}
}

func (p *Parts) newMonitor() *monitor.Monitor {
	return monitor.New(p.engines, monitor.Config{
		People: projectors.Directory.Name, NoLog: projections.ErrNoLog, Logger: p.config.Logger,
		Folded:   func(ctx context.Context) ([]string, error) { return projections.Folded(ctx, p.engine) },
		Writable: func(ctx context.Context) (bool, error) { return pg.Writable(ctx, p.engine) },
	})
}

// dashboardCommands returns how dashboards are changed, without the store.
func (p *Parts) dashboardCommands() commands.DashboardsConfig {
	log, partitions := p.Log, PartitionsOf(p.topics, domain.TopicDashboards)
	return commands.DashboardsConfig{
		Log: log, Fits: log.Fits, Logger: p.config.Logger,
		PartitionOf: func(parent string) int32 { return eventlog.PartitionOf([]byte(parent), partitions) },
		EndOf: func(ctx context.Context, partition int32) (int64, error) {
			ranges, _, err := log.Ranges(ctx, domain.TopicDashboards)
			for _, r := range ranges {
				if r.Partition == partition {
					return r.End, nil
				}
			}
			return 0, fmt.Errorf("read end of partition %d of topic %s: %w",
				partition, domain.TopicDashboards, cmp.Or(err, eventlog.ErrNoTopic))
		},
		TooLarge: func(err error) bool { return errors.Is(err, eventlog.ErrRecordTooLarge) },
		Now:      time.Now,
	}
}
