package domain

import (
	"errors"
	"fmt"
	"regexp"
)

// EpochBegun says by what the records of a log are judged from a place on: the log's id, and which key tags them. It stands on
// `operations` under [OperationsKeyAll], and its own tag is of the log and the key that it names. The first such record of a number
// counts, later ones say nothing.
type EpochBegun struct {
	Number int    `json:"number"` // 0: from the first record on
	Log    string `json:"log_id"` // 32 hex digits
	Key    string `json:"key_id"` // 16 hex digits, of the key's SHA-256: the key itself is in configuration only
	// Restored says what began the epoch; nil for number 0. A later one without it counts for nothing.
	Restored *LogRestored `json:"restored,omitempty"`
}

// EventType implements [Data].
func (EpochBegun) EventType() string { return "operations.epoch_begun.v1" }

var (
	logIDForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	keyIDForm = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// Validate checks what the judgement of records relies on.
func (e EpochBegun) Validate() error {
	switch {
	case e.Number < 0:
		return fmt.Errorf("epoch number %d is below 0", e.Number)
	case !logIDForm.MatchString(e.Log):
		return fmt.Errorf("log_id %q is not 32 hex digits", e.Log)
	case !keyIDForm.MatchString(e.Key):
		return fmt.Errorf("key_id %q is not 16 hex digits", e.Key)
	case e.Number == 0 && e.Restored != nil:
		return errors.New("no restore begins epoch 0")
	case e.Restored != nil:
		return e.Restored.validate(e.Number)
	}
	return nil
}
