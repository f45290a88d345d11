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
func TestCopyReturnsFirstDatabaseError(t *testing.T) {
	t.Parallel()
	first, sent := errors.New("duplicate key"), 0
	err := Upsert(t.Context(), nil, &pgx.Batch{}, func(into Sink) error {
		u := into.(*Upserts)
		u.copy(func(context.Context) error { sent++; return nil })
		u.copy(func(context.Context) error { sent++; return first })
		u.copy(func(context.Context) error { sent++; return errors.New("current transaction is aborted") })
		return nil
	})
	require.ErrorIs(t, err, first)
	require.Equal(t, 2, sent)
}
