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

// BundleReport is the result of [VerifyBundle].
type BundleReport struct {
	Agency     string    `json:"agency"`
	PublicKey  string    `json:"public_key"`  // the key that signed the checkpoint
	Records    int64     `json:"records"`     // number of records read, up to the first invalid one
	Covered    int64     `json:"covered"`     // proved to be in the signed tree
	NotCovered int64     `json:"not_covered"` // after the checkpoint: chained to it, but not signed yet
	SignedAt   time.Time `json:"signed_at"`   // by the signer's clock
	Head       int64     `json:"head"`        // the agency's last version at the checkpoint
	Findings   []Finding `json:"findings"`    // only the first: nothing after an invalid record is proved
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

// VerifyBundle checks a bundle with only the public key: the checkpoint is signed, each record
// follows its predecessor and is in the signed tree, and none is missing up to the signed head. An
// error means that the bundle could not be read; an invalid bundle is a finding.
func VerifyBundle(in io.Reader, verifiers note.Verifiers) (BundleReport, error) {
	c, err := beginBundle(in, verifiers)
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
			detail = fmt.Sprintf("the bundle ends at version %d, but the signed head is version %d",
				c.head.Version, c.report.Head)
		}
		if detail != "" {
			finding := Finding{Agency: c.report.Agency, Version: next, Detail: detail}
			c.report.Findings = append(c.report.Findings, finding)
		}
		if detail != "" || ended {
			return c.report, nil
		}
	}
}

// bundleFault turns an error that the bundle caused into a finding.
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

func beginBundle(in io.Reader, verifiers note.Verifiers) (*bundleCheck, error) {
	reader, err := newBundleReader(in)
	if err != nil {
		return nil, err
	}
	signed, err := OpenCheckpoint([]byte(reader.head.Checkpoint), verifiers)
	if err != nil {
		return nil, err
	}
	if key := publicKeyOf(reader.head.Checkpoint, verifiers); reader.head.PublicKey != key {
		return nil, fmt.Errorf("%w: it names the public key %.120q, but its checkpoint is signed with %s",
			errBundle, reader.head.PublicKey, key)
	}
	if reader.head.Head.Version < 1 {
		return nil, fmt.Errorf("%w: it proves no record", errBundle)
	}
	partitions := int32(len(signed.Partitions))
	number := eventlog.PartitionOf([]byte(reader.head.Key), partitions)
	return &bundleCheck{
		in: reader, partitions: partitions, leaf: -1, covered: signed.Partitions[number],
		report: BundleReport{
			Agency: reader.head.Key, PublicKey: reader.head.PublicKey, SignedAt: signed.Time,
			Head: reader.head.Head.Version, Findings: []Finding{},
		},
	}, nil
}

// add checks the next record, which must have version want. It returns what is wrong with the
// record; "" if it is valid.
func (c *bundleCheck) add(line bundleRecord, want int64) string {
	verdict, next, reason := eventlog.Judge(c.head, line.record(c.report.Agency, c.partitions), c.partitions)
	switch {
	case verdict != eventlog.Effective:
		return "the record is not the next one: " + reason
	case line.Version != want:
		return fmt.Sprintf("the line states version %d", line.Version)
	}
	c.head = next
	c.report.Records++
	if want > c.report.Head {
		if line.Leaf != nil || line.Proof != nil {
			return "the record is after the signed head but claims to be in the signed tree"
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

// proved returns why a record is not in the signed trees; "" if it is.
func (c *bundleCheck) proved(line bundleRecord, leaf tlog.Hash) string {
	if line.Leaf == nil || *line.Leaf <= c.leaf {
		return "the record has no valid place in the signed tree"
	}
	c.leaf = *line.Leaf
	if c.leaf >= c.covered.Records || tlog.CheckRecord(line.Proof, c.covered.Records, c.covered.Root, c.leaf, leaf) != nil {
		return "the record is not the one that was signed"
	}
	head := c.in.head.Head
	if c.head.Version != head.Version {
		return ""
	}
	if head.Leaf < 0 || head.Leaf >= c.covered.Streams ||
		tlog.CheckRecord(head.Proof, c.covered.Streams, c.covered.Heads, head.Leaf, leaf) != nil {
		return "the record is not the last one that was signed: later records were removed"
	}
	return ""
}
