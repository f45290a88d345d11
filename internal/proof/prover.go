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

// Prover gives evidence to callers of a running service: one bundle is made at a time, the others wait.
type Prover struct {
	source Source
	keys   func() (note.Verifiers, error)
	turn   chan struct{}
}

// NewProver returns a prover that believes the checkpoints of the keys, which are asked for with every proof: a signer may make its
// own known later than the prover starts. No function, or nil from it: no key is known.
func NewProver(source Source, keys func() (note.Verifiers, error)) *Prover {
	return &Prover{source: source, keys: keys, turn: make(chan struct{}, 1)}
}

// What a prover says to people.
var (
	errNoKey = domain.NewError(domain.CodeUnavailable,
		"The service that was asked knows no public key of checkpoints. Its operators set LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS.")
	errUncovered = domain.NewError(domain.CodeConflict, "No checkpoint covers this agency yet. Ask again once the service has signed "+
		"one: it does so at its start, and then at the interval that its operator has set.")
	errContradicted = domain.NewError(domain.CodeConflict, "The log contradicts a signed checkpoint, so that nothing can be proved "+
		"from it. Tell the operators, and keep the bundles and checkpoints that you have.")
)

// known returns the keys of now; that there is none is an error for people.
func (p *Prover) known() (known note.Verifiers, err error) {
	if p.keys != nil {
		known, err = p.keys()
	}
	if err == nil && known == nil {
		err = errNoKey
	}
	return known, err
}

// Bundle writes the proof bundle of one agency, as [Export] does. Errors for people are not_found for an agency without
// records and conflict if nothing can be proved.
func (p *Prover) Bundle(ctx context.Context, parent string, out io.Writer) (Exported, error) {
	known, err := p.known()
	if err != nil {
		return Exported{}, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Exported{}, context.Cause(ctx)
	}
	done, err := Export(ctx, ExportConfig{Source: p.source, Parent: parent, Known: known}, out)
	switch {
	case errors.Is(err, ErrNotCovered):
		err = fmt.Errorf("%w (%w)", errUncovered, err)
	case errors.Is(err, ErrContradiction):
		err = fmt.Errorf("%w (%w)", errContradicted, err)
	}
	return done, err
}

// Checkpoints returns those of the log whose signature holds, oldest first. Whether the log fits them is what [Verify] says.
func (p *Prover) Checkpoints(ctx context.Context) ([]Published, error) {
	known, err := p.known()
	if err != nil {
		return nil, err
	}
	list, _, err := readCheckpoints(ctx, p.source, known, 0)
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
