package assembly_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/projections"
)

// fakeModel is a read model that tells what the test says.
type fakeModel struct {
	status projections.Status
	err    error
}

func (f *fakeModel) Name() string { return f.status.Projection }

func (f *fakeModel) Status(context.Context) (projections.Status, error) { return f.status, f.err }

func liveModel(name string, next, end int64) *fakeModel {
	return &fakeModel{status: projections.Status{
		Projection: name, State: projections.StateLive, Lag: end - next,
		Partitions: []projections.PartitionStatus{{NextOffset: next, EndOffset: end}},
	}}
}

func look(t *testing.T, models ...*fakeModel) *assembly.Monitor {
	t.Helper()
	m := assembly.NewMonitor(models, 100, slog.New(slog.DiscardHandler))
	m.Look(t.Context())
	return m
}

// made tells whether every projection could be read once.
func made(m *assembly.Monitor) bool {
	select {
	case <-m.Made():
		return true
	default:
		return false
	}
}

// A log that is not that of the tables shows no lag: what is appended to it would never be folded, and a
// command would wait for it in vain.
func TestStoppedPartitionIsUnfit(t *testing.T) {
	t.Parallel()
	model := liveModel("dashboards", 9, 3)
	model.status.Lag = 0
	model.status.Partitions[0].Stopped = "another log: rebuild"
	m := look(t, model)
	err := m.MayCommand("dashboards")
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	require.ErrorContains(t, err, "partition 0: another log: rebuild")
	require.NoError(t, m.MayRead(), "what was made can still be read")
	require.NoError(t, look(t, liveModel("dashboards", 3, 3)).MayCommand())
}

// What one projection suffers says nothing about the others.
func TestProblemsAreThoseOfTheNamed(t *testing.T) {
	t.Parallel()
	late := liveModel("post_insights", 0, 1000)
	m := look(t, liveModel("dashboards", 5, 5), late)
	require.ErrorContains(t, m.MayRead(), "catching up", "it has not folded what the log held at the start")
	require.NoError(t, m.MayRead("dashboards"))
	require.False(t, made(m))
	late.status.Partitions[0] = projections.PartitionStatus{NextOffset: 1000, EndOffset: 3000}
	late.status.Lag, late.status.LagSeconds = 2000, 60
	m.Look(t.Context())
	require.True(t, made(m))
	require.NoError(t, m.MayRead())
	require.ErrorContains(t, m.MayCommand(), "2000 events behind")
	require.NoError(t, m.MayCommand("dashboards"))
	require.ErrorContains(t, m.MayCommand("dashboards", "post_insights"), "post_insights")
}

// While the brokers are away nothing is known of the lag, so that commands are refused; the tables are
// there and can be read.
func TestBrokersAwayStopCommandsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		model := liveModel("dashboards", 5, 5)
		m := assembly.NewMonitor([]*fakeModel{model}, 100, slog.New(slog.DiscardHandler))
		require.Error(t, m.MayRead(), "nothing was seen yet")
		m.Look(t.Context())
		model.err = errors.New("no broker answers")
		m.Look(t.Context())
		require.NoError(t, m.MayCommand("dashboards"))
		time.Sleep(assembly.StaleAfter + time.Second) // of the bubble's clock
		m.Look(t.Context())
		require.ErrorContains(t, m.MayCommand("dashboards"), "not known")
		require.NoError(t, m.MayRead())
	})
}
