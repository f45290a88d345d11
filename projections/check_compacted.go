package projections

import (
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// On a compacted topic a key's last record counts. When that one is parked, the tables keep what the record before it made,
// and a rebuild does the same, until compaction takes that record away: then the log has lost the state that the row shows,
// and no fold gives it back. So the check fails, and says why.

// explainCompacted says of the first rows that differ that compaction took their records away; parked is what the fold parked.
func explainCompacted(r *Report, p fold.Projector, parked []ParkedAt) {
	compacted, is := p.(fold.Compacted)
	if !is {
		return
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.FirstDifference == nil || t.FirstDifference.In != inTable {
			continue
		}
		key, ok := compacted.LogKey(t.Name, t.FirstDifference.Key)
		if ok && slices.ContainsFunc(parked, func(p ParkedAt) bool { return p.Key == key }) {
			t.Note = fmt.Sprintf("compaction has removed the record that made %s, and the one that is left is parked", key)
		}
	}
}
