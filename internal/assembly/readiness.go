package assembly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Health returns the health checks that every process serves.
func (s *Service) Health() api.Health {
	takesRecords := cachedProbe(func(ctx context.Context) error {
		return s.Log.TakesRecords(ctx, domain.TopicDashboards)
	})
	checks := []api.Check{
		{Name: "process", Probe: func(context.Context) error {
			if s.stopping.Load() {
				return errors.New("the process is stopping")
			}
			return nil
		}},
		{Name: "log", Probe: func(ctx context.Context) error {
			if err := takesRecords(ctx); err != nil {
				if known, ok := errors.AsType[*domain.Error](err); ok {
					return &api.DegradedError{Reason: known.Message}
				}
				return &api.DegradedError{Reason: s.checkPart(ctx, "log", "the brokers do not answer", err).Error()}
			}
			for _, topic := range []string{domain.TopicDashboards, domain.TopicDirectory, domain.TopicOperations} {
				if code := s.Log.Refuses(topic); code != "" {
					return &api.DegradedError{Reason: "the brokers refuse records of topic " + topic + ": " + code}
				}
			}
			if s.topics.Unsafe() {
				return &api.DegradedError{
					Reason: "a topic has unsafe settings: 'ledgerboard log' shows what is wrong and how to fix it",
					Writes: true,
				}
			}
			return nil
		}},
		{Name: "database", Probe: func(ctx context.Context) error {
			err := s.ReadPool.Ping(ctx)
			reason := "the database does not answer"
			if what := pg.Advice(err); what != "" {
				reason = "no connection to the database: " + what
			}
			return s.checkPart(ctx, "database", reason, err)
		}},
	}
	for _, engine := range s.engines {
		checks = append(checks, api.Check{
			Name:  "read model " + engine.Name(),
			Probe: func(context.Context) error { return s.readModel(engine.Name()) },
		})
	}
	checks = append(checks, api.Check{Name: "directory of people", Probe: func(context.Context) error {
		if why, unknown := errors.AsType[*domain.Error](s.Monitor.PeopleKnown()); unknown {
			return &api.DegradedError{Reason: why.Message}
		}
		return nil
	}})
	checks = append(checks, api.Check{Name: "platform apps", Probe: cachedProbe(s.appsWork)})
	if s.versions != nil {
		checks = append(checks, api.Check{Name: "platform versions", Probe: cachedProbe(s.versionsLast)})
	}
	return api.Health{Checks: checks, Seen: s.addState}
}

// appsWork returns an error while a platform has switched off our app, or refuses the version with
// which it is read. The accounts of such an app fail at least every hour.
func (s *Service) appsWork(ctx context.Context) error {
	var reasons []string
	for _, code := range []domain.StatusCode{domain.StatusAppBlocked, domain.StatusVersion} {
		off, err := vault.PlatformsWith(ctx, s.KeptPool, code, time.Now().Add(-2*time.Hour))
		if err != nil {
			return s.unknownApps(ctx, "whether a platform has switched off an app", err)
		}
		names := make([]string, len(off))
		for i, platform := range off {
			names[i] = platform.Title()
		}
		if len(off) > 0 {
			reasons = append(reasons, strings.Join(names, ", ")+": "+domain.OperatorText(code))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return &api.DegradedError{Writes: true, Reason: strings.Join(reasons, " ")}
}

// unknownApps is the answer of a check that could not read the state of the platforms' apps.
func (s *Service) unknownApps(ctx context.Context, what string, err error) error {
	s.settings.Logger.DebugContext(ctx, "cannot read the state of the platforms' apps", "error", err)
	return &api.DegradedError{Writes: true, Reason: "it is not known " + what + ": " +
		cmp.Or(pg.Advice(err), "schema kept cannot be read")}
}

// versionEndsSoon is how many days before its end a version is reported: time to test the next one.
const versionEndsSoon = 60

// versionsLast returns an error if a version of a platform's API that is in use ends soon, or has
// been replaced by the platform.
func (s *Service) versionsLast(ctx context.Context) error {
	used, err := s.usedVersions(ctx)
	if err != nil {
		return s.unknownApps(ctx, "which platforms are read, and with which versions of their APIs", err)
	}
	var reasons []string
	for _, v := range used {
		remedy := ". Upgrade ledgerboard, or set " + v.Setting + " to a newer version"
		if days, known := v.DaysLeft(time.Now()); known && days < versionEndsSoon {
			reasons = append(reasons, fmt.Sprintf("version %s of the %s API ends about %s (days left: %d)%s",
				v.Version, v.API, v.Ends.Format(time.DateOnly), days, remedy))
		}
		if v.Served != "" {
			reasons = append(reasons, fmt.Sprintf("the %s API answers with version %s instead of %s, which has probably ended%s",
				v.API, v.Served, v.Version, remedy))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return &api.DegradedError{Writes: true, Reason: strings.Join(reasons, "; ")}
}

// usedVersions returns the versions of the platforms that were read within two days.
func (s *Service) usedVersions(ctx context.Context) ([]platforms.Version, error) {
	read, err := vault.PlatformsRead(ctx, s.KeptPool, time.Now().Add(-48*time.Hour))
	return slices.DeleteFunc(s.versions(), func(v platforms.Version) bool {
		return !slices.ContainsFunc(v.Platforms, func(p domain.Platform) bool { return slices.Contains(read, p) })
	}), err
}

const (
	// probeReuse is how long the result of a probe is reused, because /readyz needs no token and
	// each probe sends a request to every broker.
	probeReuse = time.Second
	// probeTime limits a probe. A probe is not canceled with the request that started it, because
	// other requests may wait for its result.
	probeTime = 2 * time.Second
)

func cachedProbe(probe func(context.Context) error) func(context.Context) error {
	turn := make(chan struct{}, 1)
	var found error
	var at time.Time
	return func(ctx context.Context) error {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
		if at.IsZero() || time.Since(at) >= probeReuse {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
			defer cancel()
			found = probe(bounded)
			at = time.Now()
		}
		return found
	}
}

// addState adds the state of the read models, the readings and the pauses to a response. Like the
// checks, it takes the state of the read models from the monitor. The response is public, so it
// does not say who paused what, and why.
func (s *Service) addState(ctx context.Context, body *api.HealthBody) {
	body.Projections, body.Readings = projectionsHealth(s.Monitor.Projections()), s.readings()
	pauses, err := s.operators.Pauses(ctx)
	if err != nil {
		return // a check reports an unreachable database
	}
	for _, p := range pauses {
		switch p.Kind {
		case domain.PausePlatform:
			body.Platforms = append(body.Platforms, api.PlatformPause{Name: p.Name, Since: p.Since})
		case domain.PauseConnection:
			body.Connections++
		case domain.PauseProjection:
		}
	}
}

// readings returns the paces that the fetcher of this process measured, so that it sends no requests.
func (s *Service) readings() (readings []api.PlatformReading) {
	if s.Fetcher == nil {
		return nil
	}
	for queue, pace := range s.Fetcher.Slowest() {
		readings = append(readings, api.PlatformReading{
			Name: queue.Platform.String(), Kind: queue.Kind, Slowed: pace.Limited(), Pace: pace.String(),
		})
	}
	slices.SortFunc(readings, func(a, b api.PlatformReading) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind))
	})
	return readings
}

// Stop makes the process report that it is not ready, so that load balancers stop sending requests.
func (s *Service) Stop() { s.stopping.Store(true) }

// readModel returns the faults of a read model. Until the read model can be read, processes that
// read or fold it are not ready, so that an upgrade waits for them.
func (s *Service) readModel(name string) error {
	reads := s.config.Streams || s.config.Fetches || slices.Contains(s.config.Roles, "projector")
	if err := s.Monitor.MayRead(name); err != nil && reads {
		return err
	}
	reason := s.Monitor.Reason(name)
	if reason == "" {
		return nil
	}
	writes := name != projectors.Dashboards.Name || s.Monitor.MayWrite(name) == nil
	return &api.DegradedError{Reason: reason, Writes: writes}
}

// checkPart logs err and returns an error that contains no addresses.
func (s *Service) checkPart(ctx context.Context, part, reason string, err error) error {
	if err == nil {
		return nil
	}
	s.settings.Logger.DebugContext(ctx, part+" does not answer", "error", err)
	return errors.New(reason)
}

func projectionsHealth(statuses []operator.Projection) []api.ProjectionHealth {
	all := make([]api.ProjectionHealth, len(statuses))
	for i, s := range statuses {
		all[i] = api.ProjectionHealth{
			Name: s.Projection, Generation: s.Generation, State: string(s.State), Paused: s.Paused, DeadLetters: s.DeadLetters,
			LagEvents: s.Lag, LagSeconds: s.LagSeconds,
			Partitions: make([]api.PartitionHealth, len(s.Partitions)),
			Building:   make([]api.BuildHealth, len(s.Building)),
		}
		for j, p := range s.Partitions {
			all[i].Partitions[j] = api.PartitionHealth{
				Partition: p.Partition, NextOffset: p.NextOffset, EndOffset: p.EndOffset,
				LagEvents: max(0, p.EndOffset-p.NextOffset), LagSeconds: p.LagSeconds, Stopped: p.Stopped,
			}
		}
		for j, b := range s.Building {
			all[i].Building[j] = api.BuildHealth{
				Generation: b.Generation, Version: b.Version, Percent: b.Percent(), Waits: b.Waits.Text(), // the error may contain addresses
			}
			if left, known := b.Left(); known {
				seconds := int64(left / time.Second)
				all[i].Building[j].SecondsLeft = &seconds
			}
		}
	}
	return all
}
