package projections

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// A process that freezes within a transaction keeps its locks, and the server finds nothing wrong with it. So whoever waits
// for these locks ends its session: the batch or the step is rolled back whole, and done again by the one that waits. A
// process that is slow but says something within that time, as the retry of a long stream, is left alone; one that is taken
// for frozen and is not loses its connection, and tries again. For a fold no time-out of the server would do: none of them ends
// a COPY whose client says nothing.
//
// Steps of the generations are also taken by processes that log in as somebody else (an operator's command line, one that
// answers people), whose sessions a projector has no right to end. They copy nothing, so that the server can end them.

// enginePool is the name of the pool that engines share, and operators' steps with them. Sessions of that name may be ended
// by who waits for them.
const enginePool = "engine"

// OpenEnginePool opens the pool that engines share, and operators' steps with them: schema lb_engine. The server ends its
// transactions that hear nothing from their process.
func OpenEnginePool(ctx context.Context, databaseURL string, conns int32) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: []string{migrations.Engine}, Name: enginePool, MaxConns: conns, AsyncCommit: true,
		Params: map[string]string{"idle_in_transaction_session_timeout": idleInStep},
	})
}

// silentFor is how long a session that others wait for may hear nothing from its process before it is ended.
const silentFor = 5 * time.Second

// endBlockers ends the sessions that fold this projection or change its generations, keep a connection waiting and hear
// nothing from their process, if they are of the same login. It looks every second until end is called.
func endBlockers(ctx context.Context, pool *pgxpool.Pool, waits *pgx.Conn, projection string) (end func()) {
	waiting := waits.PgConn().PID()
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(lookEvery, func() {
		for ctx.Err() == nil {
			_, _ = pool.Exec(ctx, `
				select pg_terminate_backend(pid) from pg_stat_activity
				where pid = any(pg_blocking_pids($1)) and usename = current_user
				  and (starts_with(application_name, $2) or application_name = $3)
				  and wait_event_type = 'Client' and state_change < clock_timestamp() - $4::interval`,
				int32(waiting), "ledgerboard "+projection+".g", "ledgerboard "+enginePool, silentFor) // it looks again
			_ = pause(ctx, lookEvery) // the loop looks at ctx
		}
	})
	return func() {
		timer.Stop()
		cancel()
	}
}

// Bounds of the server for connections that fold or take steps: they hold when nobody is there who waits. Statements of a fold write a
// few thousand rows; one of an erasure may take minutes.
const (
	idleInFold      = "30s"
	lockInFold      = "30s"
	statementInFold = "10min"
	// idleInStep is less than folds wait for a lock, and more than who waits and may end the session leaves it.
	idleInStep = "10s"
)

func foldParams() map[string]string {
	return map[string]string{
		"idle_in_transaction_session_timeout": idleInFold, "lock_timeout": lockInFold, "statement_timeout": statementInFold,
	}
}
