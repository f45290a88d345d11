package monitor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/projections"
)

// quietly is a configuration of a monitor.
var quietly = monitor.Config{
	People: "directory", NoLog: projections.ErrNoLog, Logger: slog.New(slog.DiscardHandler),
}

// fakeModel is a read model whose status the test sets.
type fakeModel struct {
	status operator.Projection
	err    error
}

func (f *fakeModel) Name() string { return f.status.Projection }

func (f *fakeModel) Status(context.Context) (operator.Projection, error) { return f.status, f.err }

func liveModel(name string, next, end int64) *fakeModel {
	return &fakeModel{status: operator.Projection{
		Projection: name, State: operator.StateLive, Lag: end - next,
		Partitions: []operator.Partition{{NextOffset: next, EndOffset: end}},
	}}
}

// look polls the models once. Outdated states are refused, so tests that ask for commands run in a
// synctest bubble.
func look(t *testing.T, models ...*fakeModel) *monitor.Monitor {
	t.Helper()
	m := monitor.New(models, quietly)
	m.Check(t.Context())
	return m
}

// reasons returns the text of the reasons why a projection is not healthy.
func reasons(m *monitor.Monitor, projection string) string {
	for _, h := range m.Health() {
		if h.Projection == projection {
			return operator.TextOf(h.Reasons)
		}
	}
	return "unknown projection"
}

// made reports whether every projection has been readable.
func made(m *monitor.Monitor) bool {
	select {
	case <-m.Readable():
		return true
	default:
		return false
	}
}

// If the log lost records that were not folded, waiting does not help: reads and changes get an
// error that says what happened and that an operator must fix it, not that they may try again
// shortly. After the fix no restart is needed.
func TestTruncatedLogIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 3, 9)
		model.status.Partitions[0].Stopped = eventlog.ErrBelowStart.Error()
		m := look(t, model)
		for _, err := range []error{m.MayRead("dashboards"), m.MayCommand("dashboards")} {
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
			require.ErrorContains(t, err, "required records are gone from the log")
			require.ErrorContains(t, err, "An operator must fix that")
			require.NotContains(t, err.Error(), "Try again shortly")
		}
		model.status = liveModel("dashboards", 9, 9).status
		m.Check(t.Context())
		require.NoError(t, m.MayRead("dashboards"))
		require.NoError(t, m.MayCommand("dashboards"))
	})
}

// A build that fails again and again in the same way is reported; the tables that it would replace
// are read and changed.
func TestBuildsThatAreStuckAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		model.status.Building = []operator.Generation{{Generation: 2, Waits: operator.WaitsRetry}}
		m := look(t, model)
		require.Empty(t, reasons(m, "dashboards"), "the first failures")
		model.status.Building[0].Waits = operator.WaitsStuck
		m.Check(t.Context())
		require.Contains(t, reasons(m, "dashboards"), "failed in the same way")
		require.NoError(t, m.MayRead())
		require.NoError(t, m.MayCommand())
	})
}

// Tables that were built from another log are not read, even if the log ends at the same offsets, as
// an exact copy does. Tables that followed their log before are: they show the last known state.
func TestTablesOfAnotherLogAreNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 9, 9)
		model.status.Partitions[0].Stopped = eventlog.ErrOtherLog.Error()
		m := look(t, model)
		require.ErrorContains(t, m.MayRead(), "the tables were built from another log")
		require.False(t, made(m))
		model.status = liveModel("dashboards", 9, 9).status // rebuilt
		m.Check(t.Context())
		require.True(t, made(m))
		model.status.Partitions[0].Stopped = eventlog.ErrOtherLog.Error()
		m.Check(t.Context())
		require.NoError(t, m.MayRead())
		require.ErrorContains(t, m.MayCommand(), "the tables were built from another log")
	})
}

// A change waits for ten seconds until tables show it. If none appears for longer, the next one is
// refused; the lag of other commands, such as readings, is only reported.
func TestChangesAreRefusedWithoutFoldProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 6, 6)
		m := look(t, model)
		model.status.Lag, model.status.LagSeconds = 1, 9
		m.Check(t.Context())
		require.NoError(t, m.MayWrite("dashboards"))
		model.status.LagSeconds = 11
		m.Check(t.Context())
		require.ErrorContains(t, m.MayWrite("dashboards"), "makes no progress. Nothing was changed.")
		require.NoError(t, m.MayCommand("dashboards"))
		require.NoError(t, m.MayRead())
	})
}

// A fault of one projection does not affect the others.
func TestFaultsAffectOnlyTheirProjection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := liveModel("post_insights", 0, 1000)
		m := look(t, liveModel("dashboards", 5, 5), late)
		require.ErrorContains(t, m.MayRead(), "catching up", "it has not folded what the log contained at the start")
		require.NoError(t, m.MayRead("dashboards"))
		require.False(t, made(m))
		late.status.Partitions[0] = operator.Partition{NextOffset: 1000, EndOffset: 21_000}
		late.status.Lag, late.status.LagSeconds = 20_000, 60
		m.Check(t.Context())
		require.True(t, made(m))
		require.NoError(t, m.MayRead())
		require.ErrorContains(t, m.MayCommand(), "20000 events behind")
		require.NoError(t, m.MayCommand("dashboards"))
		require.ErrorContains(t, m.MayCommand("dashboards", "post_insights"), "post_insights")
	})
}

// While the brokers are down the lag is unknown, so commands are refused; the tables can still be
// read.
func TestBrokerOutageStopsOnlyCommands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		m := monitor.New([]*fakeModel{model}, quietly)
		require.Error(t, m.MayRead(), "no state yet")
		m.Check(t.Context())
		model.err = fmt.Errorf("%w: dial", projections.ErrNoLog)
		m.Check(t.Context())
		require.NoError(t, m.MayCommand("dashboards"))
		time.Sleep(monitor.StaleAfter + time.Second) // time of the synctest bubble
		m.Check(t.Context())
		require.EqualError(t, m.MayCommand("dashboards"), "unavailable: The brokers do not answer. Nothing was changed.")
		require.NoError(t, m.MayRead())
	})
}

// An error says what happened and what to do, however long it lasts: a start rebuilds dropped
// tables, and waiting does not help.
func TestDroppedTablesAreNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		gone := fmt.Errorf("read checkpoints: %w", &pgconn.PgError{Code: "42P01"})
		started := look(t, model)
		model.err = gone
		startedWithout := look(t, model)
		started.Check(t.Context())
		time.Sleep(time.Hour) // time of the synctest bubble
		for _, err := range []error{started.MayRead(), started.MayCommand("dashboards"), started.MayWrite("dashboards"), startedWithout.MayRead(), startedWithout.MayCommand()} {
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
			require.ErrorContains(t, err, "are missing from the database")
			require.ErrorContains(t, err, "restart every process")
		}
		require.Contains(t, reasons(started, "dashboards"), "are missing")
		model.err = nil
		started.Check(t.Context())
		require.NoError(t, started.MayCommand(), "no restart is needed when they are back")
		require.NoError(t, started.MayRead())
	})
}

// If tables of one read model are dropped, readers and writers get an error that names the tables
// and the remedy; other read models work. During the rebuild the error also contains the progress.
func TestDroppedTablesAffectOnlyTheirReadModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model, other := liveModel("dashboards", 5, 5), liveModel("directory", 5, 5)
		m := look(t, model, other)
		model.status.TablesGone = []string{"access_notices", "dashboard_listed"}
		m.Check(t.Context())
		for _, err := range []error{m.MayRead("dashboards"), m.MayCommand("dashboards"), m.MayWrite("dashboards")} {
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
			require.ErrorContains(t, err, "missing from the database (access_notices, dashboard_listed)")
			require.ErrorContains(t, err, "They are rebuilt from the log. If that does not begin within seconds")
		}
		require.Contains(t, reasons(m, "dashboards"), "missing from the database")
		require.NoError(t, m.MayRead("directory"))
		model.status.Paused = true
		m.Check(t.Context())
		require.ErrorContains(t, m.MayRead("dashboards"), "once an operator resumes the read model")

		model.status = operator.Projection{Projection: "dashboards", State: operator.StateBuilding, Rebuilding: true, Paused: true}
		m.Check(t.Context())
		require.ErrorContains(t, m.MayRead("dashboards"), "rebuilt from the log: the build waits until an operator resumes the read model")
		model.status.Paused = false
		model.status.Building = []operator.Generation{{EventsDone: 3, EventsTotal: 6}}
		m.Check(t.Context())
		require.ErrorContains(t, m.MayRead("dashboards"), "rebuilt from the log: building dashboards, 50%")
		model.status = liveModel("dashboards", 5, 5).status
		m.Check(t.Context())
		require.NoError(t, m.MayRead(), "no restart is needed")
		require.NoError(t, m.MayCommand())
	})
}

// A restored database sets checkpoints back by few events, which no lag limit would refuse. Reads
// continue; commands wait until the tables are back at their old state or contain everything in the
// log.
func TestCommandsWaitAfterDatabaseRestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		m := look(t, model)
		require.NoError(t, m.MayCommand())
		model.status.Partitions[0].NextOffset = 3
		m.Check(t.Context())
		require.ErrorContains(t, m.MayCommand("dashboards"), "was reset to an earlier state")
		require.ErrorContains(t, m.MayWrite("dashboards"), "was reset to an earlier state")
		require.NoError(t, m.MayRead(), "the state shown is old, but was true")
		model.status.Partitions[0].NextOffset = 5
		m.Check(t.Context())
		require.NoError(t, m.MayCommand())
		model.status.Partitions[0] = operator.Partition{NextOffset: 2, EndOffset: 2}
		m.Check(t.Context())
		require.NoError(t, m.MayCommand(), "records that are no longer in the log are not waited for")
	})
}

// A generation that is read but not folded never advances, however small the lag. A process that
// takes over gets a moment to report.
func TestCommandsAreRefusedIfTablesAreNotFolded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		model.status.Generation = 2
		folded := []string{"dashboards.g2", "directory.g1"}
		c := quietly
		c.Folded = func(context.Context) ([]string, error) { return folded, nil }
		m := monitor.New([]*fakeModel{model}, c)
		wait := func() error {
			for range 3 {
				m.Check(t.Context())
				time.Sleep(3 * time.Second) // time of the synctest bubble
			}
			m.Check(t.Context())
			return m.MayCommand("dashboards")
		}
		require.NoError(t, wait())
		folded = []string{"directory.g1"}
		m.Check(t.Context())
		require.NoError(t, m.MayCommand("dashboards"), "another process takes over")
		require.ErrorContains(t, wait(), "is not folded by any process (generation dashboards.g2)")
		require.NoError(t, m.MayRead())
		folded = []string{"dashboards.g2"}
		require.NoError(t, wait())
	})
}

// Events that waited while a projection was paused are not reported as stuck right after it is resumed.
func TestResumedProjectionIsNotImmediatelyStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("contents", 5, 5)
		model.status.Lag, model.status.LagSeconds, model.status.Paused = 4, 60, true
		m := monitor.New([]*fakeModel{model}, quietly)
		m.Check(t.Context())
		model.status.Paused = false
		m.Check(t.Context())
		require.Empty(t, reasons(m, "contents"))
		model.status.Lag = 20_000
		m.Check(t.Context())
		require.Contains(t, reasons(m, "contents"), "is 20000 events behind after a pause. Try again shortly")
		model.status.Lag = 4
		time.Sleep(6 * time.Second)
		m.Check(t.Context())
		require.Contains(t, reasons(m, "contents"), "is 4 events behind and makes no progress")
	})
}

// Faults that do not prevent reading are still reported: in the reasons, as a metric, and as one
// log line when they change.
func TestFaultsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		c := quietly
		c.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		model := liveModel("dashboards", 5, 5)
		m := monitor.New([]*fakeModel{model}, c)
		told := func() (n int) {
			m.Check(t.Context())
			n = strings.Count(lines.String(), "degraded")
			lines.Reset()
			return n
		}
		require.Zero(t, told())
		model.status.DeadLetters = 1
		require.Equal(t, 1, told())
		model.status.DeadLetters = 2
		require.Zero(t, told(), "the same faults")
		require.NoError(t, m.MayCommand(), "only its stream accepts no commands")
		require.NoError(t, m.MayWrite("dashboards"))
		require.Contains(t, reasons(m, "dashboards"), "has 2 dead letters that an operator must review")
		model.status.Paused = true
		require.Equal(t, 1, told())
		require.NoError(t, m.MayRead())
		require.ErrorContains(t, m.MayWrite("dashboards"), "Changes are not accepted now, because an operator has paused them. Nothing was changed.")
		model.status.Paused, model.status.DeadLetters = false, 0
		require.Equal(t, 1, told())
		require.Empty(t, reasons(m, "dashboards"))
		model.err = fmt.Errorf("%w: read ends", projections.ErrNoLog)
		require.Equal(t, 1, told())
		require.Equal(t, operator.HealthBrokers, m.Health()[0].Reasons[0].Code)
		require.Nil(t, m.Health()[0].Current, "it is not known")
		require.True(t, m.Health()[0].Readable)
		require.ErrorContains(t, m.MayWrite("dashboards"), "brokers")
		require.NoError(t, m.MayRead())
		require.Zero(t, told())
	})
}

// If tables are still being built, the error contains the progress.
func TestBuildingReportsProgress(t *testing.T) {
	t.Parallel()
	model := liveModel("dashboards", 61, 100)
	model.status.State, model.status.Generation = operator.StateBuilding, 3
	model.status.Building = []operator.Generation{{Generation: 3, State: operator.StateBuilding, EventsDone: 61, EventsTotal: 100, ETASeconds: new(120.2)}}
	require.ErrorContains(t, look(t, model).MayRead(), "building dashboards, 61%, 2 min left")
	model.status.Building = nil
	require.ErrorContains(t, look(t, model).MayRead(), "no process builds it")
}

// The metrics of the daily check and of builds exist before the first one, because alerts need a
// series from the start.
func TestAlertMetricsExistFromStart(t *testing.T) {
	t.Parallel()
	model := liveModel("dashboards", 100, 100)
	series := func() map[string]float64 {
		registry := prometheus.NewRegistry()
		registry.MustRegister(look(t, model))
		families, err := registry.Gather()
		require.NoError(t, err)
		values := map[string]float64{}
		for _, f := range families {
			name := strings.TrimPrefix(f.GetName(), "ledgerboard_projection_")
			if strings.HasPrefix(name, "tables_") || name == "build_failed" {
				values[name] = f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return values
	}
	require.Equal(t, map[string]float64{"tables_differ": 0, "tables_checked_timestamp_seconds": 0, "build_failed": 0}, series())
	model.status.TablesChecked = &operator.TablesChecked{At: time.Unix(1_700_000_000, 0)}
	model.status.BuildFailed = true
	require.Equal(t, map[string]float64{"tables_differ": 1, "tables_checked_timestamp_seconds": 1_700_000_000, "build_failed": 1}, series())
}
