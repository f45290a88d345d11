package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPauseHoldsUntilResumed(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	pauses := vault.NewPauses(pool)
	requirePaused := func(want bool, projection string) {
		t.Helper()
		paused, err := pauses.Paused(t.Context(), projection)
		require.NoError(t, err)
		require.Equal(t, want, paused)
	}
	requirePaused(false, "dashboards")
	_, err := pool.Exec(t.Context(), `
		insert into paused_projections (projection, reason, actor, at)
		values ('dashboards', 'a look at row 7', 'op-1', now()), ('account_insights', 'disk', 'op-2', now())`)
	require.NoError(t, err)
	requirePaused(true, "dashboards")
	requirePaused(false, "directory")
	_, err = pool.Exec(t.Context(), `delete from paused_projections where projection = 'dashboards'`)
	require.NoError(t, err)
	requirePaused(false, "dashboards")
}
