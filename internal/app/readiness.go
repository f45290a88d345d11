package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// Health returns the health checks that every process serves.
func (s *Service) Health() api.Health {
	checks := []api.Check{
		{Name: "process", Probe: func(context.Context) []operator.HealthReason {
			return reasonIf(s.stopping.Load(), operator.HealthStopping)
		}},
		{Name: "log", Probe: s.checkLog(cachedProbe(func(ctx context.Context) error {
			return s.Log.TakesRecords(ctx, domain.TopicDashboards)
		}))},
		{Name: "database", Probe: func(ctx context.Context) []operator.HealthReason {
			err := s.ReadPool.Ping(ctx)
			return s.failed(ctx, "the database", err, operator.HealthDatabase, "advice", pg.Advice(err))
		}},
		{Name: "directory of people", Probe: func(context.Context) []operator.HealthReason {
			if reason := s.Monitor.PeopleUnknown(); reason != nil {
				return []operator.HealthReason{*reason}
			}
			return nil
		}},
		{Name: "platform apps", Probe: cachedProbe(s.appsWork)},
	}
	if s.versions != nil {
		checks = append(checks, api.Check{Name: "platform versions", Probe: cachedProbe(s.versionsLast)})
	}
	return api.Health{
		Checks: checks, Details: s.addDetails,
		Reads: s.config.Has(RoleAPI) || s.config.Has(RoleFetcher) || s.config.Has(RoleProjector),
		Projections: func() ([]operator.ProjectionHealth, error) {
			return s.Monitor.Health(), cmp.Or(s.Monitor.MayRead(), s.Monitor.MayWrite(projectors.Dashboards.Name))
		},
	}
}

func reasonIf(is bool, code operator.HealthCode, params ...string) (reasons []operator.HealthReason) {
	if !is {
		return nil
	}
	return []operator.HealthReason{operator.NewHealthReason(code, params...)}
}

// failed logs an error, which may contain addresses.
func (s *Service) failed(
	ctx context.Context, part string, err error, code operator.HealthCode, params ...string,
) []operator.HealthReason {
	if err != nil {
		s.config.Logger.DebugContext(ctx, "cannot read "+part, "error", err)
	}
	return reasonIf(err != nil, code, params...)
}

func (s *Service) checkLog(takesRecords func(context.Context) error) func(context.Context) []operator.HealthReason {
	return func(ctx context.Context) []operator.HealthReason {
		if err := takesRecords(ctx); err != nil {
			return s.failed(ctx, "the log", err, operator.HealthBrokers)
		}
		var reasons []operator.HealthReason
		for _, topic := range []string{domain.TopicDashboards, domain.TopicDirectory, domain.TopicOperations} {
			code := s.Log.Refuses(topic)
			reasons = append(reasons, reasonIf(code != "", operator.HealthAppendRefused, "topic", topic, "error", code)...)
		}
		return append(reasons, reasonIf(s.topicsHealth.Unsafe(), operator.HealthTopicsUnsafe)...)
	}
}

// appsWork returns the platforms that have switched off our app, or refuse the version with which
// they are read. The accounts of such an app fail at least every hour.
func (s *Service) appsWork(ctx context.Context) (reasons []operator.HealthReason) {
	for _, code := range []domain.StatusCode{domain.StatusAppBlocked, domain.StatusVersion} {
		off, err := vault.PlatformsWith(ctx, s.KeptPool, code, time.Now().Add(-2*time.Hour))
		if err != nil {
			return s.failed(ctx, "the state of the platforms' apps", err, operator.HealthPlatformsUnknown, "advice", pg.Advice(err))
		}
		names := make([]string, len(off))
		for i, platform := range off {
			names[i] = platform.Title()
		}
		reasons = append(reasons, reasonIf(len(off) > 0, operator.HealthCode(code), "platforms", strings.Join(names, ", "))...)
	}
	return reasons
}

// versionEndsSoon is how many days before its end a version is reported: time to test the next one.
const versionEndsSoon = 60

// versionsLast returns the versions of platforms' APIs in use that end soon, or that the platform has
// replaced.
func (s *Service) versionsLast(ctx context.Context) (reasons []operator.HealthReason) {
	used, err := s.usedVersions(ctx)
	if err != nil {
		return s.failed(ctx, "which platforms are read", err, operator.HealthPlatformsUnknown, "advice", pg.Advice(err))
	}
	for _, v := range used {
		days, known := v.DaysLeft(time.Now())
		reasons = append(reasons, reasonIf(known && days < versionEndsSoon, operator.HealthVersionEnds, "api", v.API, "version", v.Version,
			"ends", v.Ends.Format(time.DateOnly), "days", strconv.Itoa(days), "setting", v.Setting)...)
		reasons = append(reasons, reasonIf(v.Served != "", operator.HealthVersionReplaced, "api", v.API, "version", v.Version,
			"served", v.Served, "setting", v.Setting)...)
	}
	return reasons
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

// cachedProbe returns a probe that runs once for all concurrent callers, who get its result.
func cachedProbe[T any](probe func(context.Context) T) func(context.Context) T {
	turn := make(chan struct{}, 1)
	var found T
	var at time.Time
	return func(ctx context.Context) T {
		turn <- struct{}{} // api.Health limits how long a request waits
		defer func() { <-turn }()
		if at.IsZero() || time.Since(at) >= probeReuse {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTime)
			defer cancel()
			found = probe(bounded)
			at = time.Now()
		}
		return found
	}
}

// addDetails adds what only operators see: the pauses, and how this process reads platforms.
func (s *Service) addDetails(ctx context.Context, h *operator.Health) {
	h.Readings = s.readings()
	h.Pauses, _ = s.operators.Pauses(ctx) // a check reports an unreachable database
}

// readings returns the paces that the fetcher of this process measured, so that it sends no requests.
func (s *Service) readings() (readings []operator.ReadingPace) {
	if s.Fetcher == nil {
		return nil
	}
	for queue, pace := range s.Fetcher.Slowest() {
		readings = append(readings, operator.ReadingPace{
			Platform: queue.Platform.String(), Kind: queue.Kind, Slowed: pace.Limited(), Pace: pace.String(),
		})
	}
	slices.SortFunc(readings, func(a, b operator.ReadingPace) int {
		return cmp.Or(strings.Compare(a.Platform, b.Platform), strings.Compare(a.Kind, b.Kind))
	})
	return readings
}

// Stop makes the process report that it is not ready, so that load balancers stop sending requests.
func (s *Service) Stop() { s.stopping.Store(true) }

// Health reads the health of an installation without asking a process. It takes some seconds to see
// whether the tables advance. The error says why a part could not be opened.
func Health(ctx context.Context, p *Parts) (operator.Health, error) {
	check := func(name string, code operator.HealthCode, err error) operator.HealthCheck {
		reasons := reasonIf(err != nil, code, "advice", pg.Advice(err))
		return operator.HealthCheck{Name: name, OK: err == nil, Reasons: reasons}
	}
	logErr, databaseErr := p.openLog(ctx), p.OpenDatabase(ctx)
	checks := []operator.HealthCheck{
		check("log", operator.HealthBrokers, logErr), check("database", operator.HealthDatabase, databaseErr),
	}
	if p.unsafe != nil {
		checks[0] = check("log", operator.HealthTopicsUnsafe, p.unsafe)
	}
	if err := errors.Join(logErr, databaseErr); err != nil {
		return operator.NewHealth(checks, []operator.ProjectionHealth{}, true), err
	}
	if err := p.openEngines(ctx); err != nil {
		return operator.Health{}, err
	}
	m := p.newMonitor()
	m.Check(ctx)
	select {
	case <-ctx.Done():
	case <-time.After(monitor.StuckAfter):
	}
	m.Check(ctx)
	health := operator.NewHealth(checks, m.Health(), true)
	health.MayWrite = health.MayWrite && m.MayWrite(projectors.Dashboards.Name) == nil
	health.Pauses, _ = vault.Pauses{Pool: p.KeptPool}.List(ctx) // the database has just answered
	return health, nil
}
