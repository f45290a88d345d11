package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const stuckAfter = 5 * time.Second

// class is a kind of fault. It is a label of the metric.
type class string

const (
	classDatabase   class = "database"    // does not answer
	classBrokers    class = "brokers"     // do not answer
	classReadOnly   class = "read_only"   // the database accepts no changes
	classTablesGone class = "tables_gone" // tables were dropped
	classBuilding   class = "building"    // a read model is being built, or is catching up after startup
	classOtherLog   class = "other_log"   // the tables belong to another log
	// The tables were reset to an earlier state and are catching up.
	classSetBack     class = "set_back"
	classUnfolded    class = "unfolded"     // no process folds the generation that readers use
	classStandsStill class = "stands_still" // lag beyond maxLag without progress
	classLagging     class = "lagging"      // smaller lag without progress
	classPaused      class = "paused"       // an operator has paused the projection
	classDeadLetters class = "dead_letters" // events could not be folded
	classBuildStuck  class = "build_stuck"  // a build fails again and again in the same way
	classProblem     class = "problem"      // a session of this process cannot run
)

func classes() []class {
	return []class{
		classDatabase, classReadOnly, classBrokers, classTablesGone, classBuilding, classOtherLog, classSetBack, classUnfolded,
		classStandsStill, classLagging, classPaused, classDeadLetters, classBuildStuck, classProblem,
	}
}

type fault struct {
	Class      class
	Projection string // "" if the fault does not affect a single projection
	Reason     string // a sentence without its period
}

func (f fault) unavailable() error {
	reason := f.Reason
	if f.Class == classPaused {
		reason = "Changes are not accepted now, because an operator has paused them"
	}
	return &domain.Error{Code: domain.CodeUnavailable, RetryAfter: 2, Message: reason + ". Nothing was changed."}
}

// unreadable reports whether tables are missing or lack records that were in the log at startup.
func unreadable(f fault) bool { return f.Class == classBuilding || f.Class == classTablesGone }

// unfit reports whether commands must not use the tables, because the tables may show a wrong or
// outdated state.
func unfit(f fault) bool {
	return slices.Contains([]class{
		classTablesGone, classBuilding, classOtherLog, classSetBack, classUnfolded, classStandsStill,
	}, f.Class)
}

func (m *Monitor) awayFor(err error) *fault {
	switch {
	case errors.Is(err, m.config.NoLog):
		return &fault{Class: classBrokers, Reason: "The brokers do not answer"}
	case pg.IsMissing(err):
		return &fault{Class: classDatabase, Reason: "Tables of this service are missing from the database. " +
			"An operator must restore them or restart every process, which rebuilds missing tables from the log"}
	default:
		return &fault{Class: classDatabase, Reason: "The database does not answer"}
	}
}

// faultsOf returns the faults of a projection, the most important one first. The caller must hold
// the lock.
func (m *Monitor) faultsOf(s operator.Projection, folded []string) (faults []fault) {
	behind := "is " + operator.Events(s.Lag) + " behind and makes no progress"
	resumed := time.Since(m.paused[s.Projection]) <= stuckAfter // its events have waited, but are not stuck
	if resumed {
		behind = "is " + operator.Events(s.Lag) + " behind after a pause"
	}
	for _, candidate := range []struct {
		class  class
		reason string
	}{
		{classTablesGone, droppedTables(s)},
		{classBuilding, m.buildProgress(s)},
		{classOtherLog, unfollowed(s)},
		{classSetBack, m.wentBack(s)},
		{classPaused, textIf(s.Paused, "is paused by an operator and shows no new events until it is resumed")},
		{classUnfolded, m.foldedByNobody(s, folded)},
		{classStandsStill, textIf(s.Lag > maxLag && s.LagSeconds > stuckAfter.Seconds(), behind+". Try again shortly")},
		{classLagging, textIf(s.Lag <= maxLag && s.LagSeconds > stuckAfter.Seconds() && !resumed, behind)},
		{classDeadLetters, textIf(s.DeadLetters > 0,
			"has "+operator.DeadLetters(s.DeadLetters)+" that an operator must review: 'ledgerboard dead-letters' lists them")},
		{classBuildStuck, textIf(slices.ContainsFunc(s.Building, func(g operator.Generation) bool { return g.Waits == operator.WaitsStuck }),
			"cannot be rebuilt: "+operator.WaitsStuck.Text())},
		{classProblem, textIf(s.Problem != "" && !s.Paused,
			"cannot be folded by this process. The log output of the process says why")},
	} {
		if candidate.reason != "" {
			reason := "Read model " + s.Projection + " " + candidate.reason
			faults = append(faults, fault{candidate.class, s.Projection, reason})
		}
	}
	return faults
}

func textIf(so bool, reason string) string {
	if so {
		return reason
	}
	return ""
}

func droppedTables(s operator.Projection) string {
	if len(s.TablesGone) == 0 {
		return ""
	}
	remedy := "They are rebuilt from the log. If that does not begin within seconds, " +
		"start a process with the role projector"
	if s.Paused {
		remedy = "They are rebuilt from the log once an operator resumes the read model, which is paused"
	}
	return "cannot be read: tables are missing from the database (" + strings.Join(s.TablesGone, ", ") + "). " + remedy
}

func (m *Monitor) buildProgress(s operator.Projection) string {
	switch {
	case !s.Live():
		why := ""
		if s.Rebuilding {
			why = "its tables were missing or too old to use, so they are being rebuilt from the log: "
		}
		for _, b := range s.Building {
			if b.Generation == s.Generation {
				progress := fmt.Sprintf("building %s, %d%%", s.Projection, b.Percent())
				if left, known := b.Left(); known {
					progress += ", " + formatDuration(left) + " left"
				}
				return "cannot be read yet: " + why + progress + ". Try again shortly"
			}
		}
		if s.Paused {
			return "cannot be read yet: " + why + "the build waits until an operator resumes the read model"
		}
		return "cannot be read yet: no process builds it for this version of the program. " +
			"Start a process with the role projector"
	// Since startup, this process has not seen the tables follow the log: they were built from another
	// log, whose offsets may even be equal, or from records that this log has lost.
	case m.targets[s.Projection] != nil && unfollowed(s) != "":
		return "cannot be read: it " + unfollowed(s)
	case m.missing(s) > 0:
		return "is catching up with the log (" + operator.Events(m.missing(s)) + " to go). Try again shortly"
	default:
		return ""
	}
}

func formatDuration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	}
}

// unfollowed returns which partition is not followed and why; "" if all are. New records of such a
// partition would never appear, even if the lag is small.
func unfollowed(s operator.Projection) string {
	for _, p := range s.Partitions {
		if p.Stopped != "" {
			return fmt.Sprintf("does not follow the log (partition %d: %s). An operator must fix that",
				p.Partition, p.Stopped)
		}
	}
	return ""
}

// wentBack compares checkpoints with their previous maximum, because the database may have been
// restored, or failed over to a replica that lacked the last commits. It ignores records that are
// no longer in the log.
func (m *Monitor) wentBack(s operator.Projection) string {
	var n int64
	for _, p := range s.Partitions {
		position := place{s.GenerationName(), p.Partition}
		m.highest[position] = max(p.NextOffset, min(m.highest[position], p.EndOffset))
		n += m.highest[position] - p.NextOffset
	}
	return textIf(n > 0, "was reset to an earlier state together with its database and is catching up ("+
		operator.Events(n)+" to go). Try again shortly")
}

// foldedByNobody reports a generation only after a few seconds, because a process may be starting
// or taking over.
func (m *Monitor) foldedByNobody(s operator.Projection, folded []string) string {
	if m.config.Folded == nil || !s.Live() || s.Paused {
		return ""
	}
	name := s.GenerationName()
	if slices.Contains(folded, name) {
		delete(m.unfolded, name)
		return ""
	}
	since, known := m.unfolded[name]
	if !known {
		m.unfolded[name] = time.Now()
	}
	remedy := "Start a process with the role projector; if one runs, its log says why it cannot"
	if s.Problem != "" {
		remedy = "This process cannot, and its log says why"
	}
	return textIf(known && time.Since(since) >= stuckAfter, "is not folded by any process (generation "+name+"). "+remedy)
}

// logChanges logs the faults when they change. It compares only classes and projections, because
// the numbers in the reasons change all the time. The caller must hold the lock.
func (m *Monitor) logChanges(ctx context.Context, cause error) {
	var keys, reasons []string
	for _, fault := range m.all() {
		keys, reasons = append(keys, string(fault.Class)+" "+fault.Projection), append(reasons, fault.Reason)
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
	if slices.ContainsFunc(m.all(), func(f fault) bool { return f.Class == classOtherLog }) {
		attributes = append(attributes, "remedy", "restore the log that the tables were built from; "+
			"or, if this is the right log, stop every process and drop schema lb_engine, "+
			"so that the next start rebuilds the tables from this log")
	}
	level, text := slog.LevelWarn, "the service is degraded"
	if !slices.ContainsFunc(m.all(), func(f fault) bool { return f.Class != classBuilding }) {
		level, text = slog.LevelInfo, "building read models" // this is normal after the first start
	}
	m.config.Logger.Log(ctx, level, text, attributes...)
}
