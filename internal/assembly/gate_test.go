package assembly_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
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
		_, err := s.Updates.Update(t.Context(), commands.UpdateDashboard{
			Caller: commands.Caller{ParentAccount: livingAgency, UserID: member}, Change: domain.UpdateDashboard{Primary: member},
		})
		return err
	}
	lagging := func(name string) *assembly.Monitor {
		model := liveModel(name, 5, 5)
		m := look(t, liveModel("dashboards", 5, 5), model)
		model.status.Partitions[0].EndOffset, model.status.Lag, model.status.LagSeconds = 1005, 1000, 60
		m.Look(t.Context())
		return m
	}
	s.Monitor = lagging("dashboards")
	require.ErrorContains(t, update(), "is 1000 events behind and makes no progress")
	s.Monitor = lagging("post_insights")
	require.ErrorContains(t, update(), "load dashboards", "what other projections lack keeps no change of dashboards: it goes on, to tables that nobody made")
}
