package stream_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	leaks := []goleak.Option{
		// The Socket.IO library's timers: stopping one whose goroutine has not begun to wait leaves that
		// goroutine behind (pkg/utils/timer.go of v3.0.2). On this side of a network it happens often.
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetTimeout.func1"),
		goleak.IgnoreAnyFunction("github.com/zishang520/socket.io/v3/pkg/utils.SetInterval.func1"),
	}
	goleak.VerifyTestMain(patient{m, leaks}, leaks...)
}

// patient gives goroutines that end by themselves the time for it: requests that a closed server cut, on a machine that does other things too. goleak
// alone looks for half a second.
type patient struct {
	*testing.M

	leaks []goleak.Option
}

// Run runs the tests.
func (p patient) Run() int {
	code := p.M.Run()
	for until := time.Now().Add(time.Minute); code == 0 && time.Now().Before(until); {
		if goleak.Find(p.leaks...) == nil { // it takes its time
			break
		}
	}
	return code
}
