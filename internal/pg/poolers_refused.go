package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrPooler means that a pooler between this process and the server may assign a different session
// to each transaction.
var ErrPooler = errors.New("the database URL leads to a pooler that is not in session mode. Session state would be " +
	"lost: search paths, LISTEN, advisory locks and prepared statements. Set the pooler to session mode " +
	"(PgBouncer: pool_mode = session), or connect to the server directly")

// sessionWait limits the wait for a free session of a pooler.
const sessionWait = 10 * time.Second

// CheckDirect returns [ErrPooler] if the URL leads to a pooler that is not in session mode, and an
// error if the database is not encoded in UTF-8. For a direct connection it costs one connection and
// two statements. It changes no settings, because another client might get the session.
func CheckDirect(ctx context.Context, url string) error {
	first, err := connectPlain(ctx, url)
	if err != nil {
		return err
	}
	defer first.Close(context.WithoutCancel(ctx))
	pid, err := session(ctx, first)
	if err != nil {
		return err
	}
	if pid != first.PgConn().PID() { // poolers report other process ids
		if err := checkShared(ctx, url, first, pid); err != nil {
			return err
		}
	}
	return checkEncoding(ctx, first)
}

// checkShared checks whether two clients of a pooler share sessions or one client gets several. In
// transaction mode, the session of the first connection (pid) is free between its transactions.
func checkShared(ctx context.Context, url string, first *pgx.Conn, pid uint32) error {
	bounded, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	shared, err := sharesSessions(bounded, url, first, pid)
	switch {
	case ctx.Err() == nil && bounded.Err() != nil:
		return fmt.Errorf("the pooler has no second session for this user within %s: raise its pool size "+
			"(PgBouncer: default_pool_size; docs/scaling.md has the number of connections): %w", sessionWait, err)
	case sqlstate(err) == "08P01": // PgBouncer in statement mode refuses transactions
		return fmt.Errorf("%w (%w)", ErrPooler, err)
	case err == nil && shared:
		return ErrPooler
	}
	return err
}

func sharesSessions(ctx context.Context, url string, first *pgx.Conn, pid uint32) (bool, error) {
	second, err := connectPlain(ctx, url)
	if err != nil {
		return false, err
	}
	defer second.Close(context.WithoutCancel(ctx))
	held, other, err := compareSessions(ctx, second, first)
	if err != nil {
		return false, err
	}
	now, after, err := compareSessions(ctx, first, second)
	return held == pid || other != pid || now != pid || after != held, err
}

// compareSessions returns the session of one connection in a transaction, and the session of
// another connection during that transaction.
func compareSessions(ctx context.Context, holder, other *pgx.Conn) (session1, session2 uint32, err error) {
	err = pgx.BeginFunc(ctx, holder, func(tx pgx.Tx) (err error) {
		if session1, err = session(ctx, tx); err == nil {
			session2, err = session(ctx, other)
		}
		return err
	})
	return session1, session2, err
}

func session(ctx context.Context, q Querier) (pid uint32, err error) {
	var id int32
	err = q.QueryRow(ctx, `select pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("detect a pooler: %w", Explain(err))
	}
	return uint32(id), nil
}

// checkEncoding refuses a database in which lengths, comparisons and upper case of texts that are
// not ASCII would be wrong, and a server without ICU, by which names are searched and sorted.
func checkEncoding(ctx context.Context, conn *pgx.Conn) error {
	var encoding, database string
	var icu bool
	err := conn.QueryRow(ctx, `select current_setting('server_encoding'), current_database(),
		exists (select from pg_collation where collname = 'und-x-icu')`).Scan(&encoding, &database, &icu)
	switch {
	case err != nil:
		return fmt.Errorf("read encoding of the database: %w", err)
	case encoding == "UTF8" && icu:
		return nil
	case encoding == "UTF8":
		return fmt.Errorf("the server of database %s was built without ICU, or its collation und-x-icu was dropped: "+
			"use a PostgreSQL built with ICU, as packaged by default", database)
	}
	return fmt.Errorf("database %s is encoded in %s, which cannot store all texts: create another one with "+
		"\"create database NAME template template0 encoding 'UTF8' locale 'C.UTF-8'\", and set LEDGERBOARD_DATABASE_URL to it. "+
		"The tables are built from the log; move schema kept with pg_dump and pg_restore", database, encoding)
}
