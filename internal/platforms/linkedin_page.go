package platforms

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const resourceShares = "organizationalEntityShareStatistics"

// shareStatistics is an answer of organizationalEntityShareStatistics.
type shareStatistics struct {
	Elements whole[shareElement] `json:"elements"`
	Paging   maybe[struct {
		Total count          `json:"total"`
		Links list[pageLink] `json:"links"`
	}] `json:"paging"`
}

type pageLink struct {
	Rel text `json:"rel"`
}

// cut reports whether there is more than this answer holds: then what is not in it is not zero.
func (s shareStatistics) cut() bool {
	p := s.Paging.v
	return slices.Contains(p.Links, pageLink{Rel: "next"}) || (p.Total.ok && p.Total.n > int64(len(s.Elements.list)))
}

type shareElement struct {
	Entity    text `json:"organizationalEntity"`
	Share     text `json:"share"`
	UGCPost   text `json:"ugcPost"`
	TimeRange maybe[struct {
		Start count `json:"start"` // UTC milliseconds
	}] `json:"timeRange"`
	Total maybe[shareCounts] `json:"totalShareStatistics"`
}

// shareCounts are the numbers of a page, a day or a post, by the platform's fields. likeCount and clickCount may be
// negative and stay so; the ratio `engagement` is not read, it could not be summed.
type shareCounts map[string]count

// shareMetrics are what is made of them: a source is a field, or the sum of some that are all there.
var shareMetrics = []struct{ name, source string }{
	{domain.MetricImpressions, "impressionCount"},
	{domain.MetricClicks, "clickCount"},
	{domain.MetricLikes, "likeCount"},
	{domain.MetricComments, "commentCount"},
	{domain.MetricShares, "shareCount"},
	{domain.MetricEngagement, "likeCount+commentCount+shareCount"},
	{domain.MetricReach, "uniqueImpressionsCount"},
}

func (s shareCounts) value(source string) count {
	sum := count{ok: true}
	for field := range strings.SplitSeq(source, "+") {
		part := s[field]
		sum = count{n: sum.n + part.n, ok: sum.ok && part.ok}
	}
	return sum
}

// addShares adds the numbers as figures. uniqueImpressionsCount is reliable only for the lifetime, so days
// have no reach.
func (r *liReading) addShares(s shareCounts, kind domain.Kind, window, day string) {
	for _, m := range shareMetrics {
		if value := s.value(m.source); value.ok && (m.name != domain.MetricReach || kind == domain.Rolling) {
			r.got.add(domain.Figure{Name: m.name, Kind: kind, Value: value.n, Source: m.source, Window: window, Day: day})
		}
	}
}

// pageFollowers reads the headline number.
func (r *liReading) pageFollowers(ctx context.Context) error {
	var size struct {
		First count `json:"firstDegreeSize"`
	}
	err := r.get(ctx, "network_size", r.t, "networkSizes/"+urnIn(r.urn), "edgeType=COMPANY_FOLLOWED_BY_MEMBER", &size)
	if err == nil && size.First.ok {
		r.got.add(domain.Figure{Name: domain.MetricFollowers, Kind: domain.Stock, Value: size.First.n, Source: "firstDegreeSize"})
	}
	return err
}

func (r *liReading) shares(ctx context.Context, op, more string) (shareStatistics, error) {
	var reply shareStatistics
	err := r.get(ctx, op, r.t, resourceShares, "q=organizationalEntity&organizationalEntity="+urnIn(r.urn)+more, &reply)
	return reply, err
}

// mine reports whether an element is about this page.
func (r *liReading) mine(e shareElement) bool {
	return e.Total.ok && (e.Entity == "" || string(e.Entity) == r.urn)
}

// pageLifetime reads the statistics of the rolling twelve months: shown as read, never subtracted.
func (r *liReading) pageLifetime(ctx context.Context) error {
	reply, err := r.shares(ctx, "page_statistics", "")
	if err != nil {
		return r.snap.absorb(err, domain.MetricReach)
	}
	for _, e := range reply.Elements.list {
		if r.mine(e) && e.Share == "" && e.UGCPost == "" {
			r.addShares(e.Total.v, domain.Rolling, "months_12", "")
		}
	}
	return nil
}

// pageDays reads the daily statistics, which ranges are made of. Reshares of a day leave instant
// ones out, so the days do not add up to the lifetime numbers.
func (r *liReading) pageDays(ctx context.Context) error {
	reply, err := r.shares(ctx, "page_days", "&timeIntervals="+timeIntervals(r.days[0], r.days[1]))
	if err != nil {
		return r.snap.absorb(err)
	}
	for _, e := range reply.Elements.list {
		if day := milliTime(e.TimeRange.v.Start); r.mine(e) && !day.IsZero() {
			r.addShares(e.Total.v, domain.DayFlow, "", day.Format(time.DateOnly))
		}
	}
	return nil
}
