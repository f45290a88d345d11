//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// chaosErased is the type of the records that erase an account.
const chaosErased = "metrics.account_erased.v1"

// chaosTexts are the columns of what a post says.
var chaosTexts = chaosColumns(chaosNullText, "content", "media_url", "permalink")

// chaosOwned is an account as an agency has it, in a partition: each takes the erasures of its own records alone.
type chaosOwned struct {
	parent, account string
	partition       int32
}

// chaosSaid is what counts of a key of topic contents, and the last record of the key. Where these differ, the record covers what counts:
// compaction would keep the wrong one.
type chaosSaid struct {
	counts *chaosRecord // of an erased account's: the record of that
	erased bool
	at     time.Time
	last   *chaosRecord
}

func (s *chaosSaid) covered() bool {
	switch {
	case !s.last.at.Equal(s.at), (s.last.fields == nil) != s.erased:
		return true
	case s.erased:
		return false
	}
	return s.last.fields["account_id"] != s.counts.fields["account_id"] || chaosNormal(textsOf(s.last)) != chaosNormal(textsOf(s.counts))
}

func textsOf(r *chaosRecord) map[string]any {
	texts := map[string]any{}
	for name, column := range chaosTexts {
		texts[name] = column.value(r.fields)
	}
	return texts
}

// texts are what each origin said of a post last, by its own time, and up to when each account's are erased. Of one time a tombstone counts
// first, then what came first. What is said before its account's erasure counts as erased right before the instant of that, and no later one
// moves it.
func (l *chaosLog) texts(until chaosVector) (said map[string]*chaosSaid, erasures map[chaosOwned]*chaosRecord) {
	said, erasures = map[string]*chaosSaid{}, map[chaosOwned]*chaosRecord{}
	overrule := func(key string) {
		s, parts := said[key], strings.SplitN(key, ":", 4) // agency, origin, account, post
		erasure := erasures[chaosOwned{parts[0], parts[2], s.last.partition}]
		if erasure != nil && !s.erased && s.at.Before(chaosErasedAt(erasure)) {
			s.counts, s.erased, s.at = erasure, true, chaosErasedAt(erasure).Add(-time.Microsecond)
		}
	}
	l.each("contents", until, func(r *chaosRecord) {
		if r.kind == chaosErased {
			of := chaosOwned{r.fields["parent_account"].(string), fmt.Sprint(r.fields["social_account_id"]), r.partition}
			if before := erasures[of]; before == nil || chaosErasedAt(r).After(chaosErasedAt(before)) {
				erasures[of] = r
				for key, s := range said {
					if s.last.partition == r.partition {
						overrule(key)
					}
				}
			}
			return
		}
		s, known := said[r.key]
		if !known {
			s = &chaosSaid{}
			said[r.key] = s
		}
		if s.last = r; !known || r.at.After(s.at) || r.at.Equal(s.at) && r.fields == nil && !s.erased {
			s.counts, s.erased, s.at = r, r.fields == nil, r.at
		}
		overrule(r.key)
	})
	return said, erasures
}

func chaosErasedAt(r *chaosRecord) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.fields["erased_at"].(string))
	if err != nil {
		panic(err)
	}
	return at
}

// foldContents demands post_contents, erased_contents and content_erasures.
func (l *chaosLog) foldContents(until chaosVector, rows chaosRows) {
	said, erasures := l.texts(until)
	table := chaosTable("post_contents", chaosColumns(chaosEmptyText, "parent_account", "external_id", "origin", "account_id"),
		chaosColumns(chaosZero, "social_account_id"), chaosTexts)
	for key, s := range said {
		if s.erased {
			parts := strings.SplitN(key, ":", 4)
			rows.add("erased_contents", s.last, map[string]any{
				"parent_account": parts[0], "origin": parts[1], "social_account_id": json.Number(parts[2]), "external_id": parts[3],
				"erased_at": s.at, "covered": s.covered(),
			})
			continue
		}
		row := map[string]any{"told_at": s.at, "covered": s.covered(), "log_partition": s.last.partition}
		for name, column := range table.columns {
			row[name] = column.value(s.counts.fields)
		}
		rows.add(table.table, s.counts, row)
	}
	for of, r := range erasures {
		rows.add("content_erasures", r, map[string]any{
			"social_account_id": json.Number(of.account), "parent_account": of.parent, "log_partition": of.partition,
			"account_id": r.fields["account_id"], "p_id": r.fields["p_id"], "erased_at": chaosErasedAt(r),
			"covered": false, // each has a key of its own, and nobody plants
		})
	}
}

// said are the records of what each origin said of a post last; of what is erased there is none.
func (l *chaosLog) said(until chaosVector) map[string]*chaosRecord {
	all, _ := l.texts(until)
	maps.DeleteFunc(all, func(_ string, s *chaosSaid) bool { return s.erased })
	last := map[string]*chaosRecord{}
	for key, s := range all {
		last[key] = s.counts
	}
	return last
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
