//go:build e2e

package e2e_test

import "bytes"

// chaosTexts are the columns of what a post says.
var chaosTexts = chaosColumns(chaosNullText, "content", "media_url", "permalink")

// said are the records of what each origin said of a post last, by its own time; of one time what came first. covered are those over
// which another one lies.
func (l *chaosLog) said(until chaosVector) (last map[string]*chaosRecord, covered map[string]bool) {
	last, covered = map[string]*chaosRecord{}, map[string]bool{}
	l.each("contents", until, func(r *chaosRecord) {
		before := last[r.key]
		if before == nil || r.at.After(before.at) {
			last[r.key], covered[r.key] = r, false
			return
		}
		covered[r.key] = r.at.Before(before.at) || !bytes.Equal(r.value, before.value)
	})
	return last, covered
}

func (l *chaosLog) foldContents(until chaosVector, rows chaosRows) {
	last, covered := l.said(until)
	table := chaosTable("post_contents", chaosColumns(chaosEmptyText, "parent_account", "external_id", "origin", "account_id"),
		chaosColumns(chaosZero, "social_account_id"), chaosTexts)
	for key, r := range last {
		row := map[string]any{"told_at": r.at, "covered": covered[key], "log_partition": r.partition}
		for name, column := range table.columns {
			row[name] = column.value(r.fields)
		}
		rows.add(table.table, r, row)
	}
}

// showTexts demands of a row of the view of posts what was said of it: by the main application, field by field, else by the listing.
func showTexts(row map[string]any, said map[string]*chaosRecord, parent, post string) {
	for name, column := range chaosTexts {
		row[name] = nil
		for _, origin := range []string{"listing", "main_app"} {
			if r := said[parent+":"+origin+":"+post]; r != nil && column.value(r.fields) != nil {
				row[name] = column.value(r.fields)
			}
		}
	}
}
