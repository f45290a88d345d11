package main

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/upkeep"
)

// patience bounds what tests wait for: only what fails takes so long.
const patience = 5 * time.Minute

// awaitRest waits until services have done what they do at their start, beside all else: they look after compacted topics and read the log back,
// and then pause for an hour. Before that, what a test has them do may be done twice, or undone.
func awaitRest(t *testing.T) {
	t.Helper()
	compacted, readBack := nameOf((*upkeep.Upkeep).RunCompacted), nameOf((*upkeep.Upkeep).RunReadBack)
	require.Eventually(t, func() bool {
		resting := 0
		for stack := range strings.SplitSeq(stacks(), "\n\n") {
			if strings.Contains(stack, compacted+"(") || strings.Contains(stack, readBack+"(") {
				if !strings.Contains(stack, "upkeep.pause(") {
					return false
				}
				resting++
			}
		}
		return resting >= 2
	}, patience, 10*time.Millisecond, "compacted topics are looked after, and the log is read back")
}

// nameOf is what stacks call a function.
func nameOf(function any) string {
	return runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name()
}

// stacks are those of all goroutines.
func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		all := make([]byte, size)
		if n := runtime.Stack(all, true); n < size {
			return string(all[:n])
		}
	}
}
