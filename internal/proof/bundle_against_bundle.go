package proof

import (
	"cmp"
	"errors"
	"io"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// SameHistory holds two bundles of one agency against each other that [VerifyBundle] found whole: as far as both go, they
// have the same records, and the later checkpoint signs no earlier end of the agency's stream. The finding names the first version that differs, or that
// is missing. Bundles of two agencies have nothing in common.
func SameHistory(a, b io.Reader, known note.Verifiers) (*Finding, error) {
	first, err := beginBundle(a, known)
	if err != nil {
		return nil, err
	}
	second, err := beginBundle(b, known)
	if err != nil || first.report.Agency != second.report.Agency {
		return nil, err
	}
	for {
		one, ended, err := first.next()
		if err != nil || ended {
			return endTakenBack(first, second), err
		}
		other, ended, err := second.next()
		if err != nil || ended {
			return endTakenBack(first, second), err
		}
		if one.Version != other.Version || one.Hash != other.Hash {
			return new(found(KindRewritten, "", "the bundles have two records of this version: %s",
				cmp.Or(RestoredBetween(first.signed, second.signed), "the history was made anew from here on")).
				of(first.report.Agency, one.Version)), nil
		}
	}
}

// endTakenBack compares the signed ends of one agency's stream in two bundles: whoever has the checkpoint key can sign a tree over the ends of streams
// that leaves the newest records of one out, beside the true tree over all records. nil: the later end is not the earlier one.
func endTakenBack(older, newer *bundleCheck) *Finding {
	if older.signed.Size > newer.signed.Size || older.signed.Size == newer.signed.Size && older.report.Head < newer.report.Head {
		older, newer = newer, older
	}
	if older.report.Head <= newer.report.Head {
		return nil
	}
	return new(found(KindTruncated, "tail", "the checkpoint of %s says that version %d was the last of this agency, and the one of %s, which covers no fewer "+
		"records, that version %d was: %s", older.signed.Time.Format(timeLayout), older.report.Head, newer.signed.Time.Format(timeLayout), newer.report.Head,
		cmp.Or(RestoredBetween(older.signed, newer.signed), "somebody with the key left out the end")).of(older.report.Agency, newer.report.Head+1))
}

// next returns the head that the next record makes; ended: there is none.
func (c *bundleCheck) next() (head domain.StreamHead, ended bool, err error) {
	line, err := c.in.record()
	if errors.Is(err, io.EOF) {
		return head, true, nil
	}
	if err != nil {
		return head, false, err
	}
	partitions := int32(len(c.signed.Positions))
	_, c.head, _ = eventlog.Judge(c.head, line.record(c.report.Agency, partitions), partitions)
	return c.head, false, nil
}
