package projections

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// statements runs each statement on the pool that is the right one when it begins. They implement [pg.Reader].
type statements struct {
	// choose returns that pool, and counts the statement as entering.
	choose func(ctx context.Context) (*readerPool, error)
}

// on runs the beginning of a statement, and again on the next pool when its own was closed between its choice and its use, or
// while it connected.
func on[T any](ctx context.Context, s statements, begin func(*readerPool) (T, error)) (T, error) {
	for {
		pool, err := s.choose(ctx)
		if err != nil {
			var none T
			return none, err
		}
		begun, err := begin(pool)
		pool.entering.Add(-1)
		if err == nil || !pool.left.Load() || !closedUnder(err) {
			return begun, err
		}
	}
}

// closedUnder tells whether a statement has not begun because its pool was closed.
func closedUnder(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return connecting || errors.Is(err, puddle.ErrClosedPool)
}

// Query implements [pg.Reader].
func (s statements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return on(ctx, s, func(p *readerPool) (pgx.Rows, error) { return p.Query(ctx, sql, args...) })
}

// QueryRow implements [pg.Reader].
func (s statements) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return row{func(into []any) error {
		_, err := on(ctx, s, func(p *readerPool) (struct{}, error) { return struct{}{}, p.QueryRow(ctx, sql, args...).Scan(into...) })
		return err
	}}
}

// row is a query of one row that runs when it is scanned.
type row struct{ scan func(into []any) error }

// Scan implements [pgx.Row].
func (r row) Scan(into ...any) error { return r.scan(into) }

// BeginTx implements [pg.Beginner].
func (s statements) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	return on(ctx, s, func(p *readerPool) (pgx.Tx, error) { return p.BeginTx(ctx, options) })
}
