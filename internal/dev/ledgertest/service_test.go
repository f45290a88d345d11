package ledgertest_test

import (
	"runtime"
	"testing"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// A failed requirement of a condition ends the test, and not only the look.
func TestFailedRequirementEndsTheWait(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ledgertest.Eventually(t, func() bool {
			runtime.Goexit() // as a failed requirement does
			return false
		})
	}()
	ledgertest.Receive(t, ended)
}
