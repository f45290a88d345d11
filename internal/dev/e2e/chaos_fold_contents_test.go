//go:build e2e

package e2e_test

import (
	"time"
)

// chaosErased is the type of the records that erase an account.
const chaosErased = "metrics.account_erased.v1"

// chaosTexts are the columns of what a post says.
var chaosTexts = chaosColumns(chaosNullText, "content", "media_url", "permalink")

// said are the last records of what each origin said of a post; what is erased has none.
func (l *chaosLog) said(until chaosVector) map[string]*chaosRecord {
	last := map[string]*chaosRecord{}
	l.each("contents", until, func(r *chaosRecord) {
		if last[r.key] = r; r.fields == nil {
			delete(last, r.key)
		}
	})
	return last
}

func chaosErasedAt(r *chaosRecord) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.fields["erased_at"].(string))
	if err != nil {
		panic(err)
	}
	return at
}

// foldContents demands post_contents.
func (l *chaosLog) foldContents(until chaosVector, rows chaosRows) {
	table := chaosTable("post_contents", chaosColumns(chaosEmptyText, "parent_account", "external_id", "origin", "account_id"),
		chaosColumns(chaosZero, "social_account_id"), chaosTexts)
	for _, r := range l.said(until) {
		row := map[string]any{"told_at": r.at}
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
