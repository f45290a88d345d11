package proof

import "time"

// checkpointsMissed is how many intervals may pass without a checkpoint: a restart or a broker that is away for a while is no finding.
const checkpointsMissed = 3

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
