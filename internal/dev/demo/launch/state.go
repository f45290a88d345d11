package launch

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

	"github.com/ledgerboard/ledgerboard/internal/backup"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// State is what a demo must find again at its next start: generated secrets, and from which
// moment its history was made. It lies beside the data, readable by its owner alone.
type State struct {
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

// stateFile is the state's name in the data directory.
const stateFile = "demo-state.json"

// LoadState reads the state in a data directory, or makes that of a first start.
func LoadState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	path := filepath.Join(dir, stateFile)
	state := &State{path: path}
	raw, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, state); err != nil {
			return nil, fmt.Errorf("read %s: %w (remove the data directory to start over)", path, err)
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
	err = state.saveFirst()
	if errors.Is(err, fs.ErrExist) {
		return LoadState(dir)
	}
	return state, err
}

// makeCheckpointKey completes and stores the state, that of an earlier version of the program too.
func (s *State) makeCheckpointKey() (err error) {
	if s.Checkpoint != "" {
		return nil
	}
	if s.Checkpoint, _, err = proof.GenerateKey(); err != nil {
		return err
	}
	return s.save()
}

// save replaces the file in one step, so that a crash leaves the old or the new one.
func (s *State) save() error { return s.write(s.path) }

// saveFirst fails if there is one already.
func (s *State) saveFirst() error {
	beside := s.path + "." + randomHex()
	defer os.Remove(beside)
	if err := s.write(beside); err != nil {
		return err
	}
	if err := os.Link(beside, s.path); err != nil {
		return fmt.Errorf("write demo state: %w", err)
	}
	return nil
}

func (s *State) write(path string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode demo state: %w", err)
	}
	return backup.ReplaceFile(path, raw, 0o600)
}

func randomHex() string {
	var b [vault.KeySize]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
