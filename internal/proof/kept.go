package proof

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ErrNotComparable means that kept evidence says nothing about a bundle.
var ErrNotComparable = errors.New("the kept file cannot be compared with the bundle")

var errNothingKept = errors.New("it contains neither a checkpoint nor a bundle")

// Kept is evidence that was stored outside the log: checkpoints or an older bundle. It reveals a log
// that was replaced together with its checkpoints, also by the holder of the signing key.
type Kept struct {
	Findings []Finding // why a kept bundle is not valid

	notes []*signed
	head  *keptHead // last record of the bundle; nil without a bundle
}

// Checkpoint returns the id, in hexadecimal, of the newest valid checkpoint; "" without one.
func (k Kept) Checkpoint() string {
	newest, err := choose(k.notes, "")
	if err != nil {
		return ""
	}
	return newest.id()
}

// keptHead is the last record of a kept bundle.
type keptHead struct {
	agency agencyID
	head   domain.StreamHead
}

// ReadKept reads a bundle, or signed notes as `ledgerboard checkpoints` prints them. An error means
// that the file could not be read, or contains neither.
func ReadKept(in io.Reader, verifiers note.Verifiers) (kept Kept, err error) {
	text := bufio.NewReader(in)
	if first, _ := text.Peek(1); string(first) != "{" {
		raw, err := io.ReadAll(text)
		if kept.notes = keptNotes(string(raw), orNone(verifiers)); err == nil && len(kept.notes) == 0 {
			err = errNothingKept
		}
		return kept, err
	}
	report, err := VerifyBundle(text, orNone(verifiers), Kept{})
	if err != nil || !report.OK() {
		for _, f := range report.Findings {
			f.Detail = "the kept bundle is not valid: " + f.Detail
			kept.Findings = append(kept.Findings, f)
		}
		return kept, err
	}
	report.signed.location = "the kept bundle"
	id, _ := agencyOf([]byte(report.Agency)) // checked by the reader of bundles
	return Kept{notes: []*signed{report.signed}, head: &keptHead{id, report.last}}, nil
}

// keptNotes splits notes: each begins with the format and ends where the next note begins.
func keptNotes(text string, verifiers note.Verifiers) (list []*signed) {
	for i, part := range strings.Split("\n"+strings.ReplaceAll(text, "\r\n", "\n"), "\n"+format+"\n") {
		if i == 0 && strings.TrimSpace(part) == "" {
			continue
		}
		location := fmt.Sprintf("position %d of the kept notes", max(i, 1))
		list = append(list, openSigned(format+"\n"+strings.TrimRight(part, "\n")+"\n", location, verifiers))
	}
	return list
}

// compare returns what is wrong with a record in the place of the last record of a kept bundle; "" if
// it is the same one, or in another place.
func (k *keptHead) compare(agency agencyID, head domain.StreamHead) string {
	if k == nil || k.agency != agency || k.head.Version != head.Version || k.head.Hash == head.Hash {
		return ""
	}
	return "the kept bundle has another record in this place: the history was rewritten"
}

// missing returns what is missing in a stream that ends before a kept bundle; "" if nothing is.
func (k *keptHead) missing(end int64) string {
	if k == nil || end >= k.head.Version {
		return ""
	}
	return fmt.Sprintf("the kept bundle has versions up to %d: records were removed", k.head.Version)
}

// compareBundle compares the end and the checkpoint of a bundle whose records were compared. A kept
// checkpoint is comparable if it covers as many records of the partition.
func (k Kept) compareBundle(r BundleReport) (detail string, err error) {
	compared := len(k.notes) == 0 || k.head != nil
	if k.head != nil && k.head.agency.String() != r.Agency {
		return "", fmt.Errorf("%w: it is of agency %s", ErrNotComparable, k.head.agency)
	}
	signed := r.signed.of(r.Agency)
	for _, c := range k.notes {
		if c.err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrNotComparable, c.location, c.err)
		}
		switch kept := c.of(r.Agency); {
		case kept.Records != signed.Records:
		case kept != signed:
			return fmt.Sprintf("the kept checkpoint of %s contradicts that of the bundle: there are two histories",
				c.Time.Format(timeLayout)), nil
		default:
			compared = true
		}
	}
	if !compared {
		return "", fmt.Errorf("%w: its checkpoints cover other numbers of records; export the bundle for one of them",
			ErrNotComparable)
	}
	return k.head.missing(r.last.Version), nil
}
