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

// foldGains demands post_gains: what each reading gained against the one before it of the same post and
// agency, by quarter of an hour.
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
		before := map[string]*chaosReading{}
		for _, r := range readings {
			gains.count(before[r.reading.ParentAccount], r)
			before[r.reading.ParentAccount] = r.reading
		}
	}
	for key, g := range gains {
		if row := g.row(key); row != nil {
			rows.add("post_gains", g.from, row)
		}
	}
}

func (g chaosGains) count(before *chaosReading, r *chaosRecord) {
	g.at(r, time.Time{}).n["readings"]++
	if before == nil {
		if r.reading.PublishedAt == nil {
			return
		}
		first := g.at(r, *r.reading.PublishedAt)
		for name, v := range map[string]*int64{
			"likes": r.reading.Likes, "comments": r.reading.Comments, "shares": r.reading.Shares, "views": r.reading.Views,
		} {
			if v != nil {
				first.add(name, *v)
			}
		}
		if sum, partial := chaosEngagement(r.reading); sum != nil {
			first.add("engagement", *sum)
			first.partly(partial)
		}
		return
	}
	growth, row := chaosGrowthRow(before, r.reading), g.at(r, time.Time{})
	for _, name := range []string{"likes", "comments", "shares", "views", "engagement"} {
		row.add(name, growth["g"+name])
	}
	row.partly(growth["gengagement_partial"] == true)
}

func (g *chaosGain) partly(yes bool) {
	if yes {
		g.n["partial_n"]++
	}
}

// row is nil for a first reading that counts nothing.
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
