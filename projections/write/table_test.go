package write

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// AppendBinary appends a value of a column as a rebuild copies it.
var AppendBinary = appendBinary

// What the database said first is the cause: nothing is sent after it that would only hear that the transaction has failed.
func TestCopiesEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	first, sent := errors.New("a key is there twice"), 0
	c := NewCopies(t.Context(), nil)
	c.begin(func(context.Context, pgx.Tx) error { sent++; return nil })
	c.begin(func(context.Context, pgx.Tx) error { sent++; return first })
	c.begin(func(context.Context, pgx.Tx) error { sent++; return errors.New("current transaction is aborted") })
	require.ErrorIs(t, c.Wait(), first)
	require.Equal(t, 2, sent)
}
