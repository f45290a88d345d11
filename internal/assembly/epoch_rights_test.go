package assembly_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
)

// Who folds, and operators, may take an epoch over into a database where each role has its own rights; who answers people or reads platforms may not.
func TestWhoMayTakeAnEpochOver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	require.NoError(t, migrations.Grant(t.Context(), db.URL, nil))
	for role, may := range map[string]bool{"projector": true, "operator": true, "api": false, "connect": false, "fetcher": false, "signer": false} {
		tx, err := db.Pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "set local role ledgerboard_"+role)
		require.NoError(t, err)
		err = takeOver(t, tx)
		if may {
			require.NoError(t, err, role)
		} else {
			require.ErrorContains(t, err, "SQLSTATE 42501", role)
		}
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func takeOver(t *testing.T, tx pgx.Tx) error {
	t.Helper()
	epoch := vault.Epoch{Number: 1, Log: strings.Repeat("0a", 16), Key: strings.Repeat("a", 16)}
	fresh, err := vault.TakeOver(t.Context(), tx, epoch, time.Now())
	if err != nil {
		return err
	}
	require.True(t, fresh)
	_, err = projections.LeaveAll(t.Context(), tx)
	return err
}
