package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func TestRestartDoesNotRepeatTheSlotButTheSlotsJobsGoOn(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan scheduler.Job, 100)
	cfg := scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Shards: shards(2),
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			return nil
		},
	}
	first := run(t, cfg)
	receive(t, "work", worked)
	receive(t, "work", worked)
	require.NoError(t, first.end())
	// River forgets what was done 10 minutes ago.
	_, err := db.Pool.Exec(t.Context(), `delete from river.river_job where state = 'completed'`)
	require.NoError(t, err)

	second := run(t, cfg)
	eventually(t, "the slot to be looked at again", func() bool {
		return rows(t, db.Pool, `kind = 'plan_slot' and state = 'completed'`) == 1
	})
	require.NoError(t, second.end())
	require.Empty(t, worked)
	require.Zero(t, rows(t, db.Pool, `kind = 'work_shard'`))
}

func TestSlotsOfADowntimeAreCountedAndThePresentOneIsWorked(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan scheduler.Job, 100)
	cfg := scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second), Shards: shards(2),
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			return nil
		},
	}
	first := run(t, cfg)
	receive(t, "work", worked)
	require.NoError(t, first.end())
	before := lastPlanned(t, db.Pool)
	require.Zero(t, first.count("skipped_slots_total", "reason=unplanned"))

	// As if that had been longer ago: nobody ran for a hundred slots.
	before = before.Add(-100 * time.Second)
	_, err := db.Pool.Exec(t.Context(), `delete from river.river_job where kind <> 'slot_planned' or (args->>'slot')::timestamptz < $1`, lastPlanned(t, db.Pool))
	require.NoError(t, err)
	_, err = db.Pool.Exec(t.Context(), `update river.river_job set args = jsonb_set(args, '{slot}', to_jsonb($1::text)), scheduled_at = $2`,
		before.UTC().Format(time.RFC3339), before.Add(time.Second))
	require.NoError(t, err)
	for len(worked) > 0 {
		<-worked
	}
	second := run(t, cfg)
	after := receive(t, "work", worked).Begin
	require.NoError(t, second.end())
	missed := int(after.Sub(before)/time.Second) - 1
	require.GreaterOrEqual(t, missed, 99)
	require.GreaterOrEqual(t, second.count("skipped_slots_total", "reason=unplanned"), missed)
	require.Less(t, second.count("skipped_slots_total", "reason=unplanned"), missed+100, "counted once")
}

func TestSlotThatCannotBePlannedIsTriedAgainThenCounted(t *testing.T) {
	t.Parallel()
	db := database(t)
	var down atomic.Bool
	var refused atomic.Int64
	worked := make(chan scheduler.Job, 100)
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, time.Second),
		Shards: func(context.Context, domain.FetchSlot, time.Duration) (int, error) {
			if down.Load() {
				refused.Add(1)
				return 0, errors.New("no directory")
			}
			return 1, nil
		},
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			return nil
		},
	})
	receive(t, "work", worked)
	down.Store(true)
	eventually(t, "plans to be given up", func() bool { return rows(t, db.Pool, `kind = 'plan_slot' and state = 'cancelled'`) >= 2 })
	require.Greater(t, refused.Load(), int64(2), "it was tried more than once in a slot")
	require.Zero(t, p.count("skipped_slots_total", "reason=unplanned"))
	down.Store(false)
	eventually(t, "the count", func() bool { return p.count("skipped_slots_total", "reason=unplanned") >= 2 })
	require.NoError(t, p.end())
}

// lastPlanned returns the latest slot that was planned.
func lastPlanned(t testing.TB, pool *pgxpool.Pool) time.Time {
	t.Helper()
	var slot time.Time
	row := pool.QueryRow(context.Background(), `select max((args->>'slot')::timestamptz) from river.river_job where kind = 'slot_planned'`)
	require.NoError(t, row.Scan(&slot))
	return slot
}
