package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

type evidence struct {
	Keys []string `name:"key" env:"LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS" placeholder:"KEY|FILE,…" help:"Public keys that verify checkpoints, or files that contain such keys. Default: checkpoint.pub in the data directory, except for bundles."`
}

func (e evidence) configuredKeys() (note.Verifiers, error) {
	keys, err := proof.ReadKeys(e.Keys)
	if err != nil {
		return nil, usageError{fmt.Errorf("--key: %w", err)}
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
	stored, err := app.StoredKeys(s.DataDir)
	if err != nil {
		return nil, err
	}
	known, err := proof.ParseVerifiers(stored...)
	return known, wrapError("read "+app.PublicKeyFile, err)
}
