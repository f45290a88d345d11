package projections_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Tables and checkpoints go back under a process that follows them, as a restored database or one that failed over does.
// Nothing new comes, and yet they are folded again from there; nothing is folded twice.
func TestSetBackTablesAreFoldedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.engine(tally{})
	b.start(e)
	for n := range 6 {
		b.append(postRead(int64(n%3+1), n))
	}
	b.caughtUp(e)
	b.eachOnce(6)
	require.NoError(t, pgx.BeginFunc(b.ctx(), b.db.Pool, func(tx pgx.Tx) error {
		for _, sql := range []string{"truncate tally", "update checkpoints set next_offset = 0 where projection = 'tally'"} {
			if _, err := tx.Exec(b.ctx(), sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	}))
	require.Eventually(t, func() bool { return b.count("select count(*) from tally") == 6 }, patience, tick)
	b.caughtUp(e)
	b.eachOnce(6)
	b.append(postRead(1, 6))
	b.caughtUp(e)
	b.eachOnce(7)
}
