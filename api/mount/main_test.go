package mount_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) {
	leaks.Main(
		pgtest.Runner{Tests: m},
		// sarama's metrics library keeps one ticker for ever.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// Timers of the Socket.IO library; see internal/stream.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	)
}
