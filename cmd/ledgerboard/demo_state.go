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

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
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
	if state.Checkpoint, _, err = proof.GenerateKey(); err != nil {
		return nil, err
	}
	// Of two first starts at once the second takes the first's keys: what is sealed in this directory,
	// by whichever of them gets the lock on it, is sealed with those.
	err = state.store(os.Link)
	if errors.Is(err, fs.ErrExist) {
		return loadDemoState(s)
	}
	return state, err
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
func (d *demoState) save() error { return d.store(os.Rename) }

func (d *demoState) store(place func(from, to string) error) error {
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode demo state: %w", err)
	}
	return placeFile(d.path, raw, 0o600, place)
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
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			s.CORSOrigins = append(s.CORSOrigins, "http://"+host+":*", "https://"+host+":*")
		}
	}
	if s.RateLimit == defaultRateLimit {
		s.RateLimit = demoRateLimit
	}
	if s.CheckpointEvery == defaultCheckpointEvery {
		s.CheckpointEvery = demoCheckpointEvery
	}
	if s.PostInsightsCron == defaultPostsCron {
		s.PostInsightsCron = demoPostsCron
	}
}

func randomHex() string {
	var b [vault.KeySize]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// writeFile replaces a file in one step.
func writeFile(path string, raw []byte, mode fs.FileMode) error {
	return placeFile(path, raw, mode, os.Rename)
}

// placeFile writes a file beside its place and then moves it there, or links it, which fails if there is
// one already.
func placeFile(path string, raw []byte, mode fs.FileMode, place func(from, to string) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(file.Name()) // of a moved file there is nothing to remove
	_, err = file.Write(raw)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err == nil {
		err = place(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
