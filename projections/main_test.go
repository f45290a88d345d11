package projections_test

import (
	"testing"

	"go.uber.org/goleak"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

// A stopped engine leaves no goroutine running.
func TestMain(m *testing.M) {
	leaks.Main(pgtest.Runner{Tests: m}, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
