package analytics_test

import (
	"testing"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func exec(t *testing.T, db *pgtest.DB, sql string, args ...any) {
	t.Helper()
	ledgertest.Exec(t, db.Pool, sql, args...)
}

const (
	agencyA = ledgertest.AgencyA
	agencyB = ledgertest.AgencyB
	clientA = ledgertest.ClientA
	clientB = ledgertest.ClientB
	clientC = ledgertest.ClientC
)

type world = ledgertest.World
