package readmodels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// The position changes with every table that figures are read from, and with no other.
func TestPositionMovesWithTheTables(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	positions := readmodels.Positions{Pool: db.ReadOnly}
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := db.Pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	read := func() string {
		t.Helper()
		position, err := positions.Position(t.Context())
		require.NoError(t, err)
		return position
	}
	require.Empty(t, read())
	for _, name := range []string{
		projections.AccountInsights{}.Name(), projections.PostInsights{}.Name(), projections.Directory{}.Name(), projections.Operations{}.Name(),
	} {
		before := read()
		exec(`insert into generations values ($1, 1, 1, 't', gen_random_uuid(), 'building', '{}')`, name)
		exec(`insert into checkpoints values ($1, 1, 3, 'building', 10, 0, null, now(), now())`, name)
		require.Equal(t, before, read(), "a generation in the making is not read")
		for _, sql := range []string{
			`update checkpoints set state = 'live' where projection = $1`,
			`update checkpoints set next_offset = next_offset + 1 where projection = $1`,
			`update checkpoints set epoch = epoch + 1 where projection = $1`,
			`insert into checkpoints values ($1, 1, 4, 'live', 0, 0, null, now(), now())`,
		} {
			before := read()
			exec(sql, name)
			require.NotEqual(t, before, read(), "%s: %s", name, sql)
		}
	}
	before := read()
	exec(`insert into generations values ('dashboards', 1, 1, 't', gen_random_uuid(), 'live', '{}')`)
	exec(`insert into checkpoints values ('dashboards', 1, 0, 'live', 10, 0, null, now(), now())`)
	exec(`update checkpoints set progressed_at = now() + interval '1 minute'`)
	require.Equal(t, before, read(), "what a viewer may see is not a matter of the position")
}
