package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// checkpointPublic is the name of the file of public keys in the data directory. The file is only a
// convenience: auditors must obtain the key from the agency, not from the machine that they audit.
const checkpointPublic = "checkpoint.pub"

type evidence struct {
	Keys []string `name:"key" env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys that verify checkpoints, or files that contain such keys. Default: checkpoint.pub in the data directory, except for bundles."`
}

func (e evidence) keys() ([]string, error) {
	var keys []string
	for _, key := range e.Keys {
		if _, err := proof.ParseVerifiers(key); err == nil {
			keys = append(keys, key)
			continue
		}
		raw, err := os.ReadFile(key)
		if err != nil {
			return nil, fmt.Errorf("%.80q is neither a public key nor a file of public keys", key)
		}
		keys = append(keys, strings.Fields(string(raw))...)
	}
	if _, err := proof.ParseVerifiers(keys...); err != nil {
		return nil, err
	}
	return keys, nil
}

func (e evidence) configuredKeys() (note.Verifiers, error) {
	keys, err := e.keys()
	if err != nil {
		return nil, usageError{fmt.Errorf("--key: %w", err)}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return proof.ParseVerifiers(keys...)
}

// forBundle returns the configured keys or, if trust is set, the key that the bundle names. It
// ignores key files in the current directory because the author of the bundle may have put them
// there.
func (e evidence) forBundle(name string, trust bool) (note.Verifiers, error) {
	known, err := e.configuredKeys()
	if err != nil || known != nil {
		return known, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	defer file.Close()
	key, err := proof.BundleKey(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if known, err = proof.ParseVerifiers(key); err != nil {
		return nil, fmt.Errorf("read %s: key named in the bundle: %w", name, err)
	}
	if !trust {
		return nil, usageError{fmt.Errorf("%s claims to be signed with the key %s. "+
			"Get the agency's public key from a source that you trust and pass it with --key, "+
			"or accept the key of the bundle with --trust-bundle-key", name, key)}
	}
	return known, nil
}

// readKept reads the file of --kept; the name is "" without --kept.
func readKept(ctx context.Context, name string, known note.Verifiers) (kept proof.Kept, err error) {
	if name == "" {
		return kept, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return kept, fmt.Errorf("open kept evidence: %w", err)
	}
	defer file.Close()
	kept, err = proof.ReadKept(contextReader{ctx, file}, known)
	return kept, wrapError("read "+name, err)
}

// verifiers returns the configured keys or, if none are set, those in the data directory.
func (e evidence) verifiers(s storage) (note.Verifiers, error) {
	if known, err := e.configuredKeys(); err != nil || known != nil {
		return known, err
	}
	stored, err := publicKeys(s.DataDir)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	known, err := proof.ParseVerifiers(stored...)
	return known, wrapError("read "+checkpointPublic, err)
}

func publicKeys(dir string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, checkpointPublic))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(raw)), wrapError("read public key", err)
}

// keepPublicKey adds a key to the file of public keys. It keeps the earlier keys, so that
// checkpoints signed with them can still be verified.
func (p *process) keepPublicKey(public string) error {
	keys, err := publicKeys(p.DataDir)
	if err != nil || slices.Contains(keys, public) {
		return err
	}
	text := strings.Join(append(keys, public), "\n") + "\n"
	return backup.ReplaceFile(filepath.Join(p.DataDir, checkpointPublic), []byte(text), 0o644)
}

type checkpointSettings struct {
	// CheckpointEvery is the interval between checkpoints. If there are new records, a checkpoint
	// is also signed at startup and during a graceful shutdown. The demo uses a shorter interval.
	CheckpointEvery time.Duration `default:"1h" hidden:""`

	CheckpointKey        string   `env:"LEDGERBOARD_CHECKPOINT_KEY" placeholder:"SECRET" help:"Private key that signs checkpoints of the history; 'ledgerboard keygen' generates one. Without it, no checkpoints are signed."`
	CheckpointPublicKeys []string `env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys that verify earlier checkpoints, or files that contain such keys."`
}

func (c checkpointSettings) validate() (wrong faults) {
	if c.CheckpointKey != "" {
		_, _, err := proof.ParseKey(c.CheckpointKey)
		wrong.unlessf(err == nil, "LEDGERBOARD_CHECKPOINT_KEY: %w ('ledgerboard keygen' generates one)", err)
	}
	wrong.unlessf(c.CheckpointEvery >= time.Second, "--checkpoint-every is %s; use 1s or more", c.CheckpointEvery)
	_, err := evidence{Keys: c.CheckpointPublicKeys}.keys()
	wrong.add(wrapError("LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS", err))
	return wrong
}
