package leaks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// What stays is found; what ends while it is looked for is none. Not parallel: it looks at all goroutines of the process.
func TestLateIsNotLeft(t *testing.T) { //nolint:paralleltest // serial
	before := goleak.IgnoreCurrent()
	stays := make(chan struct{})
	go func() { <-stays }()
	require.ErrorContains(t, leaks.Wait(0, before), "TestLateIsNotLeft")
	looked := make(chan error, 1)
	require.Error(t, goleak.Find(before), "it is given up after half a second")
	go func() { looked <- leaks.Wait(time.Minute, before) }()
	close(stays)
	require.NoError(t, <-looked)
	leaks.None(t, before)
}
