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

// startCheckpoints signs checkpoints in a process of the role signer. Another one says which process does.
func (p *process) startCheckpoints(group *errgroup.Group, ctx context.Context) error {
	if !p.has(roleSigner) {
		p.sayWhoSigns()
		return nil
	}
	if p.CheckpointKey == "" {
		p.logger.Warn("no checkpoints are signed: LEDGERBOARD_CHECKPOINT_KEY is not set, so that a cut-off end of the log would not show")
		return nil
	}
	signer, public, err := p.newSigner()
	if err != nil {
		return err
	}
	p.logger.Info("checkpoints are signed", "public_key", public, "every", p.CheckpointEvery.String())
	p.stop.run(group, "the signer of checkpoints", func() error {
		last, cancel := p.stop.last(ctx)
		defer cancel()
		return signer.Run(ctx, last)
	})
	return nil
}

// sayWhoSigns warns, at the start of a process that signs no checkpoints, of a key that it does not need.
func (p *process) sayWhoSigns() {
	switch {
	case p.CheckpointKey == "":
	case p.has(roleProjector): // which signed before there was the role signer: without it an older configuration would lose its checkpoints
		p.logger.Error("LEDGERBOARD_CHECKPOINT_KEY is set, and this process has the role projector, which signs no more: it signs nothing. Add signer " +
			"to LEDGERBOARD_ROLES here, or take the key away here and give it to a process of the role signer")
	default:
		p.logger.Warn("LEDGERBOARD_CHECKPOINT_KEY is set, and this process has not the role signer: it needs no key; keep it where the signer alone can read it")
	}
}

func (p *process) newSigner() (*proof.Signer, string, error) {
	key, public, err := proof.ParseKey(p.CheckpointKey)
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(p.DataDir, 0o755); err != nil {
		return nil, "", fmt.Errorf("make data directory: %w", err)
	}
	if err := p.keepPublicKey(public); err != nil {
		return nil, "", err
	}
	known, err := p.checkpointKeys() // those of who signed here before, too: a new key goes on from what the old one signed
	if err != nil {
		return nil, "", err
	}
	return proof.NewSigner(proof.SignerConfig{
		Source: p.Log, Append: p.Log.Append, Key: key, Known: known,
		Now: time.Now, Every: p.CheckpointEvery, Logger: p.logger, Observe: observeCheckpoints(p.registry),
	}), public, nil
}

// checkpointKeys are the public keys that a signer goes on from, and that auditors' proofs rest on: the named ones, and those of who signed beside this data
// directory. nil: none is known.
func (p *process) checkpointKeys() (note.Verifiers, error) {
	keys, err := evidence{Keys: p.CheckpointPublicKeys}.keys()
	if err != nil {
		return nil, err
	}
	beside, err := publicKeys(p.DataDir)
	if keys = append(keys, beside...); err != nil || len(keys) == 0 {
		return nil, err
	}
	return proof.ParseVerifiers(keys...)
}

// observeCheckpoints counts the turns of the signer of checkpoints and tells whether it refuses to sign:
// then what was signed earlier is not what the log holds, and nobody but a person may go on.
func observeCheckpoints(registry prometheus.Registerer) func(proof.Turn) {
	auto := promauto.With(registry)
	turns := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "ledgerboard_checkpoint_turns_total",
		Help: "Turns of the signer of checkpoints by outcome: signed, nothing_new, failed (tried again), refused (run 'ledgerboard verify --all').",
	}, []string{"outcome"})
	gauge := func(name, help string) prometheus.Gauge {
		return auto.NewGauge(prometheus.GaugeOpts{Name: "ledgerboard_checkpoint_" + name, Help: help})
	}
	refused := gauge("refused", "1 while no checkpoint is signed because the log contradicts an earlier one. Alert on it.")
	last := gauge("last_signed_timestamp_seconds", "When this process last signed a checkpoint; 0: not since its start.")
	covered := gauge("covered_records", "Records that the last checkpoint of this process covers; 0: none since its start.")
	for _, outcome := range []string{"signed", "nothing_new", "failed", "refused"} {
		turns.WithLabelValues(outcome) // so that a rate over them begins at 0
	}
	return func(t proof.Turn) {
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
