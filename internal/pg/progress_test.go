package pg_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

func TestProgressNotificationWakesOnlyItsWaiters(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	progress := pg.NewProgress()
	first := progress.Changed("dashboards", "any")
	ledgertest.Run(t, func(ctx context.Context) error {
		progress.Listen(ctx, db.Pool.Config().ConnString(), ledgertest.Quiet)
		return nil
	})
	ledgertest.Receive(t, first, "everyone is woken once it listens")
	notify := func(payload string) {
		t.Helper()
		_, err := db.Pool.Exec(t.Context(), `select pg_notify($1, $2)`, pg.ProgressChannel, payload)
		require.NoError(t, err)
	}
	// the channel belongs to the database, and other tests notify on it
	const name = "progress_test"
	one, third, other := progress.Changed(name, "one"), progress.Changed(name, "third"), progress.Changed(name, "other")
	notify(pg.ProgressPayload(name, []string{"one", "third"}))
	ledgertest.Receive(t, one, "waiter for a key that moved")
	ledgertest.Receive(t, third, "waiter for another key that moved")
	select {
	case <-other:
		require.FailNow(t, "woken by another key's move")
	default:
	}
	notify(pg.ProgressPayload(name, nil))
	ledgertest.Receive(t, other, "a move without keys may affect any key")
}

func TestOversizeProgressPayloadContainsOnlyName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "dashboards", pg.ProgressPayload("dashboards", nil))
	require.Equal(t, "dashboards a b", pg.ProgressPayload("dashboards", []string{"a", "b"}))
	require.Equal(t, "dashboards", pg.ProgressPayload("dashboards", make([]string, 8000)))
}
