//go:build e2e

package e2e_test

import (
	"slices"
	"time"
)

// chaosGain is a row of post_gains in the making.
type chaosGain struct {
	from *chaosRecord
	last *time.Time
	n    map[string]int64
}

type chaosGainKey struct {
	account, member, platform   int64
	parent, sub, quarter, began string
}

type chaosGains map[chaosGainKey]*chaosGain

func (g chaosGains) at(r *chaosRecord, began time.Time) *chaosGain {
	e := r.reading
	quarter := e.CapturedAt.UTC().Truncate(15 * time.Minute)
	if began.IsZero() || began.After(quarter) {
		began = quarter
	}
	key := chaosGainKey{
		e.SocialAccount, e.MemberID, e.Platform, e.ParentAccount, e.AccountID,
		quarter.Format(time.RFC3339Nano), began.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano),
	}
	if g[key] == nil {
		g[key] = &chaosGain{from: r, n: map[string]int64{}}
	}
	return g[key]
}

func (g *chaosGain) add(name string, v any) {
	if n, ok := v.(int64); ok {
		g.n[name] += n
		g.n[name+"_n"]++
	}
}

// foldGains demands post_gains: what each reading gained of each figure against the last one before it that had it, of
// the same post and agency, by quarter of an hour.
func (l *chaosLog) foldGains(until chaosVector, series map[chaosInstant][]*chaosRecord, rows chaosRows) {
	gains := chaosGains{}
	l.each("metrics", until, func(r *chaosRecord) {
		if r.kind != "metrics.post_read.v1" {
			return
		}
		if g := gains.at(r, time.Time{}); g.last == nil || r.reading.CapturedAt.After(*g.last) {
			g.last = &r.reading.CapturedAt
		}
	})
	for _, readings := range series {
		readings = slices.SortedFunc(slices.Values(readings), func(a, b *chaosRecord) int {
			return a.reading.CapturedAt.Compare(b.reading.CapturedAt)
		})
		known := map[string]map[string]*int64{} // by agency: what the last reading with a figure said of it
		for _, r := range readings {
			agency := r.reading.ParentAccount
			if known[agency] == nil {
				known[agency] = map[string]*int64{}
			}
			gains.count(known[agency], r)
		}
	}
	for key, g := range gains {
		if row := g.row(key); row != nil {
			rows.add("post_gains", g.from, row)
		}
	}
}

// count adds what a reading gained of each figure since the last one that had it; what none had before counts
// since the publication. It notes what the reading says.
func (g chaosGains) count(known map[string]*int64, r *chaosRecord) {
	e := r.reading
	row := g.at(r, time.Time{})
	row.n["readings"]++
	var engagement, first *int64 // of parts that were known, and of those that come first
	lacking, still := 0, 0       // parts that are not known, without and with the first ones
	for _, figure := range []struct {
		name string
		now  *int64
	}{{"likes", e.Likes}, {"comments", e.Comments}, {"shares", e.Shares}, {"views", e.Views}} {
		before, part := known[figure.name], figure.name != "views"
		switch {
		case figure.now != nil && before != nil:
			gained := *figure.now - *before
			row.add(figure.name, gained)
			if part {
				engagement = chaosPlus(engagement, gained)
			}
		case figure.now != nil && e.PublishedAt != nil:
			g.at(r, *e.PublishedAt).add(figure.name, *figure.now)
			if part {
				lacking, first = lacking+1, chaosPlus(first, *figure.now)
			}
		case part:
			lacking, still = lacking+1, still+1
		}
		if figure.now != nil {
			known[figure.name] = figure.now
		}
	}
	if engagement != nil {
		row.add("engagement", *engagement)
		row.partly(lacking > 0, 1)
	}
	if first != nil {
		began := g.at(r, *e.PublishedAt)
		began.add("engagement", *first)
		began.partly(engagement == nil && still > 0, 1)
		began.partly(engagement != nil && still == 0, -1) // with these it is not partial any more
	}
}

func chaosPlus(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

func (g *chaosGain) partly(yes bool, n int64) {
	if yes {
		g.n["partial_n"] += n
	}
}

// row is nil for first figures that count nothing.
func (g *chaosGain) row(key chaosGainKey) map[string]any {
	quarter, _ := time.Parse(time.RFC3339Nano, key.quarter)
	began, _ := time.Parse(time.RFC3339Nano, key.began)
	row := map[string]any{
		"social_account_id": key.account, "quarter": quarter, "parent_account": key.parent, "account_id": key.sub,
		"member_id": key.member, "p_id": key.platform, "began": began, "last_at": g.last,
	}
	something := g.last != nil
	for _, name := range []string{"readings", "partial_n", "likes", "comments", "shares", "views", "engagement"} {
		row[name] = g.n[name]
	}
	for _, name := range []string{"likes_n", "comments_n", "shares_n", "views_n", "engagement_n"} {
		row[name] = g.n[name]
		something = something || g.n[name] > 0
	}
	if !something {
		return nil
	}
	return row
}
