package pgtest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shared returns a [testing.TB] for what the tests of a process share. It ends after the last test, and a
// failure ends the process.
func Shared() testing.TB { return &shared }

var shared wholeRun

// wholeRun lasts as long as a [Runner].
type wholeRun struct {
	testing.TB

	ends []func()
}

func (*wholeRun) Helper() {}

func (*wholeRun) Context() context.Context { return context.Background() }

func (*wholeRun) Name() string { return "shared" }

func (w *wholeRun) Cleanup(end func()) { w.ends = append(w.ends, end) }

func (w *wholeRun) TempDir() string {
	dir, err := os.MkdirTemp("", "ledgerboard-shared-")
	require.NoError(w, err)
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (*wholeRun) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (*wholeRun) FailNow() { panic("what the tests share has failed") }

func (w *wholeRun) end() {
	for _, end := range slices.Backward(w.ends) {
		end()
	}
}
