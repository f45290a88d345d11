package proof

// findDisplaced reports the checkpoints that were published and do not count any more, and returns them.
func (v *verification) findDisplaced() map[*entry]bool {
	reported := map[*entry]bool{}
	for _, pair := range v.book.displaced() {
		reported[pair[0]] = true
		v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "order", "%s", displacedInWords(pair)))
	}
	return reported
}

// noteUncounted notes the checkpoints of the log that hold and do not count, and those that are not in the file. One that is
// void is an event of its own, unless it is reported; of those that come from one cause the first is named, the others are counted.
func (v *verification) noteUncounted(reported map[*entry]bool) {
	var after, waiting, outside []*entry
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
			if reported[e] {
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
