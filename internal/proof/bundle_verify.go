package proof

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// BundleReport is the outcome of [VerifyBundle].
type BundleReport struct {
	Agency     string    `json:"agency"`
	PublicKey  string    `json:"public_key"`  // that the checkpoint is signed with
	Records    int64     `json:"records"`     // read, up to the first that is bad
	Covered    int64     `json:"covered"`     // proved to be what was signed
	NotCovered int64     `json:"not_covered"` // after the checkpoint: chained to it, and not signed yet
	SignedAt   time.Time `json:"signed_at"`   // by the signer's clock
	Head       int64     `json:"head"`        // version that was the agency's last at the checkpoint
	Findings   []Finding `json:"findings"`    // the first only: what follows a bad record proves nothing
}

// OK reports whether everything in the bundle is proved.
func (r BundleReport) OK() bool { return len(r.Findings) == 0 }

type bundleCheck struct {
	in         *bundleReader
	partitions int32
	covered    Covered // the agency's partition
	head       domain.StreamHead
	leaf       int64
	report     BundleReport
}

// VerifyBundle checks a bundle with nothing but the public key: that the checkpoint is signed, that each record follows the
// one before it and is in the signed tree, and that none is missing up to the signed head. An error means that the bundle
// could not be read from in; what is wrong with it is a finding.
func VerifyBundle(in io.Reader, known note.Verifiers) (BundleReport, error) {
	c, err := beginBundle(in, known)
	if err != nil {
		return bundleFault(BundleReport{}, err)
	}
	for {
		line, err := c.in.record()
		next, ended := c.head.Version+1, errors.Is(err, io.EOF)
		if err != nil && !ended {
			return bundleFault(c.report, err)
		}
		detail := ""
		switch {
		case !ended:
			detail = c.add(line, next)
		case next <= c.report.Head:
			detail = fmt.Sprintf("the bundle ends at version %d, the signed head is version %d", c.head.Version, c.report.Head)
		}
		if detail != "" {
			c.report.Findings = append(c.report.Findings, Finding{Agency: c.report.Agency, Version: next, Detail: detail})
		}
		if detail != "" || ended {
			return c.report, nil
		}
	}
}

// bundleFault makes a finding of an error that the bundle is to blame for.
func bundleFault(r BundleReport, err error) (BundleReport, error) {
	if !errors.Is(err, errBundle) && !errors.Is(err, ErrCheckpoint) {
		return r, err
	}
	f := Finding{Agency: r.Agency, Detail: err.Error()}
	if r.Records > 0 {
		f.Detail += fmt.Sprintf(" (after version %d)", r.Records)
	}
	r.Findings = []Finding{f}
	return r, nil
}

func beginBundle(in io.Reader, known note.Verifiers) (*bundleCheck, error) {
	reader, err := newBundleReader(in)
	if err != nil {
		return nil, err
	}
	signed, err := OpenCheckpoint([]byte(reader.head.Checkpoint), known)
	if err != nil {
		return nil, err
	}
	if key := publicKeyOf(reader.head.Checkpoint, known); reader.head.PublicKey != key {
		return nil, fmt.Errorf("%w: it names the public key %.120q, and its checkpoint is signed with %s", errBundle, reader.head.PublicKey, key)
	}
	if reader.head.Head.Version < 1 {
		return nil, fmt.Errorf("%w: it proves no record", errBundle)
	}
	partitions := int32(len(signed.Partitions))
	return &bundleCheck{
		in: reader, partitions: partitions, leaf: -1, covered: signed.Partitions[eventlog.PartitionOf([]byte(reader.head.Key), partitions)],
		report: BundleReport{
			Agency: reader.head.Key, PublicKey: reader.head.PublicKey, SignedAt: signed.Time, Head: reader.head.Head.Version, Findings: []Finding{},
		},
	}, nil
}

// add checks the next record, which must have version want; the answer says what is wrong with it.
func (c *bundleCheck) add(line bundleRecord, want int64) string {
	verdict, next, reason := eventlog.Judge(c.head, line.record(c.report.Agency, c.partitions), c.partitions)
	switch {
	case verdict != eventlog.Effective:
		return "the record does not come next: " + reason
	case line.Version != want:
		return fmt.Sprintf("the line says version %d", line.Version)
	}
	c.head = next
	c.report.Records++
	if want > c.report.Head {
		if line.Leaf != nil || line.Proof != nil {
			return "it lies after the signed head and claims to be in the signed tree"
		}
		c.report.NotCovered++
		return ""
	}
	if detail := c.proved(line, LeafHash(c.report.Agency, next)); detail != "" {
		return detail
	}
	c.report.Covered++
	return ""
}

// proved checks a record against the signed trees; the answer says why it is not in them.
func (c *bundleCheck) proved(line bundleRecord, leaf tlog.Hash) string {
	if line.Leaf == nil || *line.Leaf <= c.leaf {
		return "it has no place in the signed tree"
	}
	c.leaf = *line.Leaf
	if c.leaf >= c.covered.Records || tlog.CheckRecord(line.Proof, c.covered.Records, c.covered.Root, c.leaf, leaf) != nil {
		return "it is not the record that was signed"
	}
	head := c.in.head.Head
	if c.head.Version != head.Version {
		return ""
	}
	if head.Leaf < 0 || head.Leaf >= c.covered.Streams || tlog.CheckRecord(head.Proof, c.covered.Streams, c.covered.Heads, head.Leaf, leaf) != nil {
		return "it is not the last record that was signed: later ones were cut off"
	}
	return ""
}
