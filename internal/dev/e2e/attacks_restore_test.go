//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// restoreAttacks put an older log in the place of the newer one, as a restore does, beside the file of checkpoints that knows the newer one.
func restoreAttacks() []attack {
	logOnly := []string{"--all", "--log-only"}
	return []attack{
		{name: "an older log is put in its place, as of a restore that nobody signed", by: tagThief, shows: "nobody signed a statement about it", never: clean, code: finding, args: logOnly, do: func(s *scene) {
			s.restoreOlder(false)
		}},
		{name: "an older log is put in its place, as of a restore that somebody else's key signed", by: tagThief, shows: "forged, damaged, or signed with a key that was not given", never: clean, code: finding, args: logOnly, do: func(s *scene) {
			forged, _, err := proof.GenerateKey()
			require.NoError(s.t, err)
			s.origin = new(*s.origin)
			s.signer = forged
			s.restoreOlder(true)
		}},
		{name: "an older log is restored under a signed statement", by: "operator", shows: "The statement is signed.", never: "CHECKPOINT", code: restored, args: logOnly, do: func(s *scene) {
			s.restoreOlder(true)
		}},
		{name: "the old statement of a restore is to explain that a newer end is cut off", by: brokers, shows: "is missing from the log", never: clean, code: finding, args: logOnly, do: func(s *scene) {
			s.restoreOlder(true)
			broker, then := filepath.Join(s.dir, "broker"), filepath.Join(s.t.TempDir(), "broker")
			copyDir(s.t, then, broker)
			s.sign(filepath.Join(s.dir, "checkpoints.txt"))
			require.NoError(s.t, os.RemoveAll(broker))
			copyDir(s.t, broker, then)
		}},
	}
}

// restoreOlder puts the older log in place, and begins an epoch behind it.
func (s *scene) restoreOlder(signed bool) {
	s.t.Helper()
	kept, err := os.ReadFile(filepath.Join(s.dir, "checkpoints.txt"))
	require.NoError(s.t, err)
	s.take(s.older)
	file := filepath.Join(s.dir, "checkpoints.txt")
	older, err := os.ReadFile(file)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(file, kept, 0o600))
	text, _, _ := strings.Cut(string(older[strings.LastIndex(string(older), "ledgerboard/dashboards/"):]), "\n\n")
	last, err := proof.ParseCheckpoint(text + "\n")
	require.NoError(s.t, err)
	s.onBrokerAt(func(addrs []string) {
		cfg := s.asItIs(addrs)
		log, err := eventlog.Open(s.t.Context(), cfg)
		require.NoError(s.t, err)
		from := map[string][]int64{}
		for _, topic := range cfg.Topics {
			ranges, _, err := log.Ranges(s.t.Context(), topic.Name)
			require.NoError(s.t, err)
			for _, in := range ranges {
				from[topic.Name] = append(from[topic.Name], in.End)
			}
		}
		epochs, now := log.Epochs(), time.Now().UTC().Truncate(time.Microsecond)
		require.NoError(s.t, log.Close())
		begun := domain.EpochBegun{Number: 1, Log: eventlog.NewLogID().String(), Key: cfg.TagKey.ID(), Restored: &domain.LogRestored{
			From: from, Backup: last.Time, Time: now, Actor: "system:operator", Checkpoint: last.ID().String(),
			Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"},
		}}
		if signed {
			signer, _, err := proof.ParseKey(s.signer)
			require.NoError(s.t, err)
			begun, err = proof.SignRestored(begun, signer)
			require.NoError(s.t, err)
		}
		target, err := eventlog.OpenTarget(s.t.Context(), cfg, epochs)
		require.NoError(s.t, err)
		defer target.Close()
		require.NoError(s.t, target.BeginEpoch(s.t.Context(), begun))
	})
}

// asItIs opens the log of the scene whatever is wrong with it.
func (s *scene) asItIs(addrs []string) eventlog.Config {
	s.t.Helper()
	raw, err := os.ReadFile("../../../deploy/topics.json")
	require.NoError(s.t, err)
	topics, err := eventlog.ParseTopics(raw)
	require.NoError(s.t, err)
	key, err := eventlog.ParseTagKeys(tagKey(s.dir))
	require.NoError(s.t, err)
	return eventlog.Config{Brokers: addrs, Topics: eventlog.OnOneBroker(topics, nil), TagKey: key, Existing: true, Unsafe: func(error) {}}
}
