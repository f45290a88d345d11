package proof

import (
	"fmt"
	"time"
)

// A verdict says no more than what is proven, and signatures prove the log up to the newest checkpoint alone. What came since is
// chained: no record of it can be altered or removed without writing all later ones of its agency again.

// nothingWas is what a verification without findings says of what a checkpoint covers.
const nothingWas = "nothing was altered, removed, inserted or reordered up to the checkpoint of"

// What is said of an end that no checkpoint covers.
const (
	cutUnseen     = "an end that was cut off or written again since would not show"
	cutRemembered = "an end that was cut off or written again since shows only as far as the tables remember it"
)

// since says what holds of records that no checkpoint covers.
func since(later int64, cut string) string {
	switch later {
	case 0:
		return fmt.Sprintf("There is no record since then; %s.", cut)
	case 1:
		return fmt.Sprintf("1 record since then is chained; %s.", cut)
	default:
		return fmt.Sprintf("%d records since then are chained; %s.", later, cut)
	}
}

// Proven says what a report proves that has no finding, as a sentence.
func (r Report) Proven() string {
	cut := cutUnseen
	if r.Compared > 0 {
		cut = cutRemembered
	}
	if r.SignedAt == nil {
		return fmt.Sprintf("Every chain holds. No checkpoint was checked: a history that was written again as a whole would not show, and %s.", cut)
	}
	return fmt.Sprintf("No finding: %s %s, which covers %d records. %s",
		nothingWas, r.SignedAt.Format(timeLayout), r.Covered, since(r.Effective-r.Covered, cut))
}

// Proven says what a bundle without findings proves, as a sentence.
func (r BundleReport) Proven() string {
	return fmt.Sprintf("Agency %s: %s %s: its %d records are what was signed then, and version %d was the last. %s",
		r.Agency, nothingWas, r.SignedAt.UTC().Format(timeLayout), r.Covered, r.Head,
		since(r.NotCovered, cutUnseen))
}

// signedUpTo notes a checkpoint that holds: of those that cover most, the newest says up to when nothing was done.
func (v *verification) signedUpTo(size int64, at time.Time) {
	if r := &v.report; r.SignedAt == nil || size > r.Covered || size == r.Covered && at.After(*r.SignedAt) {
		r.Covered, r.SignedAt = size, new(at.UTC())
	}
}
