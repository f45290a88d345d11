package projections

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ProcessConfig says what a process is.
type ProcessConfig struct {
	Pool    *pgxpool.Pool // of schema lb_engine
	Release string
	Roles   []string
	Folds   func() []string // generations that it follows, as projection.g<number>
	Reads   func() []string // generations that it reads
	Logger  *slog.Logger
}

// Rhythms of the processes' table.
const (
	beatEvery = time.Second
	// goneAfter is how long after its last beat a process is taken for gone.
	goneAfter = 10 * time.Second
)

// RunProcess writes every second what this process is, until ctx is done; then it takes its row away. No generation is
// retired while a process says that it reads it.
func RunProcess(ctx context.Context, c ProcessConfig) {
	id, started := uuid.New(), time.Now()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	beat := func(ctx context.Context) error {
		_, err := c.Pool.Exec(ctx, `
			insert into processes (id, host, pid, release, roles, folds, reads, started_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (id) do update set folds = excluded.folds, reads = excluded.reads, seen_at = clock_timestamp()`,
			id, host, os.Getpid(), c.Release, list(c.Roles), list(c.Folds()), list(c.Reads()), started)
		if err != nil {
			return fmt.Errorf("note what this process is: %w", err)
		}
		return nil
	}
	for ctx.Err() == nil {
		if err := within(ctx, beatEvery, beat); err != nil && ctx.Err() == nil {
			c.Logger.Debug("processes", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(beatEvery):
		}
	}
	_ = within(context.WithoutCancel(ctx), beatEvery, func(ctx context.Context) error { // a row that stays is gone after goneAfter
		_, err := c.Pool.Exec(ctx, `delete from processes where id = $1 or seen_at < clock_timestamp() - interval '1 day'`, id)
		return err
	})
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// list is an array that is never null.
func list(names []string) []string { return append([]string{}, names...) }

// Folded are the generations that some process follows now, as projection.g<number>.
func Folded(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	var names []string
	err := pool.QueryRow(ctx, `
		select coalesce(array_agg(distinct name), '{}') from processes, unnest(folds) as name
		where seen_at > clock_timestamp() - $1::interval`, goneAfter).Scan(&names)
	if err != nil {
		return nil, fmt.Errorf("read who folds: %w", err)
	}
	return names, nil
}
