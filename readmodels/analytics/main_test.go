package analytics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func exec(t *testing.T, db *pgtest.DB, sql string, args ...any) {
	t.Helper()
	_, err := db.Pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

const (
	agencyA = foldtest.AgencyA
	agencyB = foldtest.AgencyB
	clientA = foldtest.ClientA
	clientB = foldtest.ClientB
	clientC = foldtest.ClientC
)

type world = foldtest.World
