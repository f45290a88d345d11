package readmodels_test

import (
	"testing"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	agencyA = foldtest.AgencyA
	agencyB = foldtest.AgencyB
	clientA = foldtest.ClientA
	clientB = foldtest.ClientB
	clientC = foldtest.ClientC
)

type world = foldtest.World
