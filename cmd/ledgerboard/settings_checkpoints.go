package main

import (
	"time"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

type checkpointing struct {
	// CheckpointEvery is how often a checkpoint is signed; also at the start and at a graceful stop if there is something new. The
	// demo signs more often.
	CheckpointEvery time.Duration `default:"1h" hidden:""`

	CheckpointKey string `env:"LEDGERBOARD_CHECKPOINT_KEY" placeholder:"SECRET" help:"Private key that signs checkpoints of the history; 'ledgerboard keygen' makes one. None: no checkpoints are signed."`
	// Of keys that signed before.
	CheckpointPublicKeys []string `env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys of earlier checkpoints, or files of them."`
}

func (c checkpointing) validate() (wrong faults) {
	if c.CheckpointKey != "" {
		_, _, err := proof.ParseKey(c.CheckpointKey)
		wrong.unlessf(err == nil, "LEDGERBOARD_CHECKPOINT_KEY: %w ('ledgerboard keygen' makes one)", err)
	}
	wrong.unlessf(c.CheckpointEvery >= time.Second, "--checkpoint-every is %s; use 1s or more", c.CheckpointEvery)
	_, err := evidence{Keys: c.CheckpointPublicKeys}.keys()
	wrong.add(named("LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS", err))
	return wrong
}
