package analytics_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// cells are the numbers of an answer by JSON path; list entries are named by day, platform, post or
// member.
type cells map[string]*int64

// eachPlatform fills in the cells of a total and of each platform.
func (q question) eachPlatform(fill func(path string, platforms []domain.Platform)) {
	fill("total", q.Platforms)
	for _, p := range q.Platforms {
		fill(fmt.Sprintf("platforms[%d]", int(p)), []domain.Platform{p})
	}
}

// wantAccountInsights: `followers.change` is the gain of followers, as in every answer;
// `engagement.value` is a gain.
func wantAccountInsights(w *world, q question) cells {
	want := cells{}
	q.wantFollowers(w, want)
	q.wantAccountTotal(want, ".engagement", q.ofAccounts(w, domain.MetricEngagement))
	return want
}

// wantFollowers fills in the totals of followers, with their percentage.
func (q question) wantFollowers(w *world, want cells) {
	all := q.ofAccounts(w, domain.MetricFollowers)
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		want[path+".followers.value"] = q.lastStock(w, domain.MetricFollowers, platforms)
		want[path+".followers.change"] = all.in(q.Range.From, q.Range.To, platforms...)
		want[path+".followers.change_pct"], want[path+".followers.note_first_reading"] = q.growthInPercent(w, all, platforms)
		all.wantGap(want, q.Range, platforms, path+".followers", ".change_pct")
	})
}

// growthInPercent returns the gain of pages that were read before the range, in hundredths of a
// percent of their value then. Pages first read in the range, or there for the first time since they
// came to their client, are excluded. noBaseline is 1 if all pages that were read in the range are such
// pages. Rule 6: a step over a long gap has no percentage, see [gains.wantGap].
func (q question) growthInPercent(w *world, all gains, platforms []domain.Platform) (pct, noBaseline *int64) {
	var base, grew, pages int64
	last := q.stock(w, domain.MetricFollowers, q.Range.From, q.Range.To, platforms)
	for page, value := range last {
		readings := readingsOf(w, q.scope.ParentAccount, false)
		first := slices.IndexFunc(readings, func(r gainsReading) bool {
			return r.owner.SocialAccount == page && !r.at.Before(q.Range.From) && r.figure(domain.MetricFollowers) != nil && q.sees(r.owner, r.platform)
		})
		before := !isBaseline(readings[:first], readings[first], domain.MetricFollowers)
		of := slices.DeleteFunc(slices.Clone(all), func(g gained) bool { return g.owner.SocialAccount != page })
		if gain := of.in(q.Range.From, q.Range.To, platforms...); before && gain != nil {
			base, grew, pages = base+value-*gain, grew+*gain, pages+1
		}
	}
	noBaseline = new(int64(0))
	if len(last) > 0 && pages == 0 {
		*noBaseline = 1
	}
	if base > 0 {
		pct = new(int64(math.Round(float64(grew) * 10000 / float64(base))))
	}
	return pct, noBaseline
}

// wantTotal fills in a gain over the range: its value and its number of accounts.
func (q question) wantTotal(want cells, name string, all gains) {
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		want[path+name+".value"] = all.in(q.Range.From, q.Range.To, platforms...)
		pages := map[int64]bool{}
		for _, g := range all {
			if !g.at.Before(q.Range.From) && g.at.Before(q.Range.To) && slices.Contains(platforms, g.platform) {
				pages[g.owner.SocialAccount] = true
			}
		}
		want[path+name+".accounts"] = new(int64(len(pages)))
	})
}

// wantAccountTotal fills in a gain of accounts, with its long gaps.
func (q question) wantAccountTotal(want cells, name string, all gains) {
	q.wantTotal(want, name, all)
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		all.wantGap(want, q.Range, platforms, path+name, ".change_pct")
	})
}

// wantSeries fills in a gain for each part of the range.
func (q question) wantSeries(want cells, list, name string, all gains) {
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		for _, in := range q.periods() {
			want[fmt.Sprintf("%s.%s[%s].%s", path, list, in.name, name)] = all.in(in.from, in.to, platforms...)
		}
	})
}

// wantGap is rule 6: the oldest reading of a step over a long gap is reported, and such a gain has
// no percentage. The note says so before anything else.
func (g gains) wantGap(want cells, r analytics.Range, platforms []domain.Platform, total, pct string) {
	since, note := total+".gained_since", total+".note"
	want[since] = nil
	for _, gain := range g {
		if gain.since == nil || gain.at.Before(r.From) || !gain.at.Before(r.To) || !slices.Contains(platforms, gain.platform) {
			continue
		}
		if at := gain.since.UnixMicro(); want[since] == nil || *want[since] > at {
			want[since] = &at
		}
		want[total+pct], want[note], want[note+"_first_reading"] = nil, new(int64(slices.Index(notes, analytics.NoteGap))), new(int64(0))
	}
}

// lastStock: for each page, the last reading in the range that the asker can see counts.
func (q question) lastStock(w *world, name string, platforms []domain.Platform) (v *int64) {
	for _, n := range q.stock(w, name, q.Range.From, q.Range.To, platforms) {
		sum(&v, n)
	}
	return v
}

// stock returns the last readings in [from, to) of the pages that are read in the range; nil
// without any.
func (q question) stock(w *world, name string, from, to time.Time, platforms []domain.Platform) (last map[int64]int64) {
	inRange := map[int64]bool{}
	for _, r := range readingsOf(w, q.scope.ParentAccount, false) {
		n := r.figure(name)
		if n == nil || !q.sees(r.owner, r.platform) || !slices.Contains(platforms, r.platform) {
			continue
		}
		if !r.at.Before(q.Range.From) && r.at.Before(q.Range.To) {
			inRange[r.owner.SocialAccount] = true
		}
		if !r.at.Before(from) && r.at.Before(to) {
			if last == nil {
				last = map[int64]int64{}
			}
			last[r.owner.SocialAccount] = *n
		}
	}
	maps.DeleteFunc(last, func(id, _ int64) bool { return !inRange[id] })
	return last
}

// wantAccountFollowers: a first reading is in `followers` and adds nothing to `change`. A page that
// is read in the range is in each part with its last reading before the end of the part, however
// old, so that the chart has no false steps. A part without readings is null.
func wantAccountFollowers(w *world, q question) cells {
	want := cells{}
	q.wantFollowers(w, want)
	q.wantSeries(want, "series", "change", q.ofAccounts(w, domain.MetricFollowers))
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		for _, in := range q.periods() {
			var followers *int64
			if q.stock(w, domain.MetricFollowers, in.from, in.to, platforms) != nil {
				for _, n := range q.stock(w, domain.MetricFollowers, time.Time{}, in.to, platforms) {
					sum(&followers, n)
				}
			}
			want[fmt.Sprintf("%s.series[%s].followers", path, in.name)] = followers
		}
	})
	return want
}

// wantNetGrowth: net is the same gain as the `change` of the followers.
func wantNetGrowth(w *world, q question) cells {
	all, want := q.ofAccounts(w, domain.MetricFollowers), cells{}
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		want[path+".net"] = all.in(q.Range.From, q.Range.To, platforms...)
		want[path+".net_pct"], want[path+".note_first_reading"] = q.growthInPercent(w, all, platforms)
		all.wantGap(want, q.Range, platforms, path, ".net_pct")
	})
	q.wantSeries(want, "series", "net", all)
	return want
}

func wantAccountStats(w *world, q question) cells {
	all, want := q.ofAccounts(w, domain.MetricImpressions), cells{}
	q.wantAccountTotal(want, ".impressions", all)
	q.wantSeries(want, "series", "impressions", all)
	return want
}

// wantStats returns the cells of /api/stats, which has no total.
func wantStats(w *world, q question) cells {
	want := cells{}
	q.wantSeries(want, "periods", "followers_change", q.ofAccounts(w, domain.MetricFollowers))
	q.wantSeries(want, "periods", "engagement", q.ofAccounts(w, domain.MetricEngagement))
	q.wantSeries(want, "periods", "impressions", q.ofAccounts(w, domain.MetricImpressions))
	q.wantRecorded(w, want)
	all := q.ofAccounts(w, domain.MetricEngagement)
	for _, p := range q.Platforms {
		of := []domain.Platform{p}
		for _, in := range q.periods() {
			var engaged, people int64
			for page, followers := range q.stock(w, domain.MetricFollowers, time.Time{}, in.to, of) {
				memberGains := slices.DeleteFunc(slices.Clone(all), func(g gained) bool { return g.owner.SocialAccount != page })
				if gain := memberGains.in(in.from, in.to, p); gain != nil {
					engaged, people = engaged+*gain, people+followers
				}
			}
			path := fmt.Sprintf("platforms[%d].periods[%s].engagement_rate_pct", int(p), in.name)
			want[path] = nil
			if people > 0 && q.stock(w, domain.MetricFollowers, in.from, in.to, of) != nil {
				want[path] = new(int64(math.Round(float64(engaged) * 10000 / float64(people))))
			}
		}
	}
	for path := range want {
		if strings.HasPrefix(path, "total") {
			delete(want, path)
		}
	}
	return want
}

// wantRecorded fills in the first and last capture time of the readings that count in each part.
func (q question) wantRecorded(w *world, want cells) {
	readings := readingsOf(w, q.scope.ParentAccount, false)
	flows := dayFlowsOf(w, q.scope.ParentAccount)
	for _, p := range q.Platforms {
		for _, in := range q.periods() {
			var captured []time.Time
			for of, f := range flows {
				date, _ := time.Parse(time.DateOnly, of.day)
				begins := firstInstant(date, q.Range.Zone)
				counts := of.name == domain.MetricEngagement || of.name == domain.MetricImpressions
				if counts && f.last.platform == p && !begins.Before(in.from) && begins.Before(in.to) && q.sees(f.first.owner, p) {
					captured = append(captured, f.last.at)
				}
			}
			for _, name := range []string{domain.MetricFollowers, domain.MetricEngagement, domain.MetricImpressions} {
				last := map[int64]time.Time{}
				for _, r := range readings {
					if r.figure(name) != nil && r.platform == p && q.sees(r.owner, p) && !r.at.Before(in.from) && r.at.Before(in.to) {
						last[r.owner.SocialAccount] = r.at
					}
				}
				captured = slices.AppendSeq(captured, maps.Values(last))
			}
			path := fmt.Sprintf("platforms[%d].periods[%s]", int(p), in.name)
			want[path+".recorded_at"], want[path+".updated_at"] = nil, nil
			if len(captured) > 0 {
				want[path+".recorded_at"] = new(earlier(captured...).UnixMicro())
				want[path+".updated_at"] = new(later(captured...).UnixMicro())
			}
		}
	}
}

// ofViews: TikTok counts no views of an account; the gains of its videos are used instead.
func (q question) ofViews(w *world) gains {
	all := q.ofAccounts(w, domain.MetricViews)
	for _, g := range q.ofPosts(w, domain.MetricViews) {
		if g.platform == domain.TikTok {
			all = append(all, g)
		}
	}
	return all
}

func wantRoiViews(w *world, q question) cells {
	all, want := q.ofViews(w), cells{}
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		want[path+".views"] = all.in(q.Range.From, q.Range.To, platforms...)
	})
	q.Granularity = analytics.ByMonth
	for _, in := range q.periods() {
		month := fmt.Sprintf("months[%s]", in.name[:7])
		want[month+".views"] = all.in(in.from, in.to, q.Platforms...)
		for _, p := range q.Platforms {
			want[fmt.Sprintf("%s.platforms[%d].views", month, int(p))] = all.in(in.from, in.to, p)
		}
	}
	return want
}

func wantMemberGrowth(w *world, q question) cells {
	want := cells{}
	q.wantFollowers(w, want)
	q.wantAccountTotal(want, ".engagement", q.ofAccounts(w, domain.MetricEngagement))
	q.wantAccountTotal(want, ".impressions", q.ofAccounts(w, domain.MetricImpressions))
	q.wantTotal(want, ".post_engagement", q.ofPosts(w, domain.MetricEngagement))
	q.wantTotal(want, ".post_views", q.ofPosts(w, domain.MetricViews))
	o := newOracle(w, q)
	before, until := o.previous()
	earlier := newOracle(w, q)
	earlier.Range.From, earlier.Range.To = before, until
	count := func(o *oracle, platforms []domain.Platform) (n *int64) {
		for _, page := range gainsPages {
			if !slices.Contains(platforms, page.platform) {
				continue
			}
			if posts := o.published(page.id, o.Range.To)(o.Range.From, o.Range.To); posts != nil {
				sum(&n, *posts)
			}
		}
		return n
	}
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		want[path+".posts_published"], want[path+".posts_published_previous"] = count(o, platforms), count(earlier, platforms)
	})
	q.wantPostsPrevious(w, want, q.before(analytics.ComparePrevious))
	return want
}

func wantPostsViews(w *world, q question) cells {
	want := cells{}
	q.wantPostSeries(w, want, domain.MetricViews)
	q.wantReadings(w, want)
	return want
}

func wantPostsLikes(w *world, q question) cells {
	want := cells{}
	q.wantPostSeries(w, want, domain.MetricLikes)
	q.wantReadings(w, want)
	return want
}

// wantPostSeries fills in the total and the parts of a figure of posts.
func (q question) wantPostSeries(w *world, want cells, name string) {
	all := q.ofPosts(w, name)
	q.wantTotal(want, "."+name, all)
	q.wantSeries(want, "series", name, all)
}

func wantPostsTotalEngagements(w *world, q question) cells {
	want := cells{}
	for _, name := range engagementFigures {
		q.wantPostSeries(w, want, name)
	}
	q.wantReadings(w, want)
	q.eachPlatform(func(path string, platforms []domain.Platform) {
		known, partial := map[int64]*[3]int{}, int64(0) // gains of each part, by social account
		for i, name := range engagementParts {
			for _, g := range q.ofPosts(w, name) {
				if !g.at.Before(q.Range.From) && g.at.Before(q.Range.To) && slices.Contains(platforms, g.platform) {
					if known[g.owner.SocialAccount] == nil {
						known[g.owner.SocialAccount] = &[3]int{}
					}
					known[g.owner.SocialAccount][i]++
				}
			}
		}
		for _, n := range known {
			if n[0] != n[1] || n[0] != n[2] {
				partial = 1
			}
		}
		want[path+".engagement_partial"] = &partial
	})
	return want
}

// wantReadings fills in the number of readings of posts in each part.
func (q question) wantReadings(w *world, want cells) {
	var all gains
	for _, r := range readingsOf(w, q.scope.ParentAccount, true) {
		if q.sees(r.owner, r.platform) {
			all = append(all, gained{at: r.at, platform: r.platform, value: 1})
		}
	}
	q.wantSeries(want, "series", "readings", all)
	for path, v := range want {
		if strings.HasSuffix(path, ".readings") && v == nil {
			want[path] = new(int64(0))
		}
	}
}
