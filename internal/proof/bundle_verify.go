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
	Covered    int64     `json:"covered"`     // versions up to this one are signed: the agency's head at the checkpoint
	NotCovered int64     `json:"not_covered"` // records after the checkpoint: chained to it, but not signed yet
	SignedAt   time.Time `json:"signed_at"`   // by the signer's clock
	Findings   []Finding `json:"findings"`    // only the first: nothing after an invalid record is proved

	signed *signed
	last   domain.StreamHead
}

// OK reports whether everything in the bundle is proved.
func (b BundleReport) OK() bool { return len(b.Findings) == 0 }

// VerifyBundle checks a bundle with only the public key: each record follows its predecessor, none is
// missing, and the last one before the checkpoint is the agency's signed head. It also compares the
// bundle with kept evidence. An error means that the bundle could not be read or not be compared; an
// invalid bundle is a finding.
func VerifyBundle(in io.Reader, verifiers note.Verifiers, kept Kept) (BundleReport, error) {
	c, err := beginBundle(in, verifiers)
	if err != nil {
		return bundleFault(BundleReport{}, err)
	}
	if len(kept.Findings) > 0 {
		c.report.Findings = kept.Findings
		return c.report, nil
	}
	for {
		line, err := c.in.record()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return bundleFault(c.report, err)
		}
		detail := c.prove()
		switch {
		case detail != "":
		case !ended:
			detail = c.add(line, kept.head)
		case c.report.Covered == 0:
			detail = "the bundle has no path to its checkpoint"
		default:
			detail, err = kept.compareBundle(c.report)
		}
		if detail != "" {
			finding := Finding{Agency: c.report.Agency, Version: c.report.last.Version + 1, Detail: detail}
			c.report.Findings = append(c.report.Findings, finding)
			return c.report, nil
		}
		if ended {
			return c.report, err
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

type bundleCheck struct {
	in      *bundleReader
	agency  agencyID
	covered Covered // the agency's partition
	report  BundleReport
}

func beginBundle(in io.Reader, verifiers note.Verifiers) (*bundleCheck, error) {
	reader, err := newBundleReader(in)
	if err != nil {
		return nil, err
	}
	signed := openSigned(reader.head.Checkpoint, "the bundle", verifiers)
	if signed.err != nil {
		return nil, signed.err
	}
	if key := publicKeyOf(reader.head.Checkpoint, verifiers); reader.head.PublicKey != key {
		return nil, fmt.Errorf("%w: it names the public key %.120q, but its checkpoint is signed with %s",
			errBundle, reader.head.PublicKey, key)
	}
	id, _ := agencyOf([]byte(reader.head.Key)) // checked by the reader
	return &bundleCheck{
		in: reader, agency: id, covered: signed.of(reader.head.Key),
		report: BundleReport{
			Agency: reader.head.Key, PublicKey: reader.head.PublicKey, SignedAt: signed.Time,
			Findings: []Finding{}, signed: signed,
		},
	}, nil
}

// of returns the part about an agency's partition.
func (c Checkpoint) of(agency string) Covered {
	return c.Partitions[eventlog.PartitionOf([]byte(agency), int32(len(c.Partitions)))]
}

// add checks the next record. It returns what is wrong with it; "" if it is valid.
func (b *bundleCheck) add(line bundleRecord, kept *keptHead) string {
	verdict, next, reason := eventlog.Judge(b.report.last, line.record(b.report.Agency), 1)
	switch {
	case verdict != eventlog.Effective:
		return "the record is not the next one: " + reason
	case line.Version != next.Version:
		return fmt.Sprintf("the line states version %d", line.Version)
	}
	if detail := kept.compare(b.agency, next); detail != "" {
		return detail
	}
	b.report.last = next
	b.report.Records++
	if b.report.Covered > 0 {
		b.report.NotCovered++
	}
	return ""
}

// prove checks the path from the last record to the checkpoint, once it was read. It returns why the
// record is not the signed head; "" if it is.
func (b *bundleCheck) prove() string {
	path := b.in.path
	if path == nil || b.report.Covered > 0 {
		return ""
	}
	leaf := LeafHash(b.report.Agency, b.report.last)
	switch {
	case path.Signed < 1 || path.Signed != b.report.last.Version:
		return fmt.Sprintf("the path to the checkpoint is that of version %d: records before it were removed or added", path.Signed)
	case path.Leaf < 0 || path.Leaf >= b.covered.Agencies,
		tlog.CheckRecord(path.Proof, b.covered.Agencies, b.covered.Root, path.Leaf, leaf) != nil:
		return fmt.Sprintf("version %d is not the agency's head that was signed: its history was rewritten, "+
			"or later records were removed", path.Signed)
	}
	b.report.Covered = path.Signed
	return ""
}
