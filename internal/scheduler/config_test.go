package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func noWork(context.Context, scheduler.Job) error { return nil }

func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(scheduler.Config{
		Every:      map[string]scheduler.Schedule{kind: {}},
		MaxWorkers: -1,
	})
	for _, want := range []string{
		"DatabaseURL is missing", "Shards is missing", "Work is missing", "MaxWorkers", "schedule is missing",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestNewNeedsSomethingToDo(t *testing.T) {
	t.Parallel()
	good := scheduler.Config{DatabaseURL: "postgres://h/d", Every: every(t, time.Second), Shards: shards(1), Work: noWork}
	_, err := scheduler.New(good)
	require.NoError(t, err, "the rest has defaults")
	nothing := good
	nothing.Every = map[string]scheduler.Schedule{}
	_, err = scheduler.New(nothing)
	require.ErrorContains(t, err, "no kind is scheduled")
}

func TestNewRefusesASecondSetOfMetrics(t *testing.T) {
	t.Parallel()
	cfg := scheduler.Config{DatabaseURL: "postgres://h/d", Every: every(t, time.Second), Shards: shards(1), Work: noWork, Registerer: prometheus.NewRegistry()}
	_, err := scheduler.New(cfg)
	require.NoError(t, err)
	_, err = scheduler.New(cfg)
	require.ErrorContains(t, err, "register scheduler metrics")
}

func TestBackOffGrowsWithinItsSlot(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Second, scheduler.BackOff(1, 30*time.Second))
	require.Equal(t, 4*time.Second, scheduler.BackOff(3, 30*time.Second))
	require.Equal(t, 30*time.Second, scheduler.BackOff(1, 12*time.Hour))
	rapid.Check(t, func(t *rapid.T) {
		slot := time.Duration(rapid.Int64Range(int64(time.Second), int64(ages)).Draw(t, "slot"))
		attempt := rapid.IntRange(1, 500).Draw(t, "attempt")
		pause := scheduler.BackOff(attempt, slot)
		require.Positive(t, pause)
		require.LessOrEqual(t, pause, slot/4)
		require.LessOrEqual(t, pause, scheduler.BackOff(attempt+1, slot))
	})
}

func TestRetryAfterKeepsItsCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("quota is used up")
	err := scheduler.RetryAfter(time.Minute, cause)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "quota is used up (to be tried again after 1m0s)")
	require.ErrorContains(t, scheduler.RetryAfter(-1, nil), "after 0s")
}
