package projections

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
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
	Reads   func() []string // generations that it reads; nil: none, or [Readers], which tell that themselves
	Logger  *slog.Logger
}

// Rhythms of the processes' table.
const (
	beatEvery = time.Second
	// seenOfLate says of a row of processes that it is not taken for gone: its last beat was a moment ago.
	seenOfLate = `seen_at > clock_timestamp() - interval '10 seconds'`
	// foldedSoon is how long one waits for the next beat of a process that began to follow a generation a moment ago.
	foldedSoon = 3 * beatEvery
	// leaveWithin bounds the end: a row that stays has others wait for it, or be refused, until it is taken for gone.
	leaveWithin = 5 * time.Second
)

// RunProcess writes every second what this process is, until ctx is done; then it takes its row away. No generation is
// retired while a process says that it reads it.
func RunProcess(ctx context.Context, c ProcessConfig) {
	p := newPresence(c)
	for ctx.Err() == nil { // a beat that the end cut might be written behind leave
		if err := within(context.WithoutCancel(ctx), beatEvery, p.beat); err != nil && ctx.Err() == nil {
			c.Logger.Debug("processes", "error", err)
		}
		_ = pause(ctx, beatEvery) // the loop looks at ctx
	}
	p.leave(ctx)
}

// Announce is [RunProcess] for whoever reads or folds for a while: when it returns, everybody knows, until stop.
func Announce(ctx context.Context, c ProcessConfig) (stop func(), err error) {
	p := newPresence(c)
	if err := p.beat(ctx); err != nil {
		return nil, err
	}
	return p.keep(ctx), nil
}

// keep writes the row every second, until stop takes it away.
func (p presence) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pause(ctx, beatEvery) == nil {
			if err := within(context.WithoutCancel(ctx), beatEvery, p.beat); err != nil && ctx.Err() == nil {
				p.Logger.Debug("processes", "error", err)
			}
		}
		p.leave(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// presence is a row of table processes.
type presence struct {
	ProcessConfig
	id      uuid.UUID
	host    string
	started time.Time
}

func newPresence(c ProcessConfig) presence {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if c.Reads == nil {
		c.Reads = func() []string { return nil }
	}
	return presence{c, uuid.New(), host, time.Now()}
}

func (p presence) beat(ctx context.Context) error {
	_, err := p.Pool.Exec(ctx, `
		insert into processes (id, host, pid, release, roles, folds, reads, started_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (id) do update set folds = excluded.folds, reads = excluded.reads, seen_at = clock_timestamp()`,
		p.id, p.host, os.Getpid(), p.Release, list(p.Roles), list(p.Folds()), list(p.Reads()), p.started)
	if err != nil {
		return fmt.Errorf("note what this process is: %w", err)
	}
	return nil
}

// leave takes the row away; one that stays is taken for gone: see seenOfLate.
func (p presence) leave(ctx context.Context) {
	_ = within(context.WithoutCancel(ctx), leaveWithin, func(ctx context.Context) error {
		_, err := p.Pool.Exec(ctx, `delete from processes where id = $1 or seen_at < clock_timestamp() - interval '1 day'`, p.id)
		return err
	})
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// list is an array that is never null.
func list[T any](values []T) []T { return append([]T{}, values...) }

// Folded are the generations that some process follows now, as projection.g<number>.
func Folded(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	var names []string
	err := pool.QueryRow(ctx, `
		select coalesce(array_agg(distinct name), '{}') from processes, unnest(folds) as name
		where `+seenOfLate).Scan(&names)
	if err != nil {
		return nil, fmt.Errorf("read who folds: %w", err)
	}
	return names, nil
}

// FoldedSoon tells whether some process follows this generation (projection.g<number>), now or with its next beat: of
// one that began a moment ago the table does not know yet. It waits for 3 s before it says no.
func FoldedSoon(ctx context.Context, pool *pgxpool.Pool, generation string) (bool, error) {
	for end := time.Now().Add(foldedSoon); ; {
		names, err := Folded(ctx, pool)
		if err != nil || slices.Contains(names, generation) {
			return err == nil, err
		}
		if time.Now().After(end) {
			return false, nil
		}
		if err := pause(ctx, beatEvery/10); err != nil {
			return false, err
		}
	}
}

// Holding are the processes that have a role now, as "host (process <pid>)"; role "": all of them.
func Holding(ctx context.Context, pool *pgxpool.Pool, role string) ([]string, error) {
	var names []string
	err := pool.QueryRow(ctx, `
		select coalesce(array_agg(format('%s (process %s)', host, pid) order by host, pid), '{}') from processes
		where ($1 = '' or $1 = any(roles)) and `+seenOfLate, role).Scan(&names)
	if err != nil {
		return nil, fmt.Errorf("read which processes have the role %s: %w", role, err)
	}
	return names, nil
}

// Present tells whether a process of this release with this role is there now.
func Present(ctx context.Context, pool *pgxpool.Pool, role, release string) (present bool, err error) {
	err = pool.QueryRow(ctx, `
		select exists (select from processes where $1 = any(roles) and release = $2 and `+seenOfLate+`)`,
		role, release).Scan(&present)
	if err != nil {
		return false, fmt.Errorf("read which processes there are: %w", err)
	}
	return present, nil
}
