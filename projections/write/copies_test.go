package write_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Copies that share a connection encode their rows at the same time, as those of a check do.
func TestConcurrentCopiesShareOneConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	const rounds, copies, rows = 40, 8, 5
	for round := range rounds {
		conn, err := pgx.Connect(t.Context(), db.URL) // pgx remembers encodings per connection
		require.NoError(t, err)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		var shared sync.Mutex
		var started, copying sync.WaitGroup
		started.Add(copies)
		errs := make([]error, copies)
		for n := range copies {
			name := fmt.Sprintf("copied_%d", n)
			_, err := tx.Exec(t.Context(), "create temporary table "+name+" (texts text[], small smallint[], large bigint[])")
			require.NoError(t, err)
			table := write.Table[int]{
				Name: name, Columns: []string{"texts", "small", "large"},
				Values: func(i int) []any { return []any{[]string{"a"}, []int16{int16(i)}, []int64{int64(i)}} },
			}
			copying.Go(func() {
				errs[n] = write.Copy(t.Context(), tx.Conn(), &shared, func(into write.Sink) error {
					started.Done()
					started.Wait()
					table.Write(into, []int{1, 2, 3, 4, rows})
					return into.Err()
				})
			})
		}
		copying.Wait()
		for n, err := range errs {
			require.NoError(t, err, "round %d", round)
			var count int
			require.NoError(t, tx.QueryRow(t.Context(), fmt.Sprintf("select count(*) from copied_%d where large[1] > 0", n)).Scan(&count))
			require.Equal(t, rows, count)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}
