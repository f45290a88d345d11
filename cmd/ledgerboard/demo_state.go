package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/demo"
	"github.com/ledgerboard/ledgerboard/internal/kept"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// demoState is what a demo must find again at its next start: generated secrets, and from which
// moment its history was made. It lies beside the data, readable by its owner alone.
type demoState struct {
	path string

	Seed       uint64    `json:"seed"`
	Anchor     time.Time `json:"anchor"` // the moment of the first start; history ends there
	JWTSecret  string    `json:"jwt_secret"`
	SecretsKey string    `json:"secrets_key"`
	Checkpoint string    `json:"checkpoint_key"` // private; its public key is checkpoint.pub
	FactsDone  bool      `json:"facts_done"`     // directory, posts and readings are in the log
	ChangeDone bool      `json:"changes_done"`   // the dashboards' history is in the log
}

const demoSeed = 20261120

func loadDemoState(s storage) (*demoState, error) {
	path, err := s.dataPath("demo-state.json")
	if err != nil {
		return nil, err
	}
	state := &demoState{path: path}
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, state); err != nil {
			return nil, fmt.Errorf("read %s: %w (remove the data directory to begin anew)", path, err)
		}
		return state, state.makeCheckpointKey()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read demo state: %w", err)
	}
	state.Seed, state.Anchor = demoSeed, time.Now().UTC().Truncate(time.Minute)
	state.JWTSecret, state.SecretsKey = randomHex(), randomHex()
	return state, state.makeCheckpointKey()
}

// makeCheckpointKey completes and stores the state, that of an earlier version of the program too.
func (d *demoState) makeCheckpointKey() (err error) {
	if d.Checkpoint != "" {
		return nil
	}
	if d.Checkpoint, _, err = proof.GenerateKey(); err != nil {
		return err
	}
	return d.save()
}

// save replaces the file in one step, so that a crash leaves the old or the new one.
func (d *demoState) save() error {
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode demo state: %w", err)
	}
	return writeFile(d.path, raw, 0o600)
}

// fill sets what the command line left open.
func (d *demoState) fill(s *settings) {
	if s.JWTSecret == "" && s.JWTKeys == "" {
		s.JWTSecret = d.JWTSecret
	}
	if s.SecretsKey == "" {
		s.SecretsKey = d.SecretsKey
	}
	if s.CheckpointKey == "" {
		s.CheckpointKey = d.Checkpoint
	}
	if len(s.ManagedSubscriptions) == 0 {
		s.ManagedSubscriptions = demo.ManagedSubscriptions()
	}
	if len(s.CORSOrigins) == 0 {
		s.CORSOrigins = []string{"http://localhost:*", "http://127.0.0.1:*"}
	}
	if s.PostInsightsCron == defaultPostsCron {
		s.PostInsightsCron = demoPostsCron
	}
}

func randomHex() string {
	var b [kept.KeySize]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// writeFile replaces a file in one step.
func writeFile(path string, raw []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(raw)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
