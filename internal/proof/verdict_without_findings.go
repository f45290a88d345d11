package proof

import (
	"fmt"
	"time"
)

// A verdict says no more than what is proven, and signatures prove the log up to the newest checkpoint alone. What came since is
// chained and tagged: without the tag key no record of it can be altered, and none be taken out of the middle, but its end can be cut off.

// nothingWas is what a verification without findings says of what a checkpoint covers.
const nothingWas = "nothing was altered, removed, inserted or reordered up to the checkpoint of"

// What is said of an end that no checkpoint covers.
const (
	cutUnseen     = "an end that was cut off since, or made anew with the tag key, would not show"
	cutRemembered = "an end that was cut off since, or made anew with the tag key, shows only as far as the tables remember it"
)

// since says what holds of records that no checkpoint covers; their is how they hang together.
func since(later int64, their, cut string) string {
	switch later {
	case 0:
		return fmt.Sprintf("There is no record since then; %s.", cut)
	case 1:
		return fmt.Sprintf("1 record since then is %s; %s.", their, cut)
	default:
		return fmt.Sprintf("%d records since then are %s; %s.", later, their, cut)
	}
}

// Proven says what a report proves that has no finding, or none but signed restores, as a sentence.
func (r Report) Proven() string {
	their, cut := "chained and tagged", cutUnseen
	if r.TagsUnchecked {
		their = "chained, and their tags were not checked"
	}
	if r.Compared > 0 {
		cut = cutRemembered
	}
	if r.SignedAt == nil {
		return fmt.Sprintf("Every chain holds. No checkpoint was checked: a history made anew as a whole would not show, and %s.", cut)
	}
	found := "No finding"
	if r.RestoredOnly() {
		found = "No finding but that an older state of the log was restored"
	}
	return fmt.Sprintf("%s: %s %s, which covers %d records. %s",
		found, nothingWas, r.SignedAt.Format(timeLayout), r.Covered, since(r.Effective-r.Covered, their, cut))
}

// Proven says what a bundle without findings proves, as a sentence.
func (r BundleReport) Proven() string {
	return fmt.Sprintf("Agency %s: %s %s: its %d records are what was signed then, and version %d was the last. %s",
		r.Agency, nothingWas, r.SignedAt.UTC().Format(timeLayout), r.Covered, r.Head,
		since(r.NotCovered, "chained, and no tag is checked in a bundle", cutUnseen))
}

// signedUpTo notes a checkpoint that holds: of those that cover most, the newest says up to when nothing was done.
func (v *verification) signedUpTo(size int64, at time.Time) {
	if r := &v.report; r.SignedAt == nil || size > r.Covered || size == r.Covered && at.After(*r.SignedAt) {
		r.Covered, r.SignedAt = size, new(at.UTC())
	}
}
