package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
)

// What the program must be given changes: nobody runs the bench each time.
func TestTheProgramRunsAsItIsMeasured(t *testing.T) {
	b, err := newBench(t.Context(), 1, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	_, brokers, stopLog, err := b.dashboardsLog(t.Context())
	require.NoError(t, err)
	defer stopLog()
	url, err := b.emptyDatabase(t.Context())
	require.NoError(t, err)

	for tries := 1; ; tries++ {
		program, err := b.startServe(t.Context(), brokers, url, "error", t.Output())
		require.NoError(t, err)
		err = program.ready(t.Context())
		program.stop()
		if tries < 3 && errors.Is(err, errEnded) { // another process may have taken the port
			continue
		}
		require.NoError(t, err)
		break
	}
}

func TestTheFetcherRunsAsItIsMeasured(t *testing.T) {
	b, err := newBench(t.Context(), 1, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	stack, platform, err := b.ingestion(t.Context(), 100, collect.MaxParallel)
	require.NoError(t, err)
	defer stack.Close()
	defer platform.Close()
	before, err := logged(t.Context(), stack)
	require.NoError(t, err)

	program, err := b.startFetcher(t.Context(), stack, platform, t.Output())
	require.NoError(t, err)
	defer program.stop()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		after, err := logged(t.Context(), stack)
		require.NoError(t, err)
		if after > before {
			return
		}
		select {
		case <-program.ended:
			require.Fail(t, "the fetcher has ended by itself")
		default:
			require.Less(t, time.Since(began), startWithin, "the fetcher reads nothing")
		}
	}
}
