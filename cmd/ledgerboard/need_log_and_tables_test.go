package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// Commands that look at a log never make one: a new, empty log would verify.
func TestNothingIsMadeToBeLookedAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nowhere, quiet := storage{DataDir: filepath.Join(dir, "data")}, logging{LogLevel: "error"}
	noTables := nowhere
	noTables.KafkaBrokers = []string{"127.0.0.1:1"}
	const agency, user = "aa0000000000000000000001", "d10000000000000000000001"
	for name, c := range map[string]struct {
		run  func(ctx context.Context, s streams) error
		says string
	}{
		"verify": {verifyCommand{storage: nowhere, logging: quiet, All: true}.Run, "LEDGERBOARD_KAFKA_BROKERS"},
		"replay": {replayCommand{storage: nowhere, logging: quiet, Parent: agency}.Run, "LEDGERBOARD_KAFKA_BROKERS"},
		"export": {exportCommand{storage: nowhere, logging: quiet, Parent: agency, Bundle: filepath.Join(dir, "b")}.Run, "LEDGERBOARD_KAFKA_BROKERS"},
		"erase":  {eraseCommand{storage: nowhere, logging: quiet, User: user, actionFlags: actionFlags{Yes: true, Reason: "test"}, orderFlags: someOrder(), Wait: time.Second}.Run, "LEDGERBOARD_DATABASE_URL"},
	} {
		var said bytes.Buffer
		err := c.run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
		require.Equal(t, exitUsage, exitCode(err, &said), "%s: %v", name, err)
		require.Contains(t, said.String(), c.says, name)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Who meets a running service in its data directory hears how to reach it.
func TestLogOfARunningService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: filepath.Join(dir, "broker")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	err = replayCommand{storage: storage{DataDir: dir}, logging: logging{LogLevel: "error"}, Parent: "aa0000000000000000000001"}.
		Run(t.Context(), streams{Out: io.Discard, Err: io.Discard})
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, "demo.json")
}

func TestVerifyOfAnUnknownAgency(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	c := verifyCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, Parent: "ff0000000000000000000001"}
	var out bytes.Buffer
	err := c.Run(t.Context(), streams{Out: &out, Err: io.Discard})
	require.ErrorContains(t, err, "nothing was verified")
	require.Empty(t, out.String())
}
