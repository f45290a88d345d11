package proof

import (
	"bufio"
	"cmp"
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

// ErrNotCovered means that no checkpoint covers a record of the agency yet, so nothing can be
// proved.
var ErrNotCovered = errors.New("no checkpoint covers this agency yet")

// ExportConfig configures [Export].
type ExportConfig struct {
	Source    Source
	Parent    string
	Verifiers note.Verifiers // public keys of checkpoints
}

// Exported describes a bundle.
type Exported struct {
	Agency     string     `json:"agency"`
	Records    int64      `json:"records"`
	Covered    int64      `json:"covered"` // covered by the checkpoint; the others are newer
	Checkpoint Checkpoint `json:"-"`
}

// Export writes the proof bundle of one agency: its records and their proofs against the newest
// checkpoint. It returns [ErrContradiction] if the log contradicts that checkpoint,
// [ErrNotCovered], or [ErrKeyNeeded]. It reads the agency's partition twice.
func Export(ctx context.Context, cfg ExportConfig, out io.Writer) (Exported, error) {
	list, _, err := readCheckpoints(ctx, cfg.Source, orNone(cfg.Verifiers), 0)
	if err != nil {
		return Exported{}, err
	}
	if len(list) > 0 && cfg.Verifiers == nil {
		return Exported{}, ErrKeyNeeded
	}
	ranges, id, err := cfg.Source.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return Exported{}, fmt.Errorf("read ends of the log: %w", err)
	}
	var newest *signed
	for _, c := range list {
		if c.err == nil && (newest == nil || c.Time.After(newest.Time)) {
			newest = c
		}
	}
	switch {
	case newest == nil:
		return Exported{}, ErrNotCovered
	case len(newest.Partitions) != len(ranges):
		return Exported{}, fmt.Errorf("%w: it covers %d partitions, but the topic has %d",
			ErrContradiction, len(newest.Partitions), len(ranges))
	}
	e := exporter{cfg: cfg, id: id, signed: newest, partitions: int32(len(ranges))}
	e.number = eventlog.PartitionOf([]byte(cfg.Parent), e.partitions)
	e.end = ranges[e.number].End
	head, err := e.readPartition(ctx)
	if err != nil {
		return Exported{}, err
	}
	return e.write(ctx, head, out)
}

type exporter struct {
	cfg        ExportConfig
	id         eventlog.TopicID
	signed     *signed
	partitions int32
	number     int32 // the agency's partition
	end        int64 // end of that partition
	tree       storedTree
	leaves     []int64 // of the agency's covered records, by version-1
}

// readPartition builds the tree of the agency's partition up to the checkpoint, and proves the
// agency's last record.
func (e *exporter) readPartition(ctx context.Context) (bundleLeaf, error) {
	p := &partition{number: e.number, count: e.partitions, streams: map[string]*stream{}, due: []*signed{e.signed}}
	p.keep = func(agency string, leaf tlog.Hash) {
		if agency == e.cfg.Parent {
			e.leaves = append(e.leaves, e.tree.size)
		}
		e.tree.add(leaf)
	}
	p.compareDue()
	err := e.cfg.Source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, TopicID: e.id, To: map[int32]int64{e.number: e.end},
		Handle: eventlog.ByRecord(func(r eventlog.Record) error {
			if len(p.due) == 0 {
				return errEnough
			}
			p.add(r)
			return nil
		}),
	})
	if err != nil && !errors.Is(err, errEnough) {
		return bundleLeaf{}, err
	}
	switch {
	case len(p.due) > 0, e.signed.fails:
		return bundleLeaf{}, e.signed.contradicted()
	case len(e.leaves) == 0:
		return bundleLeaf{}, e.uncovered(ctx)
	}
	var heads storedTree
	keys := p.keys()
	for _, key := range keys {
		heads.add(p.streams[key].leaf)
	}
	head := bundleLeaf{Version: int64(len(e.leaves)), Leaf: int64(slices.Index(keys, e.cfg.Parent))}
	head.Proof, err = heads.prove(head.Leaf)
	return head, err
}

func (e *exporter) uncovered(ctx context.Context) error {
	reason := error(domain.NewError(domain.CodeNotFound, "The log has no record of agency %s.", e.cfg.Parent))
	found := func(eventlog.Record, domain.StreamHead) error {
		reason = ErrNotCovered
		return nil
	}
	err := effective(ctx, e.cfg.Source, e.cfg.Parent, e.partitions, e.end, found)
	return cmp.Or(err, reason)
}

func (e *exporter) write(ctx context.Context, head bundleLeaf, out io.Writer) (Exported, error) {
	done := Exported{Agency: e.cfg.Parent, Checkpoint: e.signed.Checkpoint}
	w := bufio.NewWriterSize(out, 64<<10)
	err := writeLine(w, bundleHead{
		Bundle: bundleFormat, Topic: domain.TopicDashboards, Key: e.cfg.Parent,
		PublicKey:  publicKeyOf(e.signed.note, e.cfg.Verifiers),
		Checkpoint: e.signed.note, Head: head,
	})
	if err != nil {
		return Exported{}, err
	}
	writeRecord := func(r eventlog.Record, at domain.StreamHead) error {
		line, err := newBundleRecord(r, at.Version)
		if err != nil {
			return err
		}
		if at.Version <= head.Version {
			line.Leaf = &e.leaves[at.Version-1]
			if line.Proof, err = e.tree.prove(*line.Leaf); err != nil {
				return err
			}
			done.Covered++
		}
		done.Records++
		return writeLine(w, line)
	}
	err = effective(ctx, e.cfg.Source, e.cfg.Parent, e.partitions, e.end, writeRecord)
	if err != nil {
		return Exported{}, err
	}
	if err := writeLine(w, bundleEnd{Records: done.Records}); err != nil {
		return Exported{}, err
	}
	if err := w.Flush(); err != nil {
		return Exported{}, fmt.Errorf("write bundle: %w", err)
	}
	return done, nil
}
