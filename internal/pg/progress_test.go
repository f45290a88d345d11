package pg_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestProgressWakesWhomAMoveConcerns(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	progress := pg.NewProgress()
	var mu sync.Mutex
	var moves []string
	progress.OnMove = func(projection string, keys []string) {
		mu.Lock()
		defer mu.Unlock()
		moves = append(moves, projection+" of "+strings.Join(keys, "+"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { progress.Listen(ctx, db.Pool.Config().ConnString(), slog.New(slog.DiscardHandler)) })
	t.Cleanup(listening.Wait)
	t.Cleanup(cancel)
	waitFor := func(moved <-chan struct{}, what string) {
		t.Helper()
		select {
		case <-moved:
		case <-time.After(5 * time.Minute):
			require.FailNow(t, "not woken: "+what)
		}
	}
	waitFor(progress.Moved("dashboards"), "everyone is woken once it listens")
	notify := func(payload string) {
		t.Helper()
		_, err := db.Pool.Exec(t.Context(), `select pg_notify($1, $2)`, pg.ProgressChannel, payload)
		require.NoError(t, err)
	}
	const name = "progress_test" // the channel is the database's, and other tests notify on it
	any1, one, other := progress.Moved(name), progress.MovedFor(name, "one"), progress.MovedFor(name, "other")
	notify(pg.ProgressPayload(name, []string{"one", "third"}))
	waitFor(any1, "who waits for any move")
	waitFor(one, "who waits for a key that moved")
	select {
	case <-other:
		require.FailNow(t, "woken by another key's move")
	default:
	}
	notify(pg.ProgressPayload(name, nil))
	waitFor(other, "a move without keys may be of any")
	mu.Lock()
	defer mu.Unlock()
	require.Subset(t, moves, []string{name + " of one+third", name + " of "})
}

func TestPayloadThatDoesNotFitIsTheNameAlone(t *testing.T) {
	t.Parallel()
	require.Equal(t, "dashboards", pg.ProgressPayload("dashboards", nil))
	require.Equal(t, "dashboards a b", pg.ProgressPayload("dashboards", []string{"a", "b"}))
	require.Equal(t, "dashboards", pg.ProgressPayload("dashboards", make([]string, 8000)))
}
