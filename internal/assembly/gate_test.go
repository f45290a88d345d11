package assembly_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// The service that is put together takes no command while dashboards lag beyond the bound, and asks the monitor that it has.
func TestAssembledCommandsAskTheMonitor(t *testing.T) {
	t.Parallel()
	s, err := assembly.Open(t.Context(), assembly.Config{
		Settings: assembly.Settings{
			DatabaseURL: pgtest.New(t).URL, Embedded: embedded.Directory{Path: t.TempDir()}, Logger: slog.New(slog.DiscardHandler),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	update := func() error {
		for {
			s.Monitor.Look(t.Context())
			_, err := s.Updates.Update(t.Context(), commands.UpdateDashboard{
				Caller: commands.Caller{ParentAccount: livingAgency, UserID: member}, Change: domain.UpdateDashboard{Primary: member},
			})
			if err == nil || !strings.Contains(err.Error(), "is not known yet") { // a machine that stood still made old what was seen
				return err
			}
		}
	}
	lagging := func(name string) *monitor.Monitor {
		well := &lookedAt{operator.Projection{Projection: "dashboards", State: "live"}}
		model := &lookedAt{operator.Projection{Projection: name, State: "live"}}
		m := monitor.New([]*lookedAt{well, model}, monitor.Config{MaxLag: 100, Logger: slog.New(slog.DiscardHandler)})
		m.Look(t.Context())
		model.status.Partitions = []operator.Partition{{EndOffset: 1000}}
		model.status.Lag, model.status.LagSeconds = 1000, 60
		return m
	}
	s.Monitor = lagging("dashboards")
	require.ErrorContains(t, update(), "is 1000 events behind and makes no progress")
	s.Monitor = lagging("post_insights")
	require.ErrorContains(t, update(), "There is no such dashboard", "what other projections lack keeps no change of dashboards: it goes on, to empty tables")
}

// lookedAt is a read model that tells what the test says.
type lookedAt struct{ status operator.Projection }

func (l *lookedAt) Name() string { return l.status.Projection }

func (l *lookedAt) Status(context.Context) (operator.Projection, error) { return l.status, nil }
