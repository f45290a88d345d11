package proof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrKeyNeeded means that there are checkpoints but no public key to verify them.
var ErrKeyNeeded = errors.New("the log has signed checkpoints: specify the public key that they are signed with")

// VerifyConfig configures [Verify].
type VerifyConfig struct {
	Source    Source
	Parent    string         // report on one agency; "" for all. The whole log is read in either case.
	Verifiers note.Verifiers // public keys of checkpoints; nil if no key is known
	Kept      Kept           // evidence that was stored outside the log, read with the same Verifiers
	// Progress receives the number of processed offsets. Several goroutines call it concurrently.
	Progress func(offsets int)
}

// Finding is one deviation, with the first position at which it is detected.
type Finding struct {
	Agency    string `json:"agency,omitempty"`
	Version   int64  `json:"version,omitempty"` // 0: not about a single version
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Detail    string `json:"detail"`
	// More is the number of later records of the same agency that are not valid either.
	More int64 `json:"more,omitempty"`
}

// String returns the finding as one line for people.
func (f Finding) String() string {
	var place []string
	if f.Partition != nil && f.Offset != nil {
		place = append(place, fmt.Sprintf("partition %d offset %d", *f.Partition, *f.Offset))
	}
	if f.Agency != "" {
		place = append(place, "agency "+f.Agency)
	}
	if f.Version > 0 {
		place = append(place, fmt.Sprintf("version %d", f.Version))
	}
	text := f.Detail
	if len(place) > 0 {
		text = strings.Join(place, ", ") + ": " + text
	}
	if f.More > 0 {
		text += fmt.Sprintf(" (and %d later records of this agency)", f.More)
	}
	return text
}

// Report is the result of [Verify].
type Report struct {
	Agency      string `json:"agency,omitempty"` // "" for all
	Records     int64  `json:"records"`          // number of records read, of all agencies
	Effective   int64  `json:"effective"`
	Stale       int64  `json:"stale"`   // lost races and duplicates, which are ignored
	Skipped     int64  `json:"skipped"` // invalid records, which belong to no stream
	Agencies    int64  `json:"agencies"`
	Checkpoints int    `json:"checkpoints"` // valid checkpoints
	Covered     int64  `json:"covered"`     // effective records that a checkpoint covers
	// SignedAt is the time of the newest valid checkpoint, by the signer's clock; nil without a
	// checkpoint.
	SignedAt *time.Time `json:"signed_at"`
	// CopiedAfter is the time of the newest valid checkpoint that was signed in another topic: this
	// log is a copy, and its records may have other offsets. nil: no such checkpoint.
	CopiedAfter *time.Time `json:"copied_after"`
	Findings    []Finding  `json:"findings"`
}

// OK reports whether there are no findings.
func (r Report) OK() bool { return len(r.Findings) == 0 }

// Verify reads the whole log once and checks every chain and every checkpoint. Deviations are
// findings in the report; an error means that the check could not be completed.
func Verify(ctx context.Context, cfg VerifyConfig) (Report, error) {
	report := Report{Agency: cfg.Parent, Findings: append([]Finding{}, cfg.Kept.Findings...)}
	// Checkpoints are read before the log, so the log contains all records that they cover.
	list, _, err := readCheckpoints(ctx, cfg.Source, orNone(cfg.Verifiers), 0)
	if err != nil {
		return Report{}, err
	}
	if len(list) == 0 && cfg.Verifiers != nil {
		report.Findings = append(report.Findings, Finding{Detail: "the log contains no checkpoint. " +
			"The service signs one when it starts: either it never had a key, or the checkpoints were removed, " +
			"and any records may be missing"})
	}
	inLog := map[string]bool{}
	for _, c := range list {
		inLog[c.note] = true
	}
	list = append(list, cfg.Kept.notes...)
	if len(list) > 0 && cfg.Verifiers == nil {
		return Report{}, ErrKeyNeeded
	}
	ranges, id, err := cfg.Source.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return Report{}, fmt.Errorf("read ends of the log: %w", err)
	}
	log := newReader(cfg.Source, id, len(ranges))
	for _, c := range list {
		switch {
		case c.err != nil:
			report.Findings = append(report.Findings, Finding{Detail: fmt.Sprintf(
				"the checkpoint at %s is forged, damaged or signed with a key that was not given: %s",
				c.location, c.err)})
		case len(c.Partitions) != len(log.parts):
			report.Findings = append(report.Findings, Finding{Detail: fmt.Sprintf(
				"the checkpoint at %s covers %d partitions, but the topic has %d",
				c.location, len(c.Partitions), len(log.parts))})
			c.fails = true
		default:
			log.expect(c)
			if !inLog[c.note] {
				report.Findings = append(report.Findings, Finding{Detail: fmt.Sprintf(
					"the checkpoint of %s at %s is not in the log: checkpoints were removed",
					c.Time.Format(timeLayout), c.location)})
			}
		}
	}
	log.compareKept(cfg.Kept.head)
	err = log.read(ctx, ranges, cfg.Progress)
	if errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrGap) {
		detail := fmt.Sprintf("records were removed from the log: %s", err)
		report.Findings = append(report.Findings, Finding{Detail: detail})
		return report, nil
	}
	if err != nil {
		return Report{}, err
	}
	take(&report, log, list)
	return report, nil
}

func orNone(verifiers note.Verifiers) note.Verifiers {
	if verifiers == nil {
		return note.VerifierList()
	}
	return verifiers
}

func take(r *Report, log *reader, list []*signed) {
	for _, p := range log.parts {
		r.Records += p.records
		r.Effective += p.effective
		r.Stale += p.stale
		r.Skipped += p.skipped
		if id, ok := agencyOf([]byte(r.Agency)); !ok {
			r.Agencies += p.heads.size()
		} else if p.heads.of(id).head.Version > 0 {
			r.Agencies++
		}
		if p.kept != nil {
			last := p.heads.of(p.kept.agency)
			if detail := p.kept.missing(last.head.Version); detail != "" {
				p.found(Finding{Agency: p.kept.agency.String(), Version: last.head.Version + 1, Detail: detail})
			}
		}
		for _, f := range p.findings {
			if r.Agency == "" || f.Agency == "" || r.Agency == f.Agency {
				r.Findings = append(r.Findings, f)
			}
		}
		if p.more > 0 {
			r.Findings = append(r.Findings, Finding{Partition: &p.number, Offset: &p.next, Detail: fmt.Sprintf(
				"%d more findings of this partition are not listed", p.more)})
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		switch {
		case a.Offset == nil && b.Offset == nil:
			return 0
		case a.Offset == nil:
			return 1
		case b.Offset == nil:
			return -1
		}
		return cmp.Or(cmp.Compare(*a.Partition, *b.Partition), cmp.Compare(*a.Offset, *b.Offset))
	})
	takeCheckpoints(r, log, list)
}

func takeCheckpoints(r *Report, log *reader, list []*signed) {
	counted := map[string]bool{} // a kept note may also be in the log
	for _, c := range list {
		if c.err != nil || c.fails {
			continue
		}
		copied := c.topic != "" && c.topic != log.topicID.String()
		if copied && (r.CopiedAfter == nil || c.Time.After(*r.CopiedAfter)) {
			r.CopiedAfter = &c.Time
		}
		if counted[c.note] {
			continue
		}
		counted[c.note] = true
		r.Checkpoints++
		if r.SignedAt == nil || c.Time.After(*r.SignedAt) {
			r.SignedAt = &c.Time
		}
		r.Covered = max(r.Covered, c.Records())
	}
}

const (
	nothingAltered = "nothing was altered, removed, inserted or reordered up to the checkpoint of"
	unknowable     = "The removal of later records, or the replacement of the log together with its key, cannot be detected"
)

// Proven returns one or more sentences that state what a report without findings proves.
func (r Report) Proven() string {
	if r.SignedAt == nil {
		return "Every chain is valid. No checkpoint was checked, so a completely rewritten history " +
			"or the removal of the last records cannot be detected."
	}
	text := fmt.Sprintf("No finding: %s %s, which covers %d records. %d later records are chained. %s.",
		nothingAltered, r.SignedAt.Format(timeLayout), r.Covered, r.Effective-r.Covered, unknowable)
	if r.CopiedAfter != nil {
		text += fmt.Sprintf(" This log is a copy: checkpoints up to that of %s were signed in another topic, "+
			"where the same records may have had other offsets.", r.CopiedAfter.Format(timeLayout))
	}
	return text
}

// Proven returns one or more sentences that state what a bundle without findings proves.
func (b BundleReport) Proven() string {
	later := "No record lies after it"
	if b.NotCovered > 0 {
		later = fmt.Sprintf("Versions %d to %d lie after it: they are chained but not signed", b.Covered+1, b.Records)
	}
	return fmt.Sprintf("Agency %s: %s %s. Its versions 1 to %d are the ones that were signed. %s. %s.",
		b.Agency, nothingAltered, b.SignedAt.UTC().Format(timeLayout), b.Covered, later, unknowable)
}
