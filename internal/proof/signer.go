package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrContradiction says that a checkpoint that was signed earlier is not borne out by the log, or is missing from
// it. Signing on would bless what was done to the log; somebody must look first.
var ErrContradiction = errors.New("the log contradicts an earlier checkpoint")

// SignerConfig says what a [Signer] needs.
type SignerConfig struct {
	Source Source
	// Append appends to `operations` and returns nil once it is acknowledged.
	Append func(ctx context.Context, d domain.Draft) error
	File   File
	Key    note.Signer
	// Known are the keys of earlier checkpoints, Key's own included.
	Known note.Verifiers
	// Lock keeps other processes from signing at the same time; ok is false while another one holds it.
	// Losing it is harmless: see the package's document. nil: there is no other process.
	Lock func(ctx context.Context) (release func(), ok bool, err error)
	Now  func() time.Time
	// Every is how often one is signed: also when nothing is new, so that their absence says something.
	Every  time.Duration
	Logger *slog.Logger
	// Observe is told how each turn of [Signer.Run] ended, for metrics; nil: nobody is.
	Observe func(Turn)
}

// Turn is how one turn of [Signer.Run] ended.
type Turn struct {
	Checkpoint Checkpoint // the one that was signed
	Signed     bool       // false: there was nothing new, another process is at it, or Err
	// Err wraps [ErrContradiction] when signing is refused until a person has looked; any other error is
	// tried again.
	Err error
}

// Signer makes checkpoints. It keeps the trees' frontier and the streams' heads between two of them
// (some 150 bytes an agency), and reads only what is new; at the first checkpoint after its start it
// reads the whole log (48 bytes a record on disk for that time) and holds every earlier checkpoint against it.
type Signer struct {
	SignerConfig

	mu         sync.Mutex
	operations int64 // offset to read checkpoints from
	ledger     *ledger
	book       *book
	tip        *entry // nil: none was signed yet
}

// NewSigner takes what the signer needs; nothing is read yet.
func NewSigner(c SignerConfig) *Signer { return &Signer{SignerConfig: c} }

// Run takes a turn at once, so that a process that is killed again and again still signs, then every so often,
// and once more when ctx ends, until stopped is done. It returns nil then; what goes wrong in between is
// logged and tried again at the next turn.
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
		s.Logger.Info("checkpoint signed", "records", c.Size, "agencies", c.HeadCount)
		if c.OutOfTime.Count > 0 {
			s.Logger.Error("records cannot be of the time that they say: the clock of a process is wrong, or somebody who has a key wrote them",
				"records", c.OutOfTime.Count, "first", placeText(c.OutOfTime.Places[0]))
		}
	}
}

// Sign makes one checkpoint if there are effective records that none covers yet, or if the last one is as old as
// the interval, and brings the file up to what the log holds. signed is false when there was nothing to do, when another
// process is at it, or when another process's came before it: then it is void. The error wraps [ErrContradiction] when earlier checkpoints are not borne out.
func (s *Signer) Sign(ctx context.Context) (c Checkpoint, signed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Lock != nil {
		release, ok, err := s.Lock(ctx)
		if err != nil || !ok {
			return Checkpoint{}, false, err
		}
		defer release()
	}
	next, err := s.prepare(ctx)
	if err != nil || next == nil {
		return Checkpoint{}, false, err
	}
	if err := s.publish(ctx, *next); err != nil {
		return Checkpoint{}, false, err
	}
	e := s.book.byID[next.ID()]
	return *next, e != nil && e.counts, nil
}

// prepare returns the checkpoint to sign; nil when none covers more than the last one, and that is not old.
func (s *Signer) prepare(ctx context.Context) (*Checkpoint, error) {
	if err := s.catchUp(ctx); err != nil {
		s.begin() // anew next time
		return nil, err
	}
	at := s.ledger.start()
	var prev Checkpoint
	if s.tip != nil {
		at, prev = s.tip.end.clone(), s.tip.Checkpoint
	}
	covered := at.tree.size + at.operations.tree.size
	s.ledger.advance(at, s.ledger.positions(), nil)
	s.ledger.advanceOperations(at, s.ledger.operations.positions())
	if err := s.ledger.failed(); err != nil { // before anything is made of the trees: that nothing is new, too
		s.begin()
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	// A turn comes a little less than an interval after the signature of the turn before. One that is dated far ahead, by a clock that was set back
	// since, is as good as an old one: nobody would else sign until then.
	if at.tree.size+at.operations.tree.size == covered && s.tip != nil && now.Sub(s.tip.Time).Abs() < s.Every-s.Every/10 {
		return nil, nil
	}
	c := s.ledger.statement(at)
	if c.Time = now; s.tip != nil {
		c.Prev = s.tip.id
	}
	c.OutOfTime = s.ledger.outOfTime(prev, c)
	if err := s.ledger.failed(); err != nil {
		s.begin()
		return nil, err
	}
	return &c, nil
}

// begin forgets what was read.
func (s *Signer) begin() {
	s.ledger.close()
	s.ledger = nil
}

// catchUp reads new checkpoints and new records, and brings the file up to the log. The file is read before the log: a checkpoint gets
// into it from there, so that one which another process signs meanwhile is not missing from the log.
func (s *Signer) catchUp(ctx context.Context) error {
	inFile, _, err := s.File.read()
	if err != nil {
		return err
	}
	if s.ledger == nil {
		s.operations, s.book, s.tip = 0, newBook(s.Known), nil
	}
	var fresh []*entry
	next, err := readOperations(ctx, s.Source, s.operations, func(found sighting) {
		if e := s.book.add(found, false); e != nil {
			fresh = append(fresh, e)
		}
	})
	if err != nil {
		return err
	}
	to, id, err := ends(ctx, s.Source)
	if err != nil {
		return fmt.Errorf("read ends of the log: %w", err)
	}
	first := s.ledger == nil
	if first {
		s.ledger = newLedger(len(to), id)
	}
	if err := s.ledger.continuedBy(to, id); err != nil {
		return err
	}
	if err := s.ledger.read(ctx, s.Source, to, nil); err != nil {
		return err
	}
	if err := s.ledger.readOperationsLog(ctx, s.Source); err != nil {
		return err
	}
	s.operations = next
	if !first && !s.follow(fresh) {
		s.begin()
		return s.catchUp(ctx)
	}
	return s.settle(inFile)
}

// follow tells whether the new checkpoints continue the tip one after the other. Where they do not
// (another process signed after the same one), all is read anew, so that every process chooses the same tip.
func (s *Signer) follow(fresh []*entry) bool {
	prev := s.tip
	for _, e := range fresh {
		if prev == nil && e.Prev != (tlog.Hash{}) || prev != nil && e.Prev != prev.id {
			return false
		}
		prev = e
	}
	return true
}

// settle compares all checkpoints with the log and writes those that the file lacks.
func (s *Signer) settle(inFile []sighting) error {
	s.book.faults, s.book.torn = nil, nil // forged notes prove nothing; verify lists them
	for _, found := range inFile {
		s.book.add(found, true)
	}
	s.ledger.check(s.book)
	if err := s.ledger.failed(); err != nil {
		return err
	}
	if err := s.book.contradiction(); err != nil {
		return err
	}
	for _, e := range s.book.chain() {
		if !e.inFile {
			if err := s.File.append(e.note); err != nil {
				return err
			}
			e.inFile = true
		}
	}
	if s.tip = s.book.tip(); s.tip != nil {
		s.ledger.follow(s.tip.Checkpoint)
	}
	return nil
}

// contradiction returns why signing must not go on.
func (b *book) contradiction() error {
	for _, e := range b.list {
		if e.fault != nil {
			return fmt.Errorf("%w: %s: %s", ErrContradiction, e.where, e.fault.Detail)
		}
		if !e.inLog {
			return fmt.Errorf("%w: the checkpoint at %s is missing from the log", ErrContradiction, e.where)
		}
	}
	for _, pair := range b.displaced() {
		return fmt.Errorf("%w: %s", ErrContradiction, displacedInWords(pair))
	}
	return nil
}

// publish signs, appends to the log, and reads that again: the file gets what counts there. So of two checkpoints that were
// ever in a file, one continues the other; one that only the file had would look like a log that was cut.
func (s *Signer) publish(ctx context.Context, c Checkpoint) error {
	signed, err := c.Sign(s.Key)
	if err != nil {
		return err
	}
	id := c.ID()
	err = s.Append(ctx, domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{
			ID: "checkpoint-" + hex.EncodeToString(id[:16]), Subject: strings.TrimSuffix(originPrefix, "/"), Time: c.Time,
			Audit: domain.Audit{Actor: "system:checkpoint"},
		},
		Data: domain.CheckpointSigned{Size: c.Size, Positions: c.Positions, Note: string(signed)},
	})
	if err != nil {
		return fmt.Errorf("append checkpoint: %w", err)
	}
	if err := s.catchUp(ctx); err != nil {
		s.begin() // anew next time
		return err
	}
	return nil
}
