package proof

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// BundleReport is the outcome of [VerifyBundle].
type BundleReport struct {
	Agency     string    `json:"agency"`
	Records    int64     `json:"records"`     // read, up to the first that is bad
	Covered    int64     `json:"covered"`     // proved to be what was signed
	NotCovered int64     `json:"not_covered"` // after the checkpoint: chained to it, and not signed yet
	SignedAt   time.Time `json:"signed_at"`   // by the signer's clock
	Size       int64     `json:"size"`        // records of all agencies that the checkpoint covers
	Head       int64     `json:"head"`        // version that was the agency's last at the checkpoint
	Findings   []Finding `json:"findings"`    // the first only: what follows a bad record proves nothing
}

// OK reports whether everything in the bundle is proved.
func (r BundleReport) OK() bool { return len(r.Findings) == 0 }

// bundleCheck is one run of [VerifyBundle].
type bundleCheck struct {
	in     *bundleReader
	signed Checkpoint
	head   domain.StreamHead
	leaf   int64
	report BundleReport
}

// VerifyBundle checks a bundle with nothing but the public key: that the checkpoint is signed, that each
// record follows the one before it and is in the signed tree, and that none is missing up to the signed
// head. An error means that the bundle could not be read from in; what is wrong with it is a finding.
func VerifyBundle(in io.Reader, known note.Verifiers) (BundleReport, error) {
	c, err := beginBundle(in, known)
	if c == nil {
		return bundleFault(BundleReport{}, err)
	}
	for {
		line, err := c.in.record()
		switch {
		case errors.Is(err, io.EOF):
			return c.finish(), nil
		case err != nil:
			c.report.Findings = nil
			return bundleFault(c.report, err)
		}
		if f := c.add(line); f != nil {
			f.Agency = c.report.Agency
			c.report.Findings = append(c.report.Findings, *f)
			return c.report, nil
		}
	}
}

// bundleFault makes a finding of an error that the bundle is to blame for.
func bundleFault(r BundleReport, err error) (BundleReport, error) {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it is empty", errBundle)
	}
	if !errors.Is(err, errBundle) && !errors.Is(err, ErrCheckpoint) {
		return r, err
	}
	r.Findings = []Finding{{Kind: KindBundle, Agency: r.Agency, Detail: err.Error()}}
	if r.Records > 0 {
		r.Findings[0].Detail += fmt.Sprintf(" (after version %d)", r.Records)
	}
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
	if reader.head.Head.Version < 1 {
		return nil, fmt.Errorf("%w: it proves no record", errBundle)
	}
	return &bundleCheck{in: reader, signed: signed, leaf: -1, report: BundleReport{
		Agency: reader.head.Key, SignedAt: signed.Time, Size: signed.Size, Head: reader.head.Head.Version, Findings: []Finding{},
	}}, nil
}

// add checks the next record; the finding says what is wrong with it.
func (c *bundleCheck) add(line bundleRecord) *Finding {
	want := c.head.Version + 1
	partitions := int32(len(c.signed.Positions))
	r := line.record(c.report.Agency, partitions)
	verdict, next, reason := eventlog.Judge(c.head, r, partitions)
	f := Finding{Version: want}
	switch {
	case verdict == eventlog.Stale:
		f.Kind, f.Detail = KindInserted, "the record does not come next: "+reason
		return &f
	case verdict != eventlog.Effective:
		f.Kind, f.Detail = c.blame(line, r), reason
		return &f
	case line.Version != want:
		f.Kind, f.Detail = KindBundle, fmt.Sprintf("the line says version %d", line.Version)
		return &f
	}
	c.head = next
	c.report.Records++
	if want > c.report.Head {
		if line.Leaf != nil || line.Proof != nil {
			f.Kind, f.Detail = KindBundle, "it lies after the signed head and claims to be in the signed tree"
			return &f
		}
		c.report.NotCovered++
		return nil
	}
	if detail := c.proved(line, LeafHash(c.report.Agency, next)); detail != "" {
		f.Kind, f.Differs, f.Detail = KindAltered, []string{"content"}, detail
		return &f
	}
	c.report.Covered++
	return nil
}

// blame says what a record that does not follow looks like. The one before it is proved already, or
// lies after the checkpoint.
func (c *bundleCheck) blame(line bundleRecord, r eventlog.Record) Kind {
	version := r.Header("ce_chainversion")
	switch {
	case line.Version > c.head.Version+1 && version == strconv.FormatInt(line.Version, 10):
		return KindRemoved
	default:
		return KindAltered
	}
}

// proved checks a record against the signed trees; the answer says why it is not in them.
func (c *bundleCheck) proved(line bundleRecord, leaf tlog.Hash) string {
	if line.Leaf == nil || *line.Leaf <= c.leaf {
		return "it has no place in the signed tree"
	}
	c.leaf = *line.Leaf
	if c.leaf >= c.signed.Size || tlog.CheckRecord(line.Proof, c.signed.Size, c.signed.Root, c.leaf, leaf) != nil {
		return "it is not the record that was signed"
	}
	head := c.in.head.Head
	if c.head.Version != head.Version {
		return ""
	}
	if head.Leaf < 0 || head.Leaf >= c.signed.HeadCount || tlog.CheckRecord(head.Proof, c.signed.HeadCount, c.signed.HeadRoot, head.Leaf, leaf) != nil {
		return "it is not the last record that was signed: later ones were cut off"
	}
	return ""
}

// finish judges the end.
func (c *bundleCheck) finish() BundleReport {
	if c.head.Version < c.report.Head {
		c.report.Findings = append(c.report.Findings, Finding{
			Kind: KindTruncated, Agency: c.report.Agency, Version: c.head.Version + 1, Differs: []string{"tail"},
			Detail: fmt.Sprintf("the bundle ends at version %d, the signed head is version %d", c.head.Version, c.report.Head),
		})
	}
	return c.report
}
