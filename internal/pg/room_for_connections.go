package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// CheckRoom compares how many connections a process may open with what the server has room for: over is an error's
// sentence when they can never all be had, tight when others hold so many now that they cannot.
func CheckRoom(ctx context.Context, q *pgxpool.Pool, mine int32) (over, tight string, err error) {
	var room, others int32
	err = q.QueryRow(ctx, `
		select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
		       (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())::int`).Scan(&room, &others)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("read how many connections the server takes: %w", err)
	case mine > room:
		over = fmt.Sprintf("this process may open %d connections to the database, and the server takes %d: raise its max_connections", mine, room)
	case mine > room-others:
		tight = fmt.Sprintf("this process may open %d connections to the database, the server takes %d, and others hold %d: raise its max_connections",
			mine, room, others)
	}
	return over, tight, nil
}
