package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// PublicKeyFile is the name of the file of public keys in the data directory. The file is only a
// convenience: auditors must obtain the key from the agency, not from the machine that they audit.
const PublicKeyFile = "checkpoint.pub"

// StoredKeys returns the public keys of checkpoints in a data directory.
func StoredKeys(dir string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, PublicKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return strings.Fields(string(raw)), nil
}

// CheckpointVerifiers returns the configured public keys of checkpoints and those in the data
// directory. It returns nil if it finds no key, and no proofs are served then. It reads them each
// time, because the signer may publish its key later.
func (c Config) CheckpointVerifiers() (note.Verifiers, error) {
	keys, err := proof.ReadKeys(c.CheckpointPublicKeys)
	if err != nil {
		return nil, err
	}
	if c.DataDir != "" {
		stored, err := StoredKeys(c.DataDir)
		if err != nil {
			return nil, err
		}
		keys = append(keys, stored...)
	}
	return proof.ParseVerifiers(keys...)
}

// KeepPublicKey adds a key to the file of public keys. It keeps the earlier keys, so that checkpoints
// signed with them can still be verified.
func KeepPublicKey(dir, public string) error {
	keys, err := StoredKeys(dir)
	if err != nil || slices.Contains(keys, public) {
		return err
	}
	text := strings.Join(append(keys, public), "\n") + "\n"
	return backup.ReplaceFile(filepath.Join(dir, PublicKeyFile), []byte(text), 0o644)
}

// signingKey reads the key, which may change while the process runs, and keeps its public key. The
// verifiers include the keys of earlier signers in the data directory: a signer with a new key
// continues from their checkpoints.
func (c Config) signingKey() (note.Signer, note.Verifiers, error) {
	key, public, err := proof.ParseKey(c.CheckpointKey)
	if err != nil {
		return nil, nil, err
	}
	if err := KeepPublicKey(c.DataDir, public); err != nil {
		return nil, nil, err
	}
	known, err := c.CheckpointVerifiers()
	return key, known, err
}

// observeCheckpoints returns a function that records the results of the signer in metrics. The
// signer refuses to sign if an earlier checkpoint contradicts the log.
func observeCheckpoints(registry prometheus.Registerer) func(proof.SigningResult) {
	auto := promauto.With(registry)
	turns := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_checkpoint_turns_total",
		Help: "Turns of the checkpoint signer by outcome: signed, nothing_new, failed (retried), " +
			"refused (run 'ledgerboard verify --all').",
	}, []string{"outcome"})
	gauge := func(name, help string) prometheus.Gauge {
		return auto.NewGauge(prometheus.GaugeOpts{Name: "ledgerboard_checkpoint_" + name, Help: help})
	}
	refused := gauge("refused",
		"1 while no checkpoint is signed because the log contradicts an earlier checkpoint. Alert on this value.")
	last := gauge("last_signed_timestamp_seconds",
		"Time when this process last signed a checkpoint; 0 if it has not signed one since startup.")
	covered := gauge("covered_records",
		"Number of records covered by the last checkpoint of this process; 0 if it has not signed one since startup.")
	for _, outcome := range []string{"signed", "nothing_new", "failed", "refused"} {
		turns.WithLabelValues(outcome) // so that rates start at 0
	}
	return func(t proof.SigningResult) {
		outcome := "nothing_new"
		switch {
		case errors.Is(t.Err, proof.ErrContradiction):
			outcome = "refused"
			refused.Set(1)
		case t.Err != nil:
			outcome = "failed"
		case t.Signed:
			outcome = "signed"
			refused.Set(0)
			last.Set(float64(t.Checkpoint.Time.UnixMicro()) / 1e6)
			covered.Set(float64(t.Checkpoint.Records()))
		}
		turns.WithLabelValues(outcome).Inc()
	}
}
