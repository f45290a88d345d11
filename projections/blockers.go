package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A process that freezes within a batch keeps the locks of its transaction, and the server finds nothing wrong with it. So
// whoever waits for these locks ends its session: the batch is rolled back, rows and checkpoint, and folded again by the one
// that waits. A process that is slow but says something within that time, as the retry of a long stream, is left alone; one
// that is taken for frozen and is not loses its connection, and tries the batch again.
const (
	// blockedFor is how long a fold waits, and how long a session has heard nothing, before it is ended.
	blockedFor = 5 * time.Second
	// stepBlockedFor is when a step of the generations looks first. It waits for less than blockedFor and comes again.
	stepBlockedFor = time.Second
)

// endBlockers ends the sessions that fold this projection, keep a connection waiting and hear nothing from their process.
// It looks first after that long and then every second, until end is called.
func endBlockers(ctx context.Context, pool *pgxpool.Pool, waits *pgx.Conn, projection string, first time.Duration) (end func()) {
	waiting := waits.PgConn().PID()
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(first, func() {
		for ctx.Err() == nil {
			_, _ = pool.Exec(ctx, `
				select pg_terminate_backend(pid) from pg_stat_activity
				where pid = any(pg_blocking_pids($1)) and usename = current_user and starts_with(application_name, $2)
				  and wait_event_type = 'Client' and state_change < clock_timestamp() - $3::interval`,
				int32(waiting), "ledgerboard "+projection+".g", blockedFor) // it looks again
			_ = pause(ctx, lookEvery) // the loop looks at ctx
		}
	})
	return func() {
		timer.Stop()
		cancel()
	}
}
