package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the program must be given changes: nobody runs the bench each time.
func TestTheProgramRunsAsItIsMeasured(t *testing.T) {
	b, err := newBench(t.Context(), 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	_, _, stopLog, err := b.eventLog(t.Context())
	require.NoError(t, err)
	defer stopLog()
	url, err := b.emptyDatabase(t.Context())
	require.NoError(t, err)

	for tries := 1; ; tries++ {
		program, err := b.startServe(t.Context(), b.brokers, url, t.Output())
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
