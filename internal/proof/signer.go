package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrContradiction says that the log contradicts a signed checkpoint. Signing on would confirm what was done to the log; a
// person must look first.
var ErrContradiction = errors.New("the log contradicts a signed checkpoint")

// SignerConfig says what a [Signer] needs.
type SignerConfig struct {
	Source Source
	// Append appends to `operations` and returns nil once it is acknowledged.
	Append func(ctx context.Context, d domain.Draft) error
	Key    note.Signer
	// Known are the keys of earlier checkpoints, Key's own included.
	Known note.Verifiers
	Now   func() time.Time
	// Every is how often one is signed, also when nothing is new.
	Every  time.Duration
	Logger *slog.Logger
	// Observe is called with the end of each turn of [Signer.Run], for metrics; nil: not at all.
	Observe func(Turn)
}

// Turn is how one turn of [Signer.Run] ended.
type Turn struct {
	Checkpoint Checkpoint // the one that was signed
	Signed     bool       // false: there was nothing new, or Err
	// Err wraps [ErrContradiction] when signing is refused until a person has looked; any other error is tried again.
	Err error
}

// Signer makes checkpoints. It reads only what is new since its last turn; the first one reads the whole log and compares
// every earlier checkpoint with it.
type Signer struct {
	SignerConfig

	mu          sync.Mutex
	log         *reader    // nil: nothing is read yet
	checkpoints int64      // offset to read checkpoints from
	newest      Checkpoint // of those that were read
}

// NewSigner takes what the signer needs; nothing is read yet.
func NewSigner(c SignerConfig) *Signer { return &Signer{SignerConfig: c} }

// Run takes a turn at once, so that a process that is killed again and again still signs, then every so often, and once
// more when ctx ends, until stopped is done. It returns nil then; what goes wrong in between is logged and tried again at
// the next turn.
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
		s.Observe(Turn{Checkpoint: c, Signed: signed, Err: err})
	}
	switch {
	case err != nil && ctx.Err() != nil: // it was cut by the end of the process; the last turn follows
	case errors.Is(err, ErrContradiction):
		s.Logger.Error("no checkpoint is signed: run 'ledgerboard verify --all'", "error", err)
	case err != nil:
		s.Logger.Warn("no checkpoint was signed; it is tried again", "error", err)
	case signed:
		s.Logger.Info("checkpoint signed", "records", c.Records())
	}
}

// Sign makes one checkpoint if there are effective records that none covers yet, or if the newest one is as old as the
// interval. signed is false when there was nothing to do. The error wraps [ErrContradiction] when the log contradicts an
// earlier checkpoint. Processes that sign at the same moment make a checkpoint each, and both hold.
func (s *Signer) Sign(ctx context.Context) (c Checkpoint, signed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.catchUp(ctx); err != nil {
		s.log = nil // everything is read again next time
		return Checkpoint{}, false, err
	}
	c = s.log.checkpoint(s.Now().UTC().Truncate(time.Microsecond))
	// A turn comes a little less than an interval after the signature of the turn before. A checkpoint that a wrong clock dated far
	// ahead is as good as an old one: none would be signed until then.
	age := c.Time.Sub(s.newest.Time).Abs()
	if len(s.newest.Partitions) > 0 && c.Records() == s.newest.Records() && age < s.Every-s.Every/10 {
		return Checkpoint{}, false, nil
	}
	text, err := c.Sign(s.Key)
	if err != nil {
		return Checkpoint{}, false, err
	}
	id := c.ID()
	err = s.Append(ctx, domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{
			ID: "checkpoint-" + hex.EncodeToString(id[:16]), Subject: origin, Time: c.Time,
			Audit: domain.Audit{Actor: "system:checkpoint"},
		},
		Data: domain.CheckpointSigned{Size: c.Records(), Positions: c.positions(), Note: string(text)},
	})
	if err != nil {
		return Checkpoint{}, false, fmt.Errorf("append checkpoint: %w", err)
	}
	return c, true, nil
}

// catchUp reads new checkpoints and new records, and compares the former with the latter.
func (s *Signer) catchUp(ctx context.Context) error {
	if s.log == nil {
		s.checkpoints, s.newest = 0, Checkpoint{}
	}
	list, next, err := readCheckpoints(ctx, s.Source, s.Known, s.checkpoints)
	if err != nil {
		return err
	}
	ranges, id, err := s.Source.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return fmt.Errorf("read ends of the log: %w", err)
	}
	ends := endsOf(ranges)
	if s.log == nil {
		s.log = newReader(s.Source, id, len(ends))
	} else if s.log.topicID != id {
		return errors.New("the topic was deleted and created again")
	}
	for _, c := range list {
		switch {
		case c.err != nil: // a note of no known key proves nothing; verify reports it
			continue
		case len(c.Partitions) != len(ends):
			return fmt.Errorf("%w: the one at %s covers %d partitions, the topic has %d", ErrContradiction, c.where, len(c.Partitions), len(ends))
		}
		s.log.expect(c)
		if s.newest.Partitions == nil || c.Time.After(s.newest.Time) {
			s.newest = c.Checkpoint
		}
	}
	if err := s.log.read(ctx, ends, nil); err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	for _, c := range list {
		if c.fails {
			return fmt.Errorf("%w: the one of %s at %s", ErrContradiction, c.Time.Format(timeLayout), c.where)
		}
	}
	s.checkpoints = next
	return nil
}

// positions are the offsets up to which a checkpoint covers each partition.
func (c Checkpoint) positions() []int64 {
	positions := make([]int64, len(c.Partitions))
	for i, p := range c.Partitions {
		positions[i] = p.Next
	}
	return positions
}
