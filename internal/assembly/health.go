package assembly

import (
	"context"
	"errors"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Health is what every process tells of itself, whatever its roles.
func (s *Service) Health() api.Health {
	checks := []api.Check{
		{Name: "process", Probe: func(context.Context) error {
			if s.stopping.Load() {
				return errors.New("the process is stopping")
			}
			return nil
		}},
		{Name: "log", Probe: func(ctx context.Context) error {
			_, _, err := s.Log.Ranges(ctx, domain.TopicDashboards)
			if err = s.answers(ctx, "log", "the brokers do not answer", err); err != nil {
				return &api.DegradedError{Reason: err.Error()}
			}
			return nil
		}},
		{Name: "database", Probe: func(ctx context.Context) error {
			return s.answers(ctx, "database", "the database does not answer", s.ReadPool.Ping(ctx))
		}},
	}
	for _, engine := range s.engines {
		checks = append(checks, api.Check{Name: "read model " + engine.Name(), Probe: func(context.Context) error { return s.readModel(engine.Name()) }})
	}
	return api.Health{Checks: checks, Projections: func() []api.ProjectionHealth { return projectionsHealth(s.Monitor.snapshot()) }}
}

// Stop makes the process not ready: nobody is to send it requests any more.
func (s *Service) Stop() { s.stopping.Store(true) }

// readModel says what is wrong with a read model. That it cannot be read matters to processes that read: one that only
// folds is there to mend it.
func (s *Service) readModel(name string) error {
	if err := s.Monitor.MayRead(name); err != nil && s.reads() {
		return err
	}
	reason := s.Monitor.Reason(name)
	if reason == "" {
		return nil
	}
	return &api.DegradedError{Reason: reason, Writes: name != (projections.Dashboards{}).Name() || s.Monitor.MayWrite() == nil}
}

// reads tells whether this process reads tables for others or for itself.
func (s *Service) reads() bool { return s.config.Streams || s.config.Fetch != nil }

// answers logs what is wrong with a part, and keeps its addresses from whoever asks.
func (s *Service) answers(ctx context.Context, part, reason string, err error) error {
	if err == nil {
		return nil
	}
	s.settings.Logger.DebugContext(ctx, part+" does not answer", "error", err)
	return errors.New(reason)
}

func projectionsHealth(statuses []projections.Status) []api.ProjectionHealth {
	all := make([]api.ProjectionHealth, len(statuses))
	for i, s := range statuses {
		all[i] = api.ProjectionHealth{
			Name: s.Projection, Generation: s.Generation, State: string(s.State), Paused: s.Paused, Parked: s.Parked,
			LagEvents: s.Lag, LagSeconds: s.LagSeconds, Partitions: make([]api.PartitionHealth, len(s.Partitions)), Building: make([]api.BuildHealth, len(s.Building)),
		}
		for j, p := range s.Partitions {
			all[i].Partitions[j] = api.PartitionHealth{
				Partition: p.Partition, NextOffset: p.NextOffset, EndOffset: p.EndOffset, LagEvents: max(0, p.EndOffset-p.NextOffset),
				LagSeconds: p.LagSeconds, Stopped: p.Stopped,
			}
		}
		for j, b := range s.Building {
			all[i].Building[j] = api.BuildHealth{Generation: b.Generation, Version: b.Version, Percent: b.Percent()}
			if left, known := b.Left(); known {
				seconds := int64(left / time.Second)
				all[i].Building[j].SecondsLeft = &seconds
			}
		}
	}
	return all
}
