package projections

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// streamRows hands rows over, one at a time; a row is good until the next.
func streamRows(ctx context.Context, into CopyTarget, table pgx.Identifier, columns []string, rows iter.Seq2[[]any, error]) error {
	next, stop := iter.Pull2(rows)
	defer stop()
	if _, err := into.CopyFrom(ctx, table, columns, &pulled{next: next}); err != nil {
		return fmt.Errorf("copy into %s: %w", table[0], err)
	}
	return nil
}

// pulled is the rows of an iterator as pgx asks for them.
type pulled struct {
	next   func() ([]any, error, bool)
	values []any
	err    error
}

// Next implements [pgx.CopyFromSource].
func (p *pulled) Next() bool {
	var more bool
	p.values, p.err, more = p.next()
	return more && p.err == nil
}

// Values implements [pgx.CopyFromSource].
func (p *pulled) Values() ([]any, error) { return p.values, nil }

// Err implements [pgx.CopyFromSource].
func (p *pulled) Err() error { return p.err }
