package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the program must be given changes: nobody runs the bench each time.
func TestTheProgramRunsAsItIsMeasured(t *testing.T) {
	b, err := newBench(t.Context(), 1, "")
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	_, brokers, stopLog, err := b.dashboardsLog(t.Context())
	require.NoError(t, err)
	defer stopLog() //nolint:errcheck // a temporary broker
	url, err := b.emptyDatabase(t.Context())
	require.NoError(t, err)

	program, err := b.startServe(t.Context(), brokers, url, "error", t.Output())
	require.NoError(t, err)
	defer program.stop()
	require.NoError(t, program.ready(t.Context()))
}
