package vault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/vault"
)

func TestPauseHoldsForItsProjection(t *testing.T) {
	t.Parallel()
	pool := setup(t)
	pauses := vault.NewPauses(pool)
	paused, err := pauses.Paused(t.Context(), "dashboards")
	require.NoError(t, err)
	require.False(t, paused)
	_, err = pool.Exec(t.Context(), `insert into paused_projections (projection, reason, actor, at) values ('dashboards', 'a look at row 7', 'op-1', now())`)
	require.NoError(t, err)
	paused, err = pauses.Paused(t.Context(), "dashboards")
	require.NoError(t, err)
	require.True(t, paused)
	paused, err = pauses.Paused(t.Context(), "directory")
	require.NoError(t, err)
	require.False(t, paused)
}
