//go:build e2e

package e2e_test

import "bytes"

// foldContents demands what each origin said of a post last, by its own time; of one time what came first.
func (l *chaosLog) foldContents(until chaosVector, rows chaosRows) {
	last, covered := map[string]*chaosRecord{}, map[string]bool{}
	l.each("contents", until, func(r *chaosRecord) {
		before := last[r.key]
		if before == nil || r.at.After(before.at) {
			last[r.key], covered[r.key] = r, false
			return
		}
		covered[r.key] = r.at.Before(before.at) || !bytes.Equal(r.value, before.value)
	})
	table := chaosTable("post_contents", chaosColumns(chaosEmptyText, "parent_account", "external_id", "origin", "account_id"),
		chaosColumns(chaosZero, "social_account_id"), chaosColumns(chaosNullText, "content", "media_url", "permalink"))
	for key, r := range last {
		row := map[string]any{"told_at": r.at, "covered": covered[key]}
		for name, column := range table.columns {
			row[name] = column.value(r.fields)
		}
		rows.add(table.table, r, row)
	}
}
