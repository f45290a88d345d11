package monitor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// StuckAfter is how long tables may make no progress before that is a fault.
const StuckAfter = 5 * time.Second

// faultCodes are the faults that are exported as a metric.
func faultCodes() []operator.HealthCode {
	return []operator.HealthCode{
		operator.HealthDatabase, operator.HealthTablesLost, operator.HealthReadOnly, operator.HealthBrokers,
		operator.HealthTablesGone, operator.HealthBuilding, operator.HealthWaitsBuild, operator.HealthCatchingUp, operator.HealthOtherLog,
		operator.HealthSetBack, operator.HealthUnfolded, operator.HealthStandsStill, operator.HealthLagging, operator.HealthPaused,
		operator.HealthDeadLetters, operator.HealthBuildStuck, operator.HealthProblem,
	}
}

// fault is why a projection, or all of them, are not healthy.
type fault = operator.HealthReason

const retryAfter = 2 // seconds

// unreadable reports whether tables are missing or lack records that were in the log at startup.
func unreadable(f fault) bool {
	switch f.Code {
	case operator.HealthTablesGone, operator.HealthBuilding, operator.HealthWaitsBuild, operator.HealthCatchingUp:
		return true
	case operator.HealthOtherLog:
		return f.Params["unread"] != ""
	default:
		return false
	}
}

// unfit reports whether commands must not use the tables, because the tables may show a wrong or
// outdated state.
func unfit(f fault) bool {
	return unreadable(f) || slices.Contains([]operator.HealthCode{
		operator.HealthOtherLog, operator.HealthSetBack, operator.HealthUnfolded, operator.HealthStandsStill,
	}, f.Code)
}

// outdated reports whether the tables lack records of the log.
func outdated(f fault) bool {
	return unfit(f) || f.Code == operator.HealthLagging || f.Code == operator.HealthPaused || f.Code == operator.HealthDeadLetters
}

func (m *Monitor) awayFor(err error) *fault {
	switch {
	case errors.Is(err, m.config.NoLog):
		return &fault{Code: operator.HealthBrokers}
	case pg.IsMissing(err):
		return &fault{Code: operator.HealthTablesLost}
	default:
		return &fault{Code: operator.HealthDatabase}
	}
}

// faultsOf returns the faults of a projection, the most important one first. The caller must hold
// the lock.
func (m *Monitor) faultsOf(s operator.Projection, folded []string) (faults []fault) {
	add := func(is bool, code operator.HealthCode, params ...string) {
		if is {
			faults = append(faults, operator.NewHealthReason(code, append(params, "projection", s.Projection)...))
		}
	}
	paused := operator.Flag(s.Paused)
	add(len(s.TablesGone) > 0, operator.HealthTablesGone, "tables", strings.Join(s.TablesGone, ", "), "paused", paused)
	partition, stopped := unfollowed(s)
	missing := m.missing(s)
	// Since startup, this process has not seen the tables follow the log: they were built from another
	// log, whose offsets may even be equal, or from records that this log has lost.
	unread := stopped != "" && m.targets[s.Projection] != nil
	switch {
	case !s.Live():
		m.addBuild(s, add)
	case missing > 0 && !unread:
		add(true, operator.HealthCatchingUp, "events", strconv.FormatInt(missing, 10))
	}
	add(stopped != "", operator.HealthOtherLog, "partition", partition, "stopped", stopped,
		"unread", operator.Flag(unread && s.Live()))
	lost := m.wentBack(s)
	add(lost > 0, operator.HealthSetBack, "events", strconv.FormatInt(lost, 10))
	add(s.Paused, operator.HealthPaused)
	add(m.foldedByNobody(s, folded), operator.HealthUnfolded, "generation", s.GenerationName(), "problem", operator.Flag(s.Problem != ""))
	resumed := time.Since(m.paused[s.Projection]) <= StuckAfter // its events have waited, but are not stuck
	lag, late := strconv.FormatInt(s.Lag, 10), s.LagSeconds > StuckAfter.Seconds()
	add(late && s.Lag > maxLag, operator.HealthStandsStill, "events", lag, "resumed", operator.Flag(resumed))
	add(late && s.Lag <= maxLag && !resumed, operator.HealthLagging, "events", lag)
	add(s.DeadLetters > 0, operator.HealthDeadLetters, "events", strconv.FormatInt(s.DeadLetters, 10))
	add(slices.ContainsFunc(s.Building, func(g operator.Generation) bool { return g.Waits == operator.WaitsStuck }), operator.HealthBuildStuck)
	add(s.Problem != "" && !s.Paused, operator.HealthProblem)
	return faults
}

func (m *Monitor) addBuild(s operator.Projection, add func(bool, operator.HealthCode, ...string)) {
	rebuilding := operator.Flag(s.Rebuilding)
	i := slices.IndexFunc(s.Building, func(b operator.Generation) bool { return b.Generation == s.Generation })
	if i < 0 {
		add(true, operator.HealthWaitsBuild, "rebuilding", rebuilding, "paused", operator.Flag(s.Paused))
		return
	}
	left := ""
	if d, known := s.Building[i].Left(); known {
		left = operator.FormatLeft(d)
	}
	add(true, operator.HealthBuilding, "rebuilding", rebuilding, "percent", strconv.Itoa(s.Building[i].Percent()), "left", left)
}

// unfollowed returns a partition that is not followed and why; "" if all are. New records of such a
// partition would never appear, even if the lag is small.
func unfollowed(s operator.Projection) (partition, why string) {
	for _, p := range s.Partitions {
		if p.Stopped != "" {
			return strconv.Itoa(int(p.Partition)), p.Stopped
		}
	}
	return "", ""
}

// wentBack compares checkpoints with their previous maximum, because the database may have been
// restored, or failed over to a replica that lacked the last commits. It ignores records that are
// no longer in the log.
func (m *Monitor) wentBack(s operator.Projection) (events int64) {
	for _, p := range s.Partitions {
		position := place{s.GenerationName(), p.Partition}
		m.highest[position] = max(p.NextOffset, min(m.highest[position], p.EndOffset))
		events += m.highest[position] - p.NextOffset
	}
	return events
}

// foldedByNobody reports a generation only after a few seconds, because a process may be starting
// or taking over.
func (m *Monitor) foldedByNobody(s operator.Projection, folded []string) bool {
	if m.config.Folded == nil || !s.Live() || s.Paused {
		return false
	}
	name := s.GenerationName()
	if slices.Contains(folded, name) {
		delete(m.unfolded, name)
		return false
	}
	since, known := m.unfolded[name]
	if !known {
		m.unfolded[name] = time.Now()
	}
	return known && time.Since(since) >= StuckAfter
}

// logChanges logs the faults when they change. It compares only codes and projections, because
// the numbers in the reasons change all the time. The caller must hold the lock.
func (m *Monitor) logChanges(ctx context.Context, cause error) {
	var keys, reasons []string
	for _, fault := range m.all() {
		keys, reasons = append(keys, string(fault.Code)+" "+fault.Params["projection"]), append(reasons, fault.Text())
	}
	now := strings.Join(keys, ", ")
	if now == m.told {
		return
	}
	m.told = now
	if now == "" {
		m.config.Logger.InfoContext(ctx, "the service is no longer degraded")
		return
	}
	attributes := []any{"reasons", strings.Join(reasons, "; ")}
	if cause != nil {
		attributes = append(attributes, "error", cause)
	}
	if slices.ContainsFunc(m.all(), func(f fault) bool { return f.Code == operator.HealthOtherLog }) {
		attributes = append(attributes, "remedy", "restore the log that the tables were built from; "+
			"or, if this is the right log, stop every process and drop schema lb_engine, "+
			"so that the next start rebuilds the tables from this log")
	}
	level, text := slog.LevelWarn, "the service is degraded"
	if !slices.ContainsFunc(m.all(), func(f fault) bool { return !isBuilding(f) }) {
		level, text = slog.LevelInfo, "building read models" // this is normal after the first start
	}
	m.config.Logger.Log(ctx, level, text, attributes...)
}

func isBuilding(f fault) bool {
	return slices.Contains([]operator.HealthCode{
		operator.HealthBuilding, operator.HealthWaitsBuild, operator.HealthCatchingUp,
	}, f.Code)
}
