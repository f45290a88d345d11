package write

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// TableRows are the rows of one table, made as they are asked for.
type TableRows struct {
	Name    string
	Columns []string
	Rows    iter.Seq2[[]any, error]
}

// StreamTables hands over one table after the other.
func StreamTables(ctx context.Context, into CopyTarget, tables ...TableRows) error {
	for _, t := range tables {
		if err := streamRows(ctx, into, identifier(t.Name), t.Columns, t.Rows); err != nil {
			return err
		}
	}
	return nil
}

// streamRows hands rows over, one at a time; a row is good until the next. Without rows the target hears nothing.
func streamRows(ctx context.Context, into CopyTarget, table pgx.Identifier, columns []string, rows iter.Seq2[[]any, error]) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	values, failed, more := next()
	if !more {
		return nil
	}
	first := true
	_, err := into.CopyFrom(ctx, table, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if first {
			first = false
			return values, failed
		}
		values, err, more := next()
		if !more {
			return nil, nil
		}
		return values, err
	}))
	if err != nil {
		return fmt.Errorf("copy into %s: %w", table[0], err)
	}
	return nil
}
