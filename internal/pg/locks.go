package pg

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// LockWait limits the wait of a session for each lock.
	LockWait = 2 * time.Minute
	// lockLook is the interval between looks for sessions that wait.
	lockLook = 5 * time.Second
)

// WatchLocks looks every five seconds for sessions of the service that wait for a lock. It calls
// report with a text that names who holds it, and with "" when no session waits any more. The
// returned function ends it. It connects only for a look.
func WatchLocks(ctx context.Context, url string, report func(text string)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		look := time.NewTicker(lockLook)
		defer look.Stop()
		reported := ""
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			if text, err := waiting(ctx, url); err == nil && text != reported {
				reported = text
				report(text)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// waiting returns which sessions of the service wait for which others. A lock of a prepared
// transaction has no session; its process id is 0. Names, processes and locks are visible to every
// role; what else a session does is hidden from its own user if sessions act in another role
// (ALTER ROLE … SET ROLE).
func waiting(ctx context.Context, url string) (string, error) {
	conn, err := connect(ctx, url, map[string]string{"application_name": "ledgerboard locks"})
	if err != nil {
		return "", err
	}
	defer closeConn(ctx, conn)
	found, err := List(ctx, conn, "read who holds locks", pgx.RowTo[string], `
		select distinct concat('session "', w.application_name, '" waits for a lock held by ', case when blocker = 0
			then 'a prepared transaction (see pg_prepared_xacts)' else concat('process ', blocker, ' (', concat_ws(', ',
				nullif(h.application_name, ''), 'user ' || h.usename,
				'since ' || to_char(coalesce(h.xact_start, h.backend_start) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
				'); if it does not end, run: select pg_terminate_backend(', blocker, ')') end)
		from pg_stat_activity w cross join lateral unnest(pg_blocking_pids(w.pid)) blocker
		left join pg_stat_activity h on h.pid = blocker
		where w.datname = current_database() and starts_with(w.application_name, 'ledgerboard ')
		  and exists (select from pg_locks l where l.pid = w.pid and not l.granted)
		order by 1`)
	return strings.Join(found, "; "), err
}
