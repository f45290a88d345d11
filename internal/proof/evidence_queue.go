package proof

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxWaiting bounds those who wait for their turn: each of them holds a connection, and somebody behind many others would wait longer
// than callers do.
const maxWaiting = 8

// errManyWait is told to whoever finds no place.
var errManyWait = &domain.Error{
	Code: domain.CodeUnavailable, RetryAfter: 60,
	Message: "Others wait for proofs already, and one is made at a time. Ask again in a minute.",
}

// alone runs what reads the whole log when it is its turn, if there is a place to wait for that. It says how many readings had
// begun when that was asked for.
func (p *Prover) alone(ctx context.Context, prove func(known note.Verifiers, begun int) error) error {
	known, err := p.known()
	if err != nil {
		return err
	}
	begun, err := p.enter()
	if err != nil {
		return err
	}
	defer p.leave(begun)
	return p.inTurn(ctx, func() error { return prove(known, begun) })
}

// enter takes a place.
func (p *Prover) enter() (begun int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking > maxWaiting {
		return 0, errManyWait
	}
	p.asking++
	return p.begun, nil
}

// leave gives it back. What was read goes with the last of those who had asked before, whoever else waits by then.
func (p *Prover) leave(begun int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking--
	if begun == p.begun {
		return
	}
	if p.before--; p.before == 0 {
		p.forget()
	}
}

func (p *Prover) forget() {
	if p.read != nil {
		p.read.close()
		p.read = nil
	}
}

// reading is the log for who has the turn and asked when so many readings had begun: the last one if it began later, else a new
// one.
func (p *Prover) reading(ctx context.Context, cfg ExportConfig, begun int) (*exporter, error) {
	p.mu.Lock()
	if p.read != nil && p.begun > begun {
		defer p.mu.Unlock()
		return p.read, nil
	}
	p.forget()
	p.begun++
	p.before = p.asking
	p.mu.Unlock()
	read, err := readWhole(ctx, cfg)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = read
	return read, nil
}

// inTurn runs what reads the whole log when it is its turn. What the log does not bear out is an error for people.
func (p *Prover) inTurn(ctx context.Context, prove func() error) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := prove()
	switch {
	case errors.Is(err, ErrNotCovered):
		return fmt.Errorf("%w (%w)", errUncovered, err)
	case errors.Is(err, ErrContradiction):
		return fmt.Errorf("%w (%w)", errContradicted, err)
	default:
		return err
	}
}
