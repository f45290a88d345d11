package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// pauses answer Config.Paused: TikTok is paused while on is set, and unknown while broken is.
type pauses struct{ on, broken atomic.Bool }

func (p *pauses) paused(_ context.Context, platform domain.Platform) (bool, error) {
	if p.broken.Load() {
		return false, errors.New("no database")
	}
	return p.on.Load() && platform == domain.TikTok, nil
}

// snoozed counts jobs of TikTok that wait for the end of a pause.
const snoozed = `metadata ? 'snoozes' and args @> '{"platform": 6}' and kind = `

// A paused platform is not planned, the others are; the slot that lasts is planned after the pause.
func TestPausedPlatformIsNotPlanned(t *testing.T) {
	t.Parallel()
	db := database(t)
	flags := &pauses{}
	flags.on.Store(true)
	work, attempts := answers()
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Work: work, Paused: flags.paused,
		Platforms: []domain.Platform{domain.TikTok, domain.LinkedIn},
	})
	require.Equal(t, domain.LinkedIn, receive(t, "work of the other platform", attempts).Platform)
	eventually(t, "the plan to wait", func() bool { return rows(t, db.Pool, snoozed+`'plan_slot'`) == 1 })
	require.Zero(t, rows(t, db.Pool, `kind in ('slot_planned', 'work_shard') and args @> '{"platform": 6}'`))

	flags.on.Store(false)
	require.Equal(t, domain.TikTok, receive(t, "work after the pause", attempts).Platform)
	require.NoError(t, p.end())
	require.Empty(t, attempts)
	require.Equal(t, 2, p.count("jobs_total"))
	require.Equal(t, 2, p.count("jobs_total", "outcome=done"))
	require.Zero(t, p.count("skipped_slots_total"))
}

// Work under way ends when its platform is paused, shards that wait do not begin; all of them go on after it, and
// no failure is noted.
func TestPauseEndsWorkUnderWay(t *testing.T) {
	t.Parallel()
	db := database(t)
	flags := &pauses{}
	attempts, ended := make(chan scheduler.Job, 10), make(chan error, 10)
	var first atomic.Bool
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Shards: shards(2), MaxWorkers: 1, Paused: flags.paused,
		Work: func(ctx context.Context, job scheduler.Job) error {
			attempts <- job
			if first.CompareAndSwap(false, true) {
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			return nil
		},
	})
	require.Equal(t, 0, receive(t, "the first shard", attempts).Shard)
	flags.on.Store(true)
	require.ErrorIs(t, receive(t, "its end", ended), context.Canceled)
	eventually(t, "both shards to wait", func() bool { return rows(t, db.Pool, snoozed+`'work_shard'`) == 2 })
	require.Empty(t, attempts)

	flags.on.Store(false)
	seen := map[int]bool{}
	for range 2 {
		seen[receive(t, "a shard after the pause", attempts).Shard] = true
	}
	require.Equal(t, map[int]bool{0: true, 1: true}, seen)
	eventually(t, "the end", func() bool { return p.count("jobs_total", "outcome=done") == 2 })
	require.Equal(t, 1, p.count("jobs_total", "outcome=paused"))
	require.Equal(t, 3, p.count("jobs_total"))
	require.Zero(t, p.count("skipped_slots_total"))
	require.Zero(t, rows(t, db.Pool, `kind = 'work_shard' and errors is not null`))
}

// While pauses cannot be asked for, nothing begins, and what runs goes on.
func TestUnknownPauseHoldsJobsBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	flags := &pauses{}
	attempts, release := make(chan scheduler.Job, 10), make(chan struct{})
	var asked atomic.Int64
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), Shards: shards(2), MaxWorkers: 1,
		Paused: func(ctx context.Context, platform domain.Platform) (bool, error) {
			asked.Add(1)
			return flags.paused(ctx, platform)
		},
		Work: func(ctx context.Context, job scheduler.Job) error {
			attempts <- job
			if job.Shard == 0 {
				<-release
			}
			return ctx.Err()
		},
	})
	require.Equal(t, 0, receive(t, "the first shard", attempts).Shard)
	flags.broken.Store(true)
	before := asked.Load()
	eventually(t, "questions while it runs", func() bool { return asked.Load() >= before+2 })
	close(release)
	eventually(t, "the first shard to be done", func() bool { return p.count("jobs_total", "outcome=done") == 1 })
	eventually(t, "the other one to wait", func() bool { return rows(t, db.Pool, snoozed+`'work_shard'`) == 1 })
	require.Empty(t, attempts)
	flags.broken.Store(false)
	require.Equal(t, 1, receive(t, "the other shard", attempts).Shard)
}
