package vault

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// How long a mark keeps others from recording the same change, by the database's clock.
const (
	// unsureMark is of whose change it is not known whether the log has it: who set it may have died before. It is longer than the log
	// goes on with an append that nobody waits for, and tables take to show it.
	unsureMark = 5 * time.Minute
	onItsWay   = time.Hour // of whose change the log has: until tables show it, and no longer than this
)

// Marks let one of several fetchers record a change of a connection's state.
type Marks struct{ pool *pgxpool.Pool }

// NewMarks returns the marks of a pool that [OpenFetching] made.
func NewMarks(pool *pgxpool.Pool) *Marks { return &Marks{pool} }

// First reports whether this change of the connection's state is to be recorded, and marks it. It is not while another one to
// the same state is on its way: recorded, and not shown yet. Shown is of when the state is that the tables showed to who asks;
// nil: none.
func (m *Marks) First(ctx context.Context, connection int64, state string, shown *time.Time) (bool, error) {
	tag, err := m.pool.Exec(ctx, `
		insert into connection_marks as m (connection_id, state, at) values ($1, $2, clock_timestamp())
		on conflict (connection_id) do update set state = excluded.state, at = excluded.at, recorded = null
		where m.state <> excluded.state or m.recorded <= $3
		   or m.at < clock_timestamp() - case when m.recorded is null then $4::interval else $5::interval end`,
		connection, state, shown, unsureMark, onItsWay)
	return tag.RowsAffected() > 0, doing(err, "mark connection %d as %s", connection, state)
}

// Recorded notes that the log has the change of a mark, and of which time it is.
func (m *Marks) Recorded(ctx context.Context, connection int64, state string, at time.Time) error {
	_, err := m.pool.Exec(ctx, `update connection_marks set recorded = $3 where connection_id = $1 and state = $2`, connection, state, at)
	return doing(err, "note that the log has connection %d as %s", connection, state)
}
