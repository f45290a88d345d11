package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrContradiction means that the log contradicts a signed checkpoint. Another signature would
// confirm a modified log; a person must investigate first.
var ErrContradiction = errors.New("the log contradicts a signed checkpoint")

// SignerConfig configures a [Signer].
type SignerConfig struct {
	Source Source
	// Append appends to `operations` and returns nil once the record is acknowledged.
	Append    func(ctx context.Context, d domain.Draft) error
	Key       note.Signer
	Verifiers note.Verifiers // public keys of earlier checkpoints and of Key
	Now       func() time.Time
	Every     time.Duration // interval between checkpoints, even if nothing is new
	Logger    *slog.Logger
	// Renew, if set, returns the current Key and Verifiers, before each signature.
	Renew func() (note.Signer, note.Verifiers, error)
	// Observe, if set, is called at the end of each turn of [Signer.Run], for metrics.
	Observe func(SigningResult)
}

// SigningResult is the result of one turn of [Signer.Run].
type SigningResult struct {
	Checkpoint Checkpoint // the signed checkpoint
	Signed     bool       // false: nothing was new, or Err is set
	// Err wraps [ErrContradiction] if signing is refused until a person has investigated. Any other
	// error is retried.
	Err error
}

// Signer signs checkpoints. It reads only the records appended after its last turn; the first turn
// reads the whole log and compares every earlier checkpoint with it.
type Signer struct {
	SignerConfig

	mu          sync.Mutex
	log         *reader    // nil: nothing has been read
	checkpoints int64      // offset of the next checkpoint to read
	newest      Checkpoint // newest checkpoint read
}

// NewSigner returns a signer; it reads nothing yet.
func NewSigner(c SignerConfig) *Signer { return &Signer{SignerConfig: c} }

// Run takes a turn immediately, so that a process that is killed repeatedly still signs, and then
// one per interval. When ctx is done, it takes a last turn with the context stopped, and returns.
// Errors are logged and retried at the next turn.
func (s *Signer) Run(ctx, stopped context.Context) error {
	ticker := time.NewTicker(s.Every)
	defer ticker.Stop()
	s.turn(ctx)
	for {
		select {
		case <-ticker.C:
			s.turn(ctx)
		case <-ctx.Done():
			s.turn(stopped)
			return nil
		}
	}
}

func (s *Signer) turn(ctx context.Context) {
	c, signed, err := s.Sign(ctx)
	if s.Observe != nil {
		s.Observe(SigningResult{Checkpoint: c, Signed: signed, Err: err})
	}
	switch {
	case err != nil && ctx.Err() != nil: // the process is stopping
	case errors.Is(err, ErrContradiction):
		s.Logger.Error("signing is refused; run 'ledgerboard verify --all'", "error", err)
	case err != nil:
		s.Logger.Warn("cannot sign a checkpoint; retrying at the next interval", "error", err)
	case signed:
		s.Logger.Info("checkpoint signed", "records", c.Records())
	}
}

// Sign signs a checkpoint if there are effective records that no checkpoint covers, or if the
// newest checkpoint is as old as the interval. The error wraps [ErrContradiction] if the log
// contradicts an earlier checkpoint.
func (s *Signer) Sign(ctx context.Context) (c Checkpoint, signed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Renew != nil {
		if s.Key, s.Verifiers, err = s.Renew(); err != nil {
			return Checkpoint{}, false, fmt.Errorf("read the checkpoint key: %w", err)
		}
	}
	if err := s.catchUp(ctx); err != nil {
		s.log = nil // the next turn reads everything again
		return Checkpoint{}, false, err
	}
	c = s.log.checkpoint(s.Now().UTC().Truncate(time.Microsecond))
	// A turn may start slightly less than an interval after the last signature, hence the
	// tolerance. A checkpoint that a wrong clock dated far in the future counts as old; otherwise
	// no checkpoint would be signed until that time.
	age := c.Time.Sub(s.newest.Time).Abs()
	if len(s.newest.Partitions) > 0 && c.Records() == s.newest.Records() && age < s.Every-s.Every/10 {
		return Checkpoint{}, false, nil
	}
	text, err := c.Sign(s.Key)
	if err != nil {
		return Checkpoint{}, false, err
	}
	positions := make([]int64, len(c.Partitions))
	for i, p := range s.log.parts {
		positions[i] = p.next
	}
	id := c.ID()
	err = s.Append(ctx, domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{
			ID: "checkpoint-" + hex.EncodeToString(id[:16]), Subject: format, Time: c.Time,
			Audit: domain.Audit{Actor: "system:checkpoint"},
		},
		Data: domain.CheckpointSigned{Size: c.Records(), Positions: positions, Note: string(text), Topic: s.log.topicID.String()},
	})
	if err != nil {
		return Checkpoint{}, false, fmt.Errorf("append checkpoint: %w", err)
	}
	return c, true, nil
}

func (s *Signer) catchUp(ctx context.Context) error {
	if s.log == nil {
		s.checkpoints, s.newest = 0, Checkpoint{}
	}
	list, next, err := readCheckpoints(ctx, s.Source, s.Verifiers, s.checkpoints)
	if err != nil {
		return err
	}
	ranges, id, err := s.Source.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return fmt.Errorf("read ends of the log: %w", err)
	}
	if s.log == nil {
		s.log = newReader(s.Source, id, len(ranges))
	} else if s.log.topicID != id {
		return errors.New("the topic was deleted and created again")
	}
	for _, c := range list {
		switch {
		case c.err != nil: // a note without a known key proves nothing; verify reports it
			continue
		case len(c.Partitions) != len(ranges):
			return fmt.Errorf("%w: the checkpoint at %s covers %d partitions, but the topic has %d",
				ErrContradiction, c.location, len(c.Partitions), len(ranges))
		}
		if !s.log.expect(c) { // another process signed it at the same time, or read another log
			s.log = nil
			return s.catchUp(ctx)
		}
		if s.newest.Partitions == nil || c.Time.After(s.newest.Time) {
			s.newest = c.Checkpoint
		}
	}
	if err := s.log.read(ctx, ranges, nil); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	for _, c := range list {
		if c.fails {
			return c.contradicted()
		}
	}
	s.checkpoints = next
	return nil
}

// Published is a checkpoint with its signed note.
type Published struct {
	Checkpoint

	Note string
}

// Prover creates proofs for callers of a running service, one bundle at a time.
type Prover struct {
	source Source
	keys   func() (note.Verifiers, error)
	turn   chan struct{}

	mu       sync.Mutex
	verified []Published // the checkpoints before offset next, if all of them are valid
	next     int64
}

// NewProver returns a prover that accepts checkpoints of the given keys. It calls keys for every
// proof, because a signer may publish its key after the prover starts. keys may be nil.
func NewProver(source Source, keys func() (note.Verifiers, error)) *Prover {
	return &Prover{source: source, keys: keys, turn: make(chan struct{}, 1)}
}

// Errors of a [Prover] that callers see.
var (
	errNoKey = domain.NewError(domain.CodeUnavailable,
		"This service has no public key for checkpoints. An operator must set LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS.")
	errUncovered = domain.NewError(domain.CodeConflict,
		"No checkpoint covers this agency yet. Try again after the next checkpoint: "+
			"the service signs one when it starts and then at a configured interval.")
	errContradicted = domain.NewError(domain.CodeConflict,
		"The log contradicts a signed checkpoint, so nothing can be proved from it. "+
			"Notify the operators, and keep your existing bundles and checkpoints.")
)

func (p *Prover) verifiers() (verifiers note.Verifiers, err error) {
	if p.keys != nil {
		verifiers, err = p.keys()
	}
	if err == nil && verifiers == nil {
		err = errNoKey
	}
	return verifiers, err
}

// Bundle writes the proof bundle of one agency, like [Export]; checkpoint is the id of the one that
// the bundle leads to, "" for the newest. Errors: not_found if the agency has no records or the log
// no such checkpoint, conflict if nothing can be proved, unavailable if there is no public key.
func (p *Prover) Bundle(ctx context.Context, parent, checkpoint string, out io.Writer) (Exported, error) {
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
	cfg := ExportConfig{Source: p.source, Parent: parent, Verifiers: verifiers, Checkpoint: checkpoint}
	done, err := Export(ctx, cfg, out)
	switch {
	case errors.Is(err, ErrNotCovered):
		err = fmt.Errorf("%w (%w)", errUncovered, err)
	case errors.Is(err, ErrContradiction):
		err = fmt.Errorf("%w (%w)", errContradicted, err)
	}
	return done, err
}

// Checkpoints returns the checkpoints in the log with valid signatures, oldest first. It verifies
// each once: later calls read only the checkpoints that follow. [Verify] checks whether the log
// matches them.
func (p *Prover) Checkpoints(ctx context.Context) ([]Published, error) {
	verifiers, err := p.verifiers()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list, next, err := readCheckpoints(ctx, p.source, verifiers, p.next)
	if err != nil {
		return nil, err
	}
	published, valid := slices.Clone(p.verified), true
	for _, c := range list {
		if c.err == nil {
			published = append(published, Published{c.Checkpoint, c.note})
		}
		valid = valid && c.err == nil
	}
	if valid { // the signature of an invalid one may be of a key that is added later
		p.verified, p.next = slices.Clone(published), next
	}
	return published, nil
}
