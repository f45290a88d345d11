package projections

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// On a compacted topic a key's last record counts. When that one is parked, the tables keep what the record before it made,
// and a rebuild does the same, until compaction takes that record away: then the log has lost the state that the row shows,
// and no fold gives it back. So the two differ, the rebuild is blocked and the check fails, and both say why.

// explainCompacted says of the first rows that differ that compaction took their records away; parked is what the fold
// parked. It returns the keys, as directory's records have them.
func explainCompacted(r *Report, parked []ParkedAt) (keys []string) {
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.FirstDifference == nil || t.FirstDifference.Live == nil || t.FirstDifference.Candidate != nil {
			continue
		}
		at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return strings.EqualFold(k.table, t.Name) })
		if at < 0 || len(t.FirstDifference.Key) != 1 {
			continue
		}
		for _, id := range t.FirstDifference.Key {
			key := domain.DirectoryKey(entityKinds[at].kind, id)
			if slices.ContainsFunc(parked, func(p ParkedAt) bool { return p.Key == key }) {
				t.Note = fmt.Sprintf("compaction has removed the record that made %s, and the one that is left is parked", key)
				keys = append(keys, key)
			}
		}
	}
	return keys
}
