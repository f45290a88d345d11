package proof

import "time"

// checkpointsMissed is how many intervals may pass without a checkpoint: a restart or a broker that is away for a while is no finding.
const checkpointsMissed = 3

// findDisplaced reports the checkpoints that were published and do not count any more.
func (v *verification) findDisplaced() {
	for _, pair := range v.book.displaced() {
		v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "order", "%s", displacedInWords(pair)))
	}
}

// noteUncounted notes the checkpoints of the log that hold and do not count, and those that are not in the file. One that is
// void is an event of its own; of those that come from one cause the first is named, the others are counted.
func (v *verification) noteUncounted() {
	var after, waiting, outside []*entry
	findings := map[*entry]bool{}
	for _, pair := range v.book.displaced() {
		findings[pair[0]] = true
	}
	for _, e := range v.book.list {
		if !e.inLog {
			continue
		}
		missing := v.File != nil && !e.inFile
		switch {
		case e.counts:
			if missing {
				waiting = append(waiting, e)
			}
			continue
		case e.fault == nil && (e.prev == nil || e.prev.counts): // so another one that follows the same one counts
			if findings[e] {
				continue
			}
			v.notef("the checkpoint at %s is void: another one after the same predecessor stands before it", e.where)
			continue
		case e.fault == nil:
			after = append(after, e)
		}
		if missing {
			outside = append(outside, e)
		}
	}
	v.noteFirst(after, "follows one that does not count, and does not count itself")
	v.noteFirst(waiting, "is not in the file; the signing process copies it at its next turn")
	v.noteFirst(outside, "is not in the file, and is not copied: it does not count")
}

// noteFirst notes what the first of some checkpoints is, and how many more are that.
func (v *verification) noteFirst(of []*entry, what string) {
	switch len(of) {
	case 0:
	case 1:
		v.notef("the checkpoint at %s %s", of[0].where, what)
	default:
		v.notef("the checkpoint at %s %s (and %d more after it)", of[0].where, what, len(of)-1)
	}
}

// checkNewest asks whether there are signatures at all, and of late: whoever cuts the end of the log, or makes all of it
// anew, can take away the checkpoints that would tell.
func (v *verification) checkNewest() {
	if v.Known == nil {
		v.notef("no key of checkpoints was given, and there is no checkpoint: a cut-off end of the log, or a history made anew " +
			"as a whole, cannot be seen from signatures")
		return
	}
	if len(v.book.list) == 0 {
		v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "missing", "there is no checkpoint of the given key, neither in "+
			"the log nor in the file. The service signs one when it starts: either it never had this key, or the checkpoints "+
			"were removed, and then anything may be missing or made anew"))
		return
	}
	if v.Every == 0 {
		return
	}
	var newest, ahead *entry // that hold; those that do not are findings already
	for _, e := range v.book.list {
		switch {
		case e.fault != nil:
		case e.Time.Sub(v.Now) > lateBy:
			ahead = e
		default:
			ahead = nil // the clock was mended since
			if newest == nil || e.Time.After(newest.Time) {
				newest = e
			}
		}
	}
	if ahead != nil { // it would never be old
		v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "time", "the newest checkpoint, at %s, says that it is of %s, %s ahead of the clock "+
			"here: so nobody can tell how old it is, and whether newer ones were removed. Either the clock here or the signer's is wrong, or somebody with the "+
			"checkpoint key dated it so. Set the clock right; the service's next checkpoint ends this",
			ahead.where, ahead.Time.Format(timeLayout), ahead.Time.Sub(v.Now).Round(time.Second)))
		return
	}
	if newest == nil {
		return
	}
	if age := v.Now.Sub(newest.Time); age > checkpointsMissed*v.Every {
		v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "age", "the newest checkpoint that holds is of %s, %s ago, "+
			"and the service signs one every %s. Either it did not run or could not sign since then, or newer checkpoints were "+
			"removed together with the end of the log", newest.Time.Format(timeLayout), age.Round(time.Second), v.Every))
	}
}
