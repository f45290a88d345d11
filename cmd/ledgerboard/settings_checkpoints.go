package main

import (
	"time"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// checkpointInterval is the same for who signs and for who misses a checkpoint.
type checkpointInterval struct {
	CheckpointEvery time.Duration `env:"LEDGERBOARD_CHECKPOINT_EVERY" default:"1h" help:"How often a checkpoint is signed, if there is something new; also at the start and at a graceful stop. To verify, the lack of one for three times that is a finding."`
}

// checkpointing says how the history is signed.
type checkpointing struct {
	checkpointInterval

	CheckpointKey  string `env:"LEDGERBOARD_CHECKPOINT_KEY" placeholder:"SECRET" help:"Private key that signs checkpoints of the history; 'ledgerboard keygen' makes one. None: no checkpoints are signed."`
	CheckpointFile string `env:"LEDGERBOARD_CHECKPOINT_FILE" placeholder:"FILE" help:"A file outside the log that also gets each checkpoint. None: checkpoints.txt in the data directory."`
	// Of keys that signed before.
	CheckpointPublicKeys []string `env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys of earlier checkpoints, or files of them."`
}

// validate returns every fault.
func (c checkpointing) validate() (wrong faults) {
	if c.CheckpointKey != "" {
		_, _, err := proof.ParseKey(c.CheckpointKey)
		wrong.unlessf(err == nil, "LEDGERBOARD_CHECKPOINT_KEY: %w ('ledgerboard keygen' makes one)", err)
	}
	wrong.unlessf(c.CheckpointEvery >= time.Second, "LEDGERBOARD_CHECKPOINT_EVERY is %s; use 1s or more", c.CheckpointEvery)
	_, err := evidence{Keys: c.CheckpointPublicKeys}.keys()
	wrong.add(named("LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS", err))
	return wrong
}
