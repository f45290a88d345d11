package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrPooler means that a pooler between this process and the server may assign a different session
// to each transaction.
var ErrPooler = errors.New("the database URL leads to a pooler in transaction mode, which loses session state: " +
	"search paths, LISTEN, advisory locks and prepared statements; connect to the server directly, " +
	"or set the pooler to session mode")

// checkedPath is a search path that nothing else sets.
const checkedPath = "ledgerboard_session_check"

var sessionCheck = map[string]string{"search_path": checkedPath, "application_name": "ledgerboard start"}

// CheckDirect returns [ErrPooler] if the URL leads to a pooler in transaction mode. For a direct
// connection it costs one connection and one statement.
func CheckDirect(ctx context.Context, url string) error {
	first, err := connect(ctx, url, sessionCheck)
	if err != nil {
		return err
	}
	defer first.Close(context.WithoutCancel(ctx))
	pid, path, err := session(ctx, first)
	if err != nil {
		return err
	}
	if path != checkedPath {
		return fmt.Errorf("%w (the pooler dropped the search path of the connection)", ErrPooler)
	}
	if pid == first.PgConn().PID() {
		return nil // poolers report other process ids
	}
	return checkShared(ctx, url, first, pid)
}

// checkShared checks whether two clients of a pooler share sessions or one client gets several. In
// transaction mode, the session of the first connection (pid) is free between its transactions.
func checkShared(ctx context.Context, url string, first *pgx.Conn, pid uint32) error {
	second, err := connect(ctx, url, sessionCheck)
	if err != nil {
		return err
	}
	defer second.Close(context.WithoutCancel(ctx))
	held, other, err := compareSessions(ctx, second, first)
	if err != nil {
		return err
	}
	now, after, err := compareSessions(ctx, first, second)
	if err != nil {
		return err
	}
	if held == pid || other != pid || now != pid || after != held {
		return ErrPooler
	}
	return nil
}

// compareSessions returns the session of one connection in a transaction, and the session of
// another connection during that transaction.
func compareSessions(ctx context.Context, holder, other *pgx.Conn) (session1, session2 uint32, err error) {
	err = pgx.BeginFunc(ctx, holder, func(tx pgx.Tx) (err error) {
		if session1, _, err = session(ctx, tx); err == nil {
			session2, _, err = session(ctx, other)
		}
		return err
	})
	return session1, session2, err
}

func session(ctx context.Context, q Querier) (pid uint32, path string, err error) {
	var id int32
	row := q.QueryRow(ctx, `select pg_backend_pid(), current_setting('search_path')`, pgx.QueryExecModeExec)
	err = row.Scan(&id, &path)
	if err != nil {
		return 0, "", fmt.Errorf("detect a pooler: %w", explainRefusal(err))
	}
	return uint32(id), path, nil
}
