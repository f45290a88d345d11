//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// A month-old log is restored into empty brokers and an empty database: all answers are the same.
func TestRestoreOfAnOldBackup(t *testing.T) {
	t.Parallel()
	awayFromQuarterHours(t, 5*time.Minute) // no day ends within one
	lost := t.TempDir()
	p := startDemo(t, lost, frozen...)
	paths := append(p.boardPaths(), p.analyticsPaths(pastRanges())...)
	p.look(paths) // an agency's first GET of a dashboard creates it
	before := p.look(paths)
	p.Stop()

	old, files, restored := t.TempDir(), filepath.Join(t.TempDir(), "backup"), t.TempDir()
	state, err := os.ReadFile(filepath.Join(lost, "demo-state.json"))
	require.NoError(t, err)
	for _, dir := range []string{old, restored} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "demo-state.json"), state, 0o600))
	}
	copyAged(t, old, lost)
	succeeds(t, nil, "backup", "--data-dir", old, "--to", files)
	succeeds(t, nil, "restore", "--data-dir", restored, "--from", files, "--yes", "--reason", "incident:OPS-1")
	succeeds(t, nil, "migrate", "--data-dir", restored, "--adopt-log", "--yes", "--reason", "incident:OPS-1")

	p = startDemo(t, restored, frozen...)
	before.same(t, p.look(paths))
	succeeds(t, p.variables(), "verify", "--tables")
	p.Stop()
}

// copyAged copies the log of a data directory into another one; there each record is a month older.
func copyAged(t *testing.T, to, from string) {
	t.Helper()
	open := func(dir string) (eventlog.Config, func()) {
		data := filepath.Join(dir, "broker", "log")
		require.NoError(t, os.MkdirAll(data, 0o700))
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(data))
		require.NoError(t, err)
		topics, err := app.Topics()
		require.NoError(t, err)
		return eventlog.Config{Brokers: cluster.ListenAddrs(), Topics: eventlog.OnOneBroker(topics, nil), Existing: true, Unsafe: func(error) {}},
			cluster.Close
	}
	cfg, stop := open(from)
	defer stop()
	log, err := eventlog.Open(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	cfg, stop = open(to)
	defer stop()
	cfg.Existing = false
	target, err := eventlog.OpenTarget(t.Context(), cfg)
	require.NoError(t, err)
	defer target.Close()
	require.NoError(t, target.Create(t.Context()))
	for _, topic := range cfg.Topics {
		ranges, id, err := log.Ranges(t.Context(), topic.Name)
		require.NoError(t, err)
		for _, in := range ranges {
			copied, err := target.AppendTo(topic.Name, in.Partition)
			require.NoError(t, err)
			require.NoError(t, log.ReadRaw(t.Context(), topic.Name, id, in, func(r eventlog.Record) error {
				r.Timestamp = r.Timestamp.AddDate(0, -1, 0)
				return copied.Add(t.Context(), r)
			}))
			_, err = copied.End(t.Context())
			require.NoError(t, err)
		}
	}
}
