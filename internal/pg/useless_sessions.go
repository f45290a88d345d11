package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A session that cannot write stays that way, even when a new one could write: the database was
// read-only by default when it was opened (managed servers do this during maintenance, or if a disk
// is full), or the address led to a standby. It is closed, so that the next one asks again.
//
// Errors of severity FATAL, such as those of a server that stops, close a connection anyway.

// readOnlyFor is how long a session is used that the server opened as read-only. Readers keep using
// such sessions, but must follow when the address leads to another server.
const readOnlyFor = 5 * time.Second

// readOnly is the SQLSTATE of a write in a read-only transaction.
const readOnly = "25006"

// uselessFrom is the key, in the custom data of a connection, of the time from which its session is
// not used any more.
const uselessFrom = "ledgerboard useless from"

// noteReadOnly is called with each error of a session. It reports whether the session may continue.
func noteReadOnly(may pgconn.PgErrorHandler) pgconn.PgErrorHandler {
	return func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if _, known := conn.CustomData()[uselessFrom]; err.Code == readOnly && !known {
			conn.CustomData()[uselessFrom] = time.Now()
		}
		return may(conn, err)
	}
}

// useful is called before a pool hands out a connection. The pool closes it if its session is
// useless.
func useful(_ context.Context, conn *pgx.Conn) (bool, error) {
	from, known := conn.PgConn().CustomData()[uselessFrom].(time.Time)
	return !known || time.Now().Before(from), nil
}

// endUseless ends the session of a connection that is being closed, if it is useless or will be. A
// pooler would otherwise give the session to the next client.
func endUseless(conn *pgx.Conn) {
	if _, known := conn.PgConn().CustomData()[uselessFrom]; !known || conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The server answers with the error that ends the session.
	_, _ = conn.PgConn().Exec(ctx, "rollback; select pg_terminate_backend(pg_backend_pid())").ReadAll()
}

// Writable reports whether the database accepts changes. A new state is visible after a few seconds.
func Writable(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	return QueryBool(ctx, pool, "read whether the database is read-only", `select current_setting('transaction_read_only') = 'off'`)
}

// closeConn closes a connection outside of a pool.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	endUseless(conn)
	_ = conn.Close(context.WithoutCancel(ctx)) // nothing is lost
}
