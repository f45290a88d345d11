package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Commands that inspect a log never create one: an empty log would verify.
func TestReadingCommandsCreateNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nowhere, erase := storage{DataDir: filepath.Join(dir, "data")}, eraseErna(storage{DataDir: filepath.Join(dir, "data")})
	erase.Wait = time.Second
	const agency = "aa0000000000000000000001"
	for _, c := range []struct {
		command command
		says    string
	}{
		{verifyCommand{storage: nowhere, logging: quiet, All: true}, "LEDGERBOARD_KAFKA_BROKERS"},
		{replayCommand{storage: nowhere, logging: quiet, Parent: agency}, "LEDGERBOARD_KAFKA_BROKERS"},
		{exportCommand{storage: nowhere, logging: quiet, Parent: agency, Bundle: filepath.Join(dir, "b")}, "LEDGERBOARD_KAFKA_BROKERS"},
		{erase, "LEDGERBOARD_DATABASE_URL"},
	} {
		var said bytes.Buffer
		_, err := runCommand(t, c.command)
		require.Equal(t, exitUsage, exitCode(err, &said), "%T: %v", c.command, err)
		require.Contains(t, said.String(), c.says, "%T", c.command)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// If a running service locks the data directory, the error says how to connect to it.
func TestLogOfARunningService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{DataDir: filepath.Join(dir, "broker")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	_, err = runCommand(t, replayCommand{storage: storage{DataDir: dir}, logging: quiet, Parent: "aa0000000000000000000001"})
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, "demo.json")
}

func TestLogShowsTopics(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	command := logCommand{storage: a.storage(), logging: quiet}
	require.Regexp(t, `(?m)^dashboards +12 +3 +`, mustRun(t, command))
	command.JSON = true
	var report struct{ Topics []operator.Topic }
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, command)), &report))
	require.Len(t, report.Topics, len(a.log.Codec().Topics()))
}

// prepare builds missing tables and keeps the live ones.
func TestPrepareCommand(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	prepare := func(names ...string) (stdout, stderr string, err error) {
		var out, errs bytes.Buffer
		c := prepareCommand{storage: a.storage(), logging: quiet, actionFlags: someReason, Names: names}
		err = c.Run(t.Context(), streams{Out: &out, Err: &errs})
		return out.String(), errs.String(), err
	}
	requireGenerations := func(want ...string) {
		require.Equal(t, want, column[string](t, a.db.Pool, `
			select format('%s %s of %s', projection, state, version = 999) from generations order by projection, generation`))
	}
	stdout, stderr, err := prepare("dashboards", "directory")
	require.NoError(t, err)
	require.Contains(t, stderr, "dashboards: generation 1 of version")
	require.Regexp(t, `directory: generation \d is ready for readers of this version`, stdout)
	stdout, stderr, err = prepare("dashboards", "directory")
	require.NoError(t, err)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "directory: generation")
	requireGenerations("dashboards live of f", "directory live of f")

	// A generation of another version is live: prepare builds one for this version and keeps the
	// other one for its readers.
	_, err = a.db.Pool.Exec(t.Context(), `update generations set version = 999 where projection = 'directory'`)
	require.NoError(t, err)
	_, _, err = prepare("directory")
	require.NoError(t, err)
	requireGenerations("dashboards live of f", "directory live of t", "directory live of f")

	_, _, err = prepare("nonesuch")
	require.ErrorAs(t, err, new(usageError))
	require.ErrorContains(t, err, "unknown read model")
}
