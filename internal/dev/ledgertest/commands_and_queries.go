package ledgertest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Put records entities of the directory.
func (l *Log) Put(t require.TestingT, entities ...domain.DirectoryEntity) {
	for _, entity := range entities {
		require.NoError(t, l.Append(context.Background(), commands.EntityDraft(entity, time.UnixMicro(l.put.Add(1)))))
	}
}

// Dashboards are the real commands over this log, at the given clock.
func (l *Log) Dashboards(tb testing.TB, now func() time.Time) *commands.Dashboards {
	tb.Helper()
	return commands.NewDashboards(commands.DashboardsConfig{
		Store: l.Queries(), Log: l, Now: now, Logger: slog.New(slog.DiscardHandler),
		TooLarge:    func(error) bool { return false },
		PartitionOf: func(string) int32 { return 0 },
		EndOf:       func(context.Context, int32) (int64, error) { return 0, nil },
		Fits:        func(domain.Draft) error { return nil },
		Deadline:    5 * time.Minute, // what is slow here is the machine
	})
}

// Queries are the real queries over this log's tables.
func (l *Log) Queries() *readmodels.Dashboards {
	return &readmodels.Dashboards{
		Pool: l.DB.ReadOnly, Progress: pg.NewProgress(),
		DefaultScopes:        []string{"analytics", "posts"},
		ManagedSubscriptions: []string{"managed"},
	}
}
