package proof

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrNotCovered means that the checkpoint covers no record of the agency, so nothing can be proved.
var ErrNotCovered = errors.New("no checkpoint covers this agency yet")

// ExportConfig configures [Export].
type ExportConfig struct {
	Source    Source
	Parent    string
	Verifiers note.Verifiers // public keys of checkpoints
	// Checkpoint is the id ([Checkpoint.ID], hexadecimal) of the checkpoint that the bundle leads to,
	// for example of one that an auditor kept; "" for the newest.
	Checkpoint string
}

// Exported describes a bundle.
type Exported struct {
	Agency     string     `json:"agency"`
	Records    int64      `json:"records"`
	Covered    int64      `json:"covered"` // covered by the checkpoint; the others are newer
	Checkpoint Checkpoint `json:"-"`
}

// Export writes the proof bundle of one agency: its records, and the path from its head to a
// checkpoint. It reads the agency's partition once, so what it has written counts only if it
// returns nil. Errors: [ErrContradiction] if the log contradicts the checkpoint, [ErrNotCovered],
// [ErrKeyNeeded], and not_found if the log has no record of the agency or no such checkpoint.
func Export(ctx context.Context, cfg ExportConfig, out io.Writer) (Exported, error) {
	list, _, err := readCheckpoints(ctx, cfg.Source, orNone(cfg.Verifiers), 0)
	if err != nil {
		return Exported{}, err
	}
	if len(list) > 0 && cfg.Verifiers == nil {
		return Exported{}, ErrKeyNeeded
	}
	chosen, err := choose(list, cfg.Checkpoint)
	if err != nil {
		return Exported{}, err
	}
	ranges, id, err := cfg.Source.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return Exported{}, fmt.Errorf("read ends of the log: %w", err)
	}
	if len(chosen.Partitions) != len(ranges) {
		return Exported{}, fmt.Errorf("%w: it covers %d partitions, but the topic has %d",
			ErrContradiction, len(chosen.Partitions), len(ranges))
	}
	number := eventlog.PartitionOf([]byte(cfg.Parent), int32(len(ranges)))
	e := exporter{
		agency: cfg.Parent, signed: chosen, partition: newPartition(number, int32(len(ranges))),
		out: bufio.NewWriterSize(out, 64<<10), done: Exported{Agency: cfg.Parent, Checkpoint: chosen.Checkpoint},
	}
	if err := e.begin(publicKeyOf(chosen.note, cfg.Verifiers)); err != nil {
		return Exported{}, err
	}
	err = cfg.Source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, TopicID: id, To: map[int32]int64{number: ranges[number].End},
		Handle: eventlog.ByRecord(e.add),
	})
	if err != nil {
		return Exported{}, err
	}
	return e.done, e.end()
}

// choose returns the checkpoint with an id or, if id is "", the one that covers the most records,
// and of these the newest.
func choose(list []*signed, id string) (chosen *signed, err error) {
	for _, c := range list {
		switch {
		case c.err != nil:
		case id == "" && (chosen == nil || c.Records() >= chosen.Records()), id != "" && id == c.id():
			chosen = c
		}
	}
	switch {
	case chosen == nil && id == "":
		return nil, ErrNotCovered
	case chosen == nil:
		return nil, domain.NewError(domain.CodeNotFound, "The log has no valid checkpoint with this id.")
	}
	return chosen, nil
}

type exporter struct {
	agency    string
	signed    *signed
	partition *partition
	reached   bool // the checkpoint
	out       *bufio.Writer
	done      Exported
}

func (e *exporter) begin(publicKey string) error {
	e.partition.due = []*signed{e.signed}
	e.partition.compareDue()
	if err := e.prove(); err != nil {
		return err
	}
	return writeLine(e.out, bundleHead{
		Bundle: format, Topic: domain.TopicDashboards, Key: e.agency, PublicKey: publicKey, Checkpoint: e.signed.note,
	})
}

func (e *exporter) add(r eventlog.Record) error {
	before := e.partition.effective
	e.partition.add(r)
	if e.partition.effective > before && string(r.Key) == e.agency {
		e.done.Records++
		line, err := newBundleRecord(r, e.done.Records)
		if err == nil {
			err = writeLine(e.out, line)
		}
		if err != nil {
			return err
		}
	}
	return e.prove()
}

// prove writes the path to the checkpoint once it is reached.
func (e *exporter) prove() error {
	if e.reached || len(e.partition.due) > 0 {
		return nil
	}
	e.reached = true
	if e.signed.fails {
		return e.signed.contradicted()
	}
	if e.done.Covered = e.done.Records; e.done.Covered == 0 {
		return nil // the end tells whether the agency exists
	}
	id, _ := agencyOf([]byte(e.agency)) // its records are in the tree
	leaf, path := e.partition.heads.prove(id)
	return writeLine(e.out, bundleSigned{Signed: e.done.Covered, Leaf: leaf, Proof: path})
}

func (e *exporter) end() error {
	switch {
	case !e.reached:
		return e.signed.contradicted()
	case e.done.Records == 0:
		return domain.NewError(domain.CodeNotFound, "The log has no record of agency %s.", e.agency)
	case e.done.Covered == 0:
		return ErrNotCovered
	}
	if err := writeLine(e.out, bundleEnd{Records: e.done.Records}); err != nil {
		return err
	}
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}
