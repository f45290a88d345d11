package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Marks let one of several fetchers record a change of a connection's state.
type Marks struct{ pool *pgxpool.Pool }

// NewMarks returns the marks of a pool that [OpenFetching] made.
func NewMarks(pool *pgxpool.Pool) *Marks { return &Marks{pool} }

// First reports whether nobody has marked this state of the connection within so much time before now,
// and marks it. A mark that grew old without showing in the read side was set by somebody who died
// before the log had the change.
func (m *Marks) First(ctx context.Context, connection int64, state string, now time.Time, within time.Duration) (bool, error) {
	tag, err := m.pool.Exec(ctx, `
		insert into connection_marks as m (connection_id, state, at) values ($1, $2, $3)
		on conflict (connection_id) do update set state = excluded.state, at = excluded.at
		where m.state <> excluded.state or m.at < $4`, connection, state, now, now.Add(-within))
	return tag.RowsAffected() > 0, doing(err, "mark connection %d as %s", connection, state)
}

// Forget takes a mark back whose change could not be recorded.
func (m *Marks) Forget(ctx context.Context, connection int64) error {
	_, err := m.pool.Exec(ctx, `delete from connection_marks where connection_id = $1`, connection)
	return doing(err, "take back mark of connection %d", connection)
}
