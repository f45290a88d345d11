package proof

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotCovered says that no checkpoint covers a record of the agency yet, so that nothing can be proved.
var ErrNotCovered = errors.New("no checkpoint covers this agency yet")

// ExportConfig says what to put into a bundle.
type ExportConfig struct {
	Source Source
	Parent string
	Known  note.Verifiers // public keys of checkpoints
	File   *File          // checkpoints outside of the log; nil: those on `operations` alone
}

// Exported says what a bundle holds.
type Exported struct {
	Agency     string     `json:"agency"`
	Records    int64      `json:"records"`
	Covered    int64      `json:"covered"` // by the checkpoint; the others come after it
	Checkpoint Checkpoint `json:"-"`
}

// exporter is one reading of the whole log, from which bundles of any agencies are made, one after the other.
type exporter struct {
	verification
	tip  *entry
	path []*entry // the checkpoints that lead to the tip, which define the order of leaves
	tree *storedTree
	end  *state // of the trees at the tip
}

// Export writes the proof bundle of one agency: its records, and what ties them to the newest
// checkpoint. It refuses with [ErrContradiction] while the log contradicts a checkpoint, and with
// [ErrNotCovered]. Memory: a fixed part and 8 bytes a record of the agency. 112 bytes a record of the whole log lie in files without names
// in the directory for temporary files until it returns.
func Export(ctx context.Context, cfg ExportConfig, out io.Writer) (Exported, error) {
	e, err := readWhole(ctx, cfg)
	if err != nil {
		return Exported{}, err
	}
	defer e.close()
	return e.bundle(ctx, cfg.Parent, out)
}

// readWhole reads the log up to its newest checkpoint and beyond, and grows the tree. Close what it returns.
func readWhole(ctx context.Context, cfg ExportConfig) (*exporter, error) {
	e := &exporter{verification: verification{VerifyConfig: VerifyConfig{Source: cfg.Source, Known: cfg.Known, File: cfg.File}}}
	err := e.load(ctx)
	if err == nil {
		err = e.grow()
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// bundle writes the bundle of one agency.
func (e *exporter) bundle(ctx context.Context, parent string, out io.Writer) (Exported, error) {
	partition := e.ledger.parts[eventlog.PartitionOf([]byte(parent), int32(len(e.ledger.parts)))]
	stream, known := partition.index[parent]
	if !known {
		return Exported{}, domain.NewError(domain.CodeNotFound, "The log has no record of agency %s.", parent)
	}
	leaves := e.leaves(partition, stream)
	if err := e.ledger.failed(); err != nil {
		return Exported{}, err
	}
	if len(leaves) == 0 {
		return Exported{}, ErrNotCovered
	}
	head, err := e.head(parent, len(leaves))
	if err != nil {
		return Exported{}, err
	}
	w := bufio.NewWriterSize(out, 64<<10)
	err = writeLine(w, bundleHead{
		Bundle: bundleFormat, Topic: domain.TopicDashboards, Key: parent,
		PublicKey: publicKeyOf(e.tip.note, e.Known), Checkpoint: e.tip.note, Head: head,
	})
	if err != nil {
		return Exported{}, err
	}
	done, err := e.records(ctx, w, parent, partition, leaves)
	if err != nil {
		return Exported{}, err
	}
	if err := writeLine(w, bundleEnd{Records: done.Records}); err != nil {
		return Exported{}, err
	}
	if done.Covered != head.Version {
		return Exported{}, fmt.Errorf("%w: %d records are covered, the head has version %d", ErrContradiction, done.Covered, head.Version)
	}
	if err := w.Flush(); err != nil {
		return Exported{}, fmt.Errorf("write bundle: %w", err)
	}
	return done, nil
}

// load reads checkpoints and log, and settles which checkpoint to prove against.
func (e *exporter) load(ctx context.Context) error {
	if err := e.readCheckpoints(ctx); err != nil {
		return err
	}
	if err := e.readLog(ctx); err != nil {
		return err
	}
	e.ledger.check(e.book)
	if err := e.ledger.failed(); err != nil {
		return err
	}
	if err := e.book.contradiction(); err != nil {
		return err
	}
	if e.tip = e.book.tip(); e.tip == nil {
		return ErrNotCovered
	}
	return nil
}

func (e *exporter) close() {
	e.ledger.close()
	e.tree.close()
}

// grow builds the whole tree along the checkpoints that lead to the tip.
func (e *exporter) grow() (err error) {
	if e.tree, err = newStoredTree(); err != nil {
		return err
	}
	e.path = []*entry{e.tip}
	for at := e.tip; at.prev != nil; at = at.prev {
		e.path = append(e.path, at.prev)
	}
	slices.Reverse(e.path)
	e.end = e.ledger.start()
	for _, step := range e.path {
		e.ledger.advance(e.end, step.Positions, func(_ *partition, x row) { e.tree.add(x.leaf) })
	}
	return e.ledger.failed()
}

// leaves are those of an agency's records that are covered, by version-1.
func (e *exporter) leaves(agency *partition, stream int32) (leaves []int64) {
	var leaf int64
	from := make([]int64, len(e.ledger.parts))
	for _, step := range e.path {
		for i, p := range e.ledger.parts {
			if p != agency {
				leaf += int64(p.rows.search(step.Positions[i]) - p.rows.search(from[i]))
				continue
			}
			p.rows.between(from[i], step.Positions[i], func(x row) {
				if x.owner == stream {
					leaves = append(leaves, leaf)
				}
				leaf++
			})
		}
		from = step.Positions
	}
	return leaves
}

// head proves which record was the agency's last.
func (e *exporter) head(agency string, version int) (bundleLeaf, error) {
	found := bundleLeaf{Version: int64(version), Leaf: -1}
	heads, err := newStoredTree()
	if err != nil {
		return found, err
	}
	defer heads.close()
	e.ledger.headTree(e.end, func(ref streamRef, leaf tlog.Hash) {
		if ref.key == agency {
			found.Leaf = heads.size
		}
		heads.add(leaf)
	})
	proved, err := heads.prove(found.Leaf)
	if err != nil {
		return found, fmt.Errorf("prove head: %w", err)
	}
	found.Proof = nonNil(proved)
	return found, nil
}

// records writes the agency's effective records with their proofs.
func (e *exporter) records(ctx context.Context, w io.Writer, parent string, p *partition, leaves []int64) (Exported, error) {
	done := Exported{Agency: parent, Checkpoint: e.tip.Checkpoint}
	cfg := eventlog.ScanConfig{Key: parent, To: map[int32]int64{p.number: p.next}, TopicID: e.ledger.topicID}
	err := effective(ctx, e.Source, cfg, len(e.ledger.parts), func(r eventlog.Record, head domain.StreamHead) error {
		line, err := newBundleRecord(r, head.Version)
		if err != nil {
			return err
		}
		if head.Version <= int64(len(leaves)) {
			leaf := leaves[head.Version-1]
			proved, err := e.tree.prove(leaf)
			if err != nil {
				return fmt.Errorf("prove record: %w", err)
			}
			line.Leaf, line.Proof = &leaf, nonNil(proved)
			done.Covered++
		}
		done.Records++
		return writeLine(w, line)
	})
	return done, err
}

// nonNil keeps an empty proof (a tree of one leaf) apart from none.
func nonNil(p tlog.RecordProof) []tlog.Hash {
	if p == nil {
		return []tlog.Hash{}
	}
	return p
}
