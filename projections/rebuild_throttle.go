package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// standbyBehind is how much of the server's log (WAL) a standby may lack before a rebuild goes slower: what the rebuild
// writes must not be what takes a standby, and the disk that keeps its WAL, away. What a standby has and does not replay
// yet, on purpose or because of a query there, is no matter.
const standbyBehind = 64 << 20

const (
	// behindSeconds is from which lag on the live generation goes first.
	behindSeconds = 2
	// yieldAtMost bounds each pause for it: a rebuild is also the cure of a generation that cannot go on.
	yieldAtMost = 5 * time.Second
)

// throttle notes whether the rebuild is to go slower, and why; told is what it said last.
func (r *running) throttle(ctx context.Context, told string) string {
	why := ""
	switch {
	case r.liveIsBehind(ctx):
		why = "it goes slowly while the generation that readers use is behind"
	case r.standbyIsBehind(ctx):
		why = "it goes slowly while a standby of the database is behind"
	}
	r.behind.Store(why != "")
	if why == told {
		return told
	}
	_, err := r.pool.Exec(ctx, `update rebuilds set error = nullif($3, '') where id = $1 and lease = $2 and state = 'copying'`, r.ID, r.lease, why)
	if err != nil {
		return told
	}
	return why
}

// standbyIsBehind tells whether a standby lacks more of the WAL than it may.
func (r *running) standbyIsBehind(ctx context.Context) (behind bool) {
	_ = within(ctx, 2*time.Second, func(ctx context.Context) (err error) { // what is not known slows nothing
		behind, err = standbyLacks(ctx, r.pool, standbyBehind)
		return err
	})
	return behind
}

// standbyLacks tells whether a standby lacks more bytes of the WAL than these. Only some roles are shown where standbys
// stand; to others none lacks anything.
func standbyLacks(ctx context.Context, q querier, bytes int64) (lacks bool, err error) {
	rows, err := q.Query(ctx, `
		select coalesce(bool_or(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) > $1), false) from pg_stat_replication where state in ('streaming', 'catchup')`, bytes)
	if err != nil {
		return false, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
}

// yield lets the live generation go first while it is behind.
func (r *running) yield(ctx context.Context) error {
	for began := time.Now(); r.behind.Load() && time.Since(began) < yieldAtMost; {
		if err := r.pause(ctx, stepAgain); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// liveIsBehind tells whether the generation that readers use is followed and cannot keep up.
func (r *running) liveIsBehind(ctx context.Context) bool {
	behind := false
	_ = within(ctx, 2*time.Second, func(ctx context.Context) error { // what is not known slows nothing
		paused, err := r.paused(ctx)
		if err != nil || paused {
			return err
		}
		s, err := r.Status(ctx)
		behind = err == nil && s.Live() && s.Problem == "" && s.LagSeconds > behindSeconds
		return err
	})
	return behind
}
