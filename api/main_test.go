package api_test

import (
	"testing"

	"go.uber.org/goleak"

	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) {
	leaks.Main(
		pgtest.Runner{Tests: m},
		// Timers of the Socket.IO library; see internal/stream.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	)
}
