package proof

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Published is a checkpoint with its signed note.
type Published struct {
	Checkpoint

	Note string
}

// Prover serves proofs to callers of a running service. It makes one bundle at a time.
type Prover struct {
	source Source
	keys   func() (note.Verifiers, error)
	turn   chan struct{}
}

// NewProver returns a prover that accepts checkpoints of the given keys. It calls keys for every
// proof, because a signer may publish its key after the prover starts. If keys is nil or returns
// nil, no key is known.
func NewProver(source Source, keys func() (note.Verifiers, error)) *Prover {
	return &Prover{source: source, keys: keys, turn: make(chan struct{}, 1)}
}

// Errors of a prover for people.
var (
	errNoKey = domain.NewError(domain.CodeUnavailable,
		"This service has no public key for checkpoints. An operator must set LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS.")
	errUncovered = domain.NewError(domain.CodeConflict, "No checkpoint covers this agency yet. Try again after the next checkpoint: "+
		"the service signs one when it starts and then at a configured interval.")
	errContradicted = domain.NewError(domain.CodeConflict, "The log contradicts a signed checkpoint, so nothing can be proved "+
		"from it. Notify the operators, and keep your existing bundles and checkpoints.")
)

// verifiers returns the current keys, or an error for people if none exist.
func (p *Prover) verifiers() (verifiers note.Verifiers, err error) {
	if p.keys != nil {
		verifiers, err = p.keys()
	}
	if err == nil && verifiers == nil {
		err = errNoKey
	}
	return verifiers, err
}

// Bundle writes the proof bundle of one agency, like [Export]. Errors for people are not_found for
// an agency without records, and conflict if nothing can be proved.
func (p *Prover) Bundle(ctx context.Context, parent string, out io.Writer) (Exported, error) {
	verifiers, err := p.verifiers()
	if err != nil {
		return Exported{}, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Exported{}, context.Cause(ctx)
	}
	done, err := Export(ctx, ExportConfig{Source: p.source, Parent: parent, Verifiers: verifiers}, out)
	switch {
	case errors.Is(err, ErrNotCovered):
		err = fmt.Errorf("%w (%w)", errUncovered, err)
	case errors.Is(err, ErrContradiction):
		err = fmt.Errorf("%w (%w)", errContradicted, err)
	}
	return done, err
}

// Checkpoints returns the checkpoints in the log with valid signatures, oldest first. [Verify]
// checks whether the log matches them.
func (p *Prover) Checkpoints(ctx context.Context) ([]Published, error) {
	verifiers, err := p.verifiers()
	if err != nil {
		return nil, err
	}
	list, _, err := readCheckpoints(ctx, p.source, verifiers, 0)
	if err != nil {
		return nil, err
	}
	var published []Published
	for _, c := range list {
		if c.err == nil {
			published = append(published, Published{c.Checkpoint, c.note})
		}
	}
	return published, nil
}
