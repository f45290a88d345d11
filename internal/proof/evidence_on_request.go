package proof

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Published is a checkpoint that counts, as its signer wrote it.
type Published struct {
	Checkpoint

	Note string // with the signature
}

// Prover answers whoever asks a running service for evidence. It proves for one at a time, some wait, the others are refused: a proof
// reads the whole log, and needs 112 bytes a record of it on disk while it is made. Bundles that are asked for before such a reading begins
// are all made from that one.
type Prover struct {
	source Source
	keys   func() (note.Verifiers, error)
	file   *File
	turn   chan struct{}

	mu     sync.Mutex
	asking int       // who has the turn, and who waits for it
	begun  int       // readings for bundles so far
	before int       // who of those asking had asked before the last of them began
	read   *exporter // the last of them; nil: none, or nobody is left who may use it. Whoever has the turn uses it.
}

// NewProver returns a prover that believes the checkpoints of the keys, which are asked for with every proof: a signer may make its
// own known later than the prover starts. No function, or nil from it: no key is known. The file has checkpoints outside of the
// log, nil: none.
func NewProver(source Source, keys func() (note.Verifiers, error), file *File) *Prover {
	return &Prover{source: source, keys: keys, file: file, turn: make(chan struct{}, 1)}
}

// known returns the keys of now; that there is none is an error for people.
func (p *Prover) known() (note.Verifiers, error) {
	if p.keys == nil {
		return nil, errNoKey
	}
	known, err := p.keys()
	if err == nil && known == nil {
		err = errNoKey
	}
	return known, err
}

// What a prover says to people.
var (
	errNoKey = domain.NewError(domain.CodeUnavailable,
		"The service that was asked knows no public key of checkpoints. Its operators set LEDGERBOARD_CHECKPOINT_PUBLIC_KEYS.")
	errUncovered = domain.NewError(domain.CodeConflict,
		"No checkpoint covers this agency yet. Ask again once the service has signed one: it does so at its start, and then at the interval that its operator has set.")
	errContradicted = domain.NewError(domain.CodeConflict, "The log contradicts a signed checkpoint, so that nothing can be proved from it. "+
		"Tell the operators, and keep the bundles and checkpoints that you have.")
)

// Bundle writes the proof bundle of one agency, as [Export] does. Errors for people are not_found for an agency without records
// and conflict where nothing can be proved.
func (p *Prover) Bundle(ctx context.Context, parent string, out io.Writer) (done Exported, err error) {
	err = p.alone(ctx, func(known note.Verifiers, begun int) error {
		read, err := p.reading(ctx, ExportConfig{Source: p.source, Known: known, File: p.file}, begun)
		if err == nil {
			done, err = read.bundle(ctx, parent, out)
		}
		return err
	})
	return done, err
}

// Checkpoints returns those of the log that count, in their order. It checks signatures; whether the log bears them out is what
// [Verify] tells.
func (p *Prover) Checkpoints(ctx context.Context) ([]Published, error) {
	known, err := p.known()
	if err != nil {
		return nil, err
	}
	book := newBook(known)
	if _, err := readOperations(ctx, p.source, 0, func(s sighting) { book.add(s, false) }); err != nil {
		return nil, err
	}
	chain := book.chain()
	list := make([]Published, len(chain))
	for i, e := range chain {
		list[i] = Published{e.Checkpoint, e.note}
	}
	return list, nil
}

// Consistency proves that the records of one checkpoint are the first ones of another's, by the ids of both (RFC 6962): the
// [tlog.CheckTree] of [Consistent] checks it without the log. Errors for people are not_found for a checkpoint that the log
// does not have, or that does not count, invalid for two in the wrong order, and conflict where nothing can be proved.
func (p *Prover) Consistency(ctx context.Context, older, newer tlog.Hash) (proof tlog.TreeProof, err error) {
	err = p.alone(ctx, func(known note.Verifiers, _ int) error {
		proof, err = consistency(ctx, ExportConfig{Source: p.source, Known: known, File: p.file}, older, newer)
		return err
	})
	return proof, err
}

func consistency(ctx context.Context, cfg ExportConfig, older, newer tlog.Hash) (tlog.TreeProof, error) {
	e := &exporter{}
	e.VerifyConfig = VerifyConfig{Source: cfg.Source, Known: cfg.Known, File: cfg.File}
	defer e.close()
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	places := make([]int, 2)
	chain := e.book.chain()
	for i, id := range []tlog.Hash{older, newer} {
		if places[i] = slices.IndexFunc(chain, func(c *entry) bool { return c.id == id }); places[i] < 0 {
			return nil, domain.NewError(domain.CodeNotFound, "The log has no checkpoint with the id %s that counts.", id)
		}
	}
	if places[0] > places[1] {
		return nil, domain.NewError(domain.CodeInvalid, "The older checkpoint comes after the newer one. Exchange them.")
	}
	e.tip = chain[places[1]]
	if err := e.grow(); err != nil {
		return nil, err
	}
	proved, err := tlog.ProveTree(e.tree.size, chain[places[0]].Size, e.tree)
	if err != nil && chain[places[0]].Size > 0 { // of an empty tree there is nothing to prove
		return nil, fmt.Errorf("prove consistency: %w", err)
	}
	return proved, nil
}
