package projections

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// uncompared is a Projector with tables that a comparison leaves out, because two folds of one log may differ in them.
type uncompared interface {
	Projector
	Uncompared() []string
}

func uncomparedOf(p Projector) []string {
	if u, ok := p.(uncompared); ok {
		return u.Uncompared()
	}
	return nil
}

// allTables are the tables of a projector, compared or not.
func allTables(p Projector) []string { return slices.Concat(p.Tables(), uncomparedOf(p)) }

// isHeartbeat tells of a record that no projection folds.
func isHeartbeat(ev Event) bool {
	_, is := ev.Data.(domain.Heartbeat)
	return is
}

// On a compacted topic a key's last record counts. When that one is parked, the tables keep what the record before it made,
// and a rebuild does the same, until compaction takes that record away: then the log has lost the state that the row shows,
// and no fold gives it back. So the two differ, the rebuild is blocked and the check fails, and both say why.

// explainCompacted says of the first rows that differ that compaction took their records away; parked is what the fold
// parked. It returns the keys, as the records have them.
func explainCompacted(r *Report, parked []ParkedAt) (keys []string) {
	for i := range r.Tables {
		t := &r.Tables[i]
		if t.FirstDifference == nil || t.FirstDifference.In != "live" {
			continue
		}
		key, ok := logKey(t.Name, t.FirstDifference.Key)
		if ok && slices.ContainsFunc(parked, func(p ParkedAt) bool { return p.Key == key }) {
			t.Note = fmt.Sprintf("compaction has removed the record that made %s, and the one that is left is parked", key)
			keys = append(keys, key)
		}
	}
	return keys
}

// logKey is the key of the records that make a row of a compacted topic's table.
func logKey(table string, row map[string]string) (string, bool) {
	if table == "post_contents" {
		social, err := strconv.ParseInt(row["social_account_id"], 10, 64)
		post := domain.PostRef{ParentAccount: row["parent_account"], SocialAccount: social, ExternalID: row["external_id"]}
		return post.ContentKey(domain.PostOrigin(row["origin"])), err == nil
	}
	at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return strings.EqualFold(k.table, table) })
	if at < 0 || len(row) != 1 {
		return "", false
	}
	for _, id := range row {
		return domain.DirectoryKey(entityKinds[at].kind, id), true
	}
	return "", false
}
