package stream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

func TestMain(m *testing.M) {
	leaks.Main(m,
		// The Socket.IO library's timers: stopping one whose goroutine has not begun to wait leaves that
		// goroutine behind (pkg/utils/timer.go of v3.0.2). On this side of a network it happens often.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	)
}
