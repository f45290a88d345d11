package write

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// AppendBinary appends a column value as a rebuild copies it.
var AppendBinary = appendBinary

// The database's first error is returned: nothing is sent after it, because it would only fail with
// the transaction.
func TestCopiesEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	first, sent := errors.New("duplicate key"), 0
	c := NewCopies(t.Context(), nil)
	c.begin(func(context.Context, pgx.Tx) error { sent++; return nil })
	c.begin(func(context.Context, pgx.Tx) error { sent++; return first })
	c.begin(func(context.Context, pgx.Tx) error { sent++; return errors.New("current transaction is aborted") })
	require.ErrorIs(t, c.Wait(), first)
	require.Equal(t, 2, sent)
}
