package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Exec runs a statement. Its error starts with doing.
func Exec(ctx context.Context, q Querier, doing, sql string, args ...any) error {
	if _, err := q.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// List reads all rows of a statement.
func List[T any](ctx context.Context, q Querier, doing string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, _ := q.Query(ctx, sql, args...) // rows returns its error
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// Find reads the first row of a statement. It returns false if there are no rows.
func Find[T any](ctx context.Context, q Querier, doing string, scan pgx.RowToFunc[T], sql string, args ...any) (row T, found bool, err error) {
	rows, _ := q.Query(ctx, sql, args...)
	row, err = pgx.CollectOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("%s: %w", doing, err)
	}
	return row, true, nil
}

// QueryBool reads one row with one boolean.
func QueryBool(ctx context.Context, q Querier, doing, sql string, args ...any) (is bool, err error) {
	if err := q.QueryRow(ctx, sql, args...).Scan(&is); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	return is, nil
}
