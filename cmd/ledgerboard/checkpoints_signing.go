package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

func (p *process) startCheckpoints(group *errgroup.Group, ctx context.Context) error {
	switch signs := p.has(roleSigner); {
	case !signs && p.CheckpointKey == "":
		return nil
	case !signs:
		p.logger.Warn("LEDGERBOARD_CHECKPOINT_KEY is set, but this process does not have the role signer " +
			"and needs no key. Only the signer should be able to read the key")
		return nil
	case p.CheckpointKey == "":
		p.logger.Warn("no checkpoints are signed, because LEDGERBOARD_CHECKPOINT_KEY is not set. " +
			"Without checkpoints, a truncated log cannot be detected")
		return nil
	}
	signer, public, err := p.newSigner()
	if err != nil {
		return err
	}
	p.logger.Info("signing checkpoints", "public_key", public, "every", p.CheckpointEvery.String())
	p.stop.run(group, "checkpoint signer", func() error {
		last, cancel := p.stop.finalContext(ctx)
		defer cancel()
		return signer.Run(ctx, last)
	})
	return nil
}

func (p *process) newSigner() (*proof.Signer, string, error) {
	if err := os.MkdirAll(p.DataDir, 0o755); err != nil {
		return nil, "", fmt.Errorf("create data directory: %w", err)
	}
	if _, _, err := p.signingKey(); err != nil {
		return nil, "", err
	}
	_, public, err := proof.ParseKey(p.CheckpointKey)
	if err != nil {
		return nil, "", err
	}
	return proof.NewSigner(proof.SignerConfig{
		Source: p.Log, Append: p.Log.Append, Renew: p.signingKey,
		Now: time.Now, Every: p.CheckpointEvery, Logger: p.logger, Observe: observeCheckpoints(p.registry),
	}), public, nil
}

// signingKey reads the key, which may change while the process runs, and keeps its public key.
func (p *process) signingKey() (note.Signer, note.Verifiers, error) {
	key, public, err := proof.ParseKey(p.CheckpointKey)
	if err != nil {
		return nil, nil, err
	}
	if err := p.keepPublicKey(public); err != nil {
		return nil, nil, err
	}
	// These include the keys of earlier signers in this directory: a signer with a new key
	// continues from their checkpoints.
	known, err := p.checkpointKeys()
	return key, known, err
}

// checkpointKeys returns the configured keys and those in the data directory, or nil if there are
// no keys.
func (p *process) checkpointKeys() (note.Verifiers, error) {
	keys, err := evidence{Keys: p.CheckpointPublicKeys}.keys()
	if err != nil {
		return nil, err
	}
	stored, err := publicKeys(p.DataDir)
	if keys = append(keys, stored...); err != nil || len(keys) == 0 {
		return nil, err
	}
	return proof.ParseVerifiers(keys...)
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
