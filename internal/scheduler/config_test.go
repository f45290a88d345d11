package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func noWork(context.Context, domain.FetchClaim) error { return nil }

// idle is a configuration with nothing due.
func idle() scheduler.Config {
	return scheduler.Config{
		DatabaseURL: "postgres://h/d", Every: every(time.Second), Work: noWork, Release: noWork,
		Due: func(context.Context, domain.FetchQueue, time.Duration) ([]domain.DueAccount, error) { return nil, nil },
		Claim: func(context.Context, pgx.Tx, domain.FetchQueue, []domain.DueAccount, time.Duration) (domain.FetchClaim, error) {
			return domain.FetchClaim{}, nil
		},
	}
}

func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(scheduler.Config{Every: every(time.Millisecond), MaxWorkers: -1})
	for _, want := range []string{
		"DatabaseURL is missing", "Due, Claim, Work or Release is missing", "MaxWorkers", "looking every 1ms is too often",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestNewNeedsSomethingToDo(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(idle())
	require.NoError(t, err, "the rest has defaults")
	nothing := idle()
	nothing.Every = map[string]time.Duration{}
	_, err = scheduler.New(nothing)
	require.ErrorContains(t, err, "no kind is scheduled")
}

func TestNewRefusesASecondSetOfMetrics(t *testing.T) {
	t.Parallel()
	cfg := idle()
	cfg.Registerer = prometheus.NewRegistry()
	_, err := scheduler.New(cfg)
	require.NoError(t, err)
	_, err = scheduler.New(cfg)
	require.ErrorContains(t, err, "register scheduler metrics")
}
