package proof

import (
	"fmt"
	"slices"
	"time"
)

// Verdict is what one agency is told of a verification. Of a verification of the whole log it has one bit and one number that are not of the agency
// alone, Sound and Elsewhere, and how long the log is: Records and Covered.
type Verdict struct {
	Whole     bool      // it is of the whole log; else of the agency's stream
	Sound     bool      // nothing was found at all
	Findings  []Finding // of the agency; of its own verification, also what is wrong with the checkpoints that it rests on
	Elsewhere int       // findings of the whole log that are not of the agency: of others, or of no one agency
	Notes     []string  // what could not be checked in the agency's stream
	Version   int64     // of the agency's last record; 0: none, or of the whole log
	Records   int64     // that count: of the agency, or of the log
	Covered   int64     // of these, under a checkpoint that holds
	SignedAt  time.Time // of the newest checkpoint, by the signer's clock; zero: none that holds
}

// Verdict is what an agency is told of a report of all agencies. Its notes are for whoever may see the whole log.
func (r Report) Verdict(agency string) Verdict {
	v := Verdict{Whole: true, Sound: r.OK(), Findings: []Finding{}, Records: r.Effective, Covered: r.Covered}
	if r.SignedAt != nil {
		v.SignedAt = *r.SignedAt
	}
	for _, f := range r.Findings {
		if f.Agency != agency {
			v.Elsewhere++
			continue
		}
		if f.Kind == KindAltered && slices.Equal(f.Differs, []string{"key"}) { // the other key may be another agency
			f.Detail = "the record was moved to another key"
		}
		v.Findings = append(v.Findings, f)
	}
	return v
}

// String is the verdict as a sentence.
func (v Verdict) String() string {
	switch {
	case v.Sound:
		return v.proven()
	case v.Whole:
		return fmt.Sprintf("The log is NOT sound. Findings of this agency: %d. Findings that are not of this agency: %d; the operators see them "+
			"with 'ledgerboard verify --all'.", len(v.Findings), v.Elsewhere)
	default:
		return fmt.Sprintf("The stream of this agency is NOT as it must be. Findings: %d.", len(v.Findings))
	}
}
