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

// stuckAfter is how long a projection may make no progress while it lags before it is unhealthy.
const stuckAfter = 5 * time.Second

// class is a kind of what can be wrong; metrics count by it.
type class string

// The classes.
const (
	classDatabase    class = "database"     // does not answer
	classBrokers     class = "brokers"      // do not answer
	classTablesGone  class = "tables_gone"  // somebody dropped them
	classBuilding    class = "building"     // a read model is being made, or catches up after a start
	classOtherLog    class = "other_log"    // the tables are not of this log
	classSetBack     class = "set_back"     // the tables are older than they were, and are folded again
	classUnfolded    class = "unfolded"     // no process follows what is read
	classStandsStill class = "stands_still" // behind, without progress
	classLagging     class = "lagging"      // the same, by few events
	classPaused      class = "paused"       // by an operator
	classParked      class = "parked"       // events wait for an operator
	classProblem     class = "problem"      // a session of this process cannot run
)

func classes() []class {
	return []class{
		classDatabase, classBrokers, classTablesGone, classBuilding, classOtherLog, classSetBack, classUnfolded, classStandsStill, classLagging,
		classPaused, classParked, classProblem,
	}
}

// fault is one thing that is wrong. The reason names no address.
type fault struct {
	Class      class
	Projection string // "": none, or all
	Reason     string // a sentence without its end
}

func (f fault) unavailable() error {
	e := domain.NewError(domain.CodeUnavailable, "%s. Nothing was changed.", f.Reason)
	e.RetryAfter = 2
	return e
}

// unreadable tells whether the tables are not there, or lack what the log held at the start.
func unreadable(f fault) bool { return f.Class == classBuilding || f.Class == classTablesGone }

// unfit tells whether commands must not rest on the tables: what they show may never have been, or may not be any more.
func unfit(f fault) bool {
	return slices.Contains([]class{classTablesGone, classBuilding, classOtherLog, classSetBack, classUnfolded, classStandsStill}, f.Class)
}

func (m *Monitor) awayFor(err error) *fault {
	switch {
	case errors.Is(err, m.config.NoLog):
		return &fault{Class: classBrokers, Reason: "The brokers do not answer"}
	case pg.IsMissing(err):
		return &fault{Class: classDatabase, Reason: "Tables of this service are gone from the database. An operator must bring them back, " +
			"or start every process again: a start rebuilds missing tables from the log"}
	default:
		return &fault{Class: classDatabase, Reason: "The database does not answer"}
	}
}

// faultsOf are those of one projection, what matters most first; it needs the lock.
func (m *Monitor) faultsOf(s operator.Projection, folded []string) (faults []fault) {
	for _, look := range []struct {
		class  class
		reason string
	}{
		{classTablesGone, gone(s)},
		{classBuilding, m.unmade(s)},
		{classOtherLog, astray(s)},
		{classSetBack, m.setBack(s)},
		{classPaused, ifSo(s.Paused, "is paused by an operator. Changes that rest on it are refused until it is resumed")},
		{classUnfolded, m.foldedByNobody(s, folded)},
		{classStandsStill, ifSo(s.Lag > maxLag && s.LagSeconds > stuckAfter.Seconds(),
			fmt.Sprintf("is %d events behind and makes no progress. Try again shortly", s.Lag))},
		{classLagging, ifSo(s.Lag <= maxLag && s.LagSeconds > stuckAfter.Seconds(), fmt.Sprintf("is %d events behind and makes no progress", s.Lag))},
		{classParked, ifSo(s.Parked > 0, "has "+operator.ParkedEvents(s.Parked)+" to be looked at by an operator: 'ledgerboard parked' lists them")},
		{classProblem, ifSo(s.Problem != "" && !s.Paused, "cannot be folded by this process. Its log says why")},
	} {
		if look.reason != "" {
			faults = append(faults, fault{look.class, s.Projection, "Read model " + s.Projection + " " + look.reason})
		}
	}
	return faults
}

func ifSo(so bool, reason string) string {
	if so {
		return reason
	}
	return ""
}

// gone says which tables were dropped, and which process rebuilds them; "" if none were.
func gone(s operator.Projection) string {
	if len(s.TablesGone) == 0 {
		return ""
	}
	remedy := "A process with the role projector rebuilds them from the log: if that does not begin within seconds, start one"
	if s.Paused {
		remedy = "They are rebuilt from the log once an operator resumes the read model, which is paused"
	}
	return "cannot be read: tables of it are gone from the database (" + strings.Join(s.TablesGone, ", ") + "). " + remedy
}

// unmade says how far a projection is that cannot be read yet; "" when it can.
func (m *Monitor) unmade(s operator.Projection) string {
	switch {
	case !s.Live():
		why := ""
		if s.Anew {
			why = "its tables were gone from the database, or too old to use, so they are rebuilt from the log: "
		}
		for _, b := range s.Building {
			if b.Generation == s.Generation {
				return "cannot be read yet: " + why + "building " + progressOf(s.Projection, b) + ". Try again shortly"
			}
		}
		if s.Paused {
			return "cannot be read yet: " + why + "that waits until an operator resumes it"
		}
		return "cannot be read yet: no process builds it for this version of the program. Start one with the role projector"
	case m.missing(s) > 0 && astray(s) != "": // as when the log lost what the tables had not folded
		return fmt.Sprintf("cannot be read: it lacks %d events of the log and ", m.missing(s)) + astray(s)
	case m.missing(s) > 0:
		return fmt.Sprintf("is catching up with the log (%d events to go). Try again shortly", m.missing(s))
	default:
		return ""
	}
}

// progressOf is the like of "dashboards, 61 %, 2 min".
func progressOf(projection string, b operator.Build) string {
	text := fmt.Sprintf("%s, %d %%", projection, b.Percent())
	if left, known := b.Left(); known {
		text += ", " + roughly(left)
	}
	return text
}

// roughly writes a time as people say it.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	}
}

// astray says which partition of a projection is not followed, and why; "" when all are. What is appended
// there would not show for ever, however small the lag.
func astray(s operator.Projection) string {
	for _, p := range s.Partitions {
		if p.Stopped != "" {
			return fmt.Sprintf("does not follow the log (partition %d: %s). An operator must fix that; the log of the service says how", p.Partition, p.Stopped)
		}
	}
	return ""
}

// setBack says by how much checkpoints stand below where they stood before: the database was restored, or failed over
// to one that lacked the last commits; "" when none does. What the log itself does not hold any more is not waited for.
func (m *Monitor) setBack(s operator.Projection) string {
	var n int64
	for _, p := range s.Partitions {
		at := place{s.GenerationName(), p.Partition}
		m.highest[at] = max(p.NextOffset, min(m.highest[at], p.EndOffset))
		n += m.highest[at] - p.NextOffset
	}
	return ifSo(n > 0, fmt.Sprintf("was set back with its database and is folded again (%d events to go). Try again shortly", n))
}

// foldedByNobody says which generation that is read no process has folded for some time; "" if one does. A process that starts,
// or takes over, needs a moment.
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
	return ifSo(known && time.Since(since) >= stuckAfter, "is folded by no process (generation "+name+"). Start one with the role projector")
}

// tell logs once when what is wrong changes; it needs the lock. Numbers in the reasons change all the time: what counts
// is what is wrong with whom.
func (m *Monitor) tell(ctx context.Context, cause error) {
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
		m.config.Logger.InfoContext(ctx, "the service is not degraded any more")
		return
	}
	attributes := []any{"reasons", strings.Join(reasons, "; ")}
	if cause != nil {
		attributes = append(attributes, "error", cause)
	}
	if strings.Contains(now, string(classOtherLog)) {
		attributes = append(attributes, "remedy", "bring back the log that the tables were made from; or, if this log is the right one, "+
			"stop every process and drop schema lb_engine: the next start rebuilds the tables from it")
	}
	level, text := slog.LevelWarn, "the service is degraded"
	if !slices.ContainsFunc(m.all(), func(f fault) bool { return f.Class != classBuilding }) {
		level, text = slog.LevelInfo, "read models are being made" // as after every first start
	}
	m.config.Logger.Log(ctx, level, text, attributes...)
}
