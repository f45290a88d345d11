package api

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// figuresReading is what an analytics endpoint asks of a request.
type figuresReading = reading[analytics.RangeQuery]

var (
	totalsQuery = figuresReading{parseTotals, []Param{paramStartTime, paramEndTime, paramZone, paramPlatform}}
	seriesQuery = figuresReading{parseSeries, append(slices.Clone(totalsQuery.takes), paramGranularity)}
	postsQuery  = figuresReading{parsePosts, append(slices.Clone(totalsQuery.takes), paramCursor, paramLimit)}

	postsSeriesQuery = figuresReading{parsePostsSeries, append(slices.Clone(postsQuery.takes), paramGranularity)}
	topPostsQuery    = figuresReading{parseTopPosts, append(slices.Clone(postsQuery.takes), paramCategory)}
	leaderboardQuery = figuresReading{parseLeaderboard, append(slices.Clone(totalsQuery.takes), paramLimit)}
	growthQuery      = figuresReading{parseGrowth, []Param{paramFromDate, paramToDate, paramZone, paramPlatform}}
)

func parseTotals(p *Params) analytics.RangeQuery {
	return analytics.RangeQuery{Range: p.Range(paramStartTime, paramEndTime), Platforms: p.Platforms()}
}

func parseSeries(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Granularity = p.Granularity()
	return q
}

func parsePosts(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Page = p.Page()
	return q
}

func parsePostsSeries(p *Params) analytics.RangeQuery {
	q := parsePosts(p)
	q.Granularity = p.Granularity()
	return q
}

func parseTopPosts(p *Params) analytics.RangeQuery {
	q := parsePosts(p)
	q.Category = p.Category()
	return q
}

func parseLeaderboard(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Page.Limit = p.Limit()
	return q
}

func parseGrowth(p *Params) analytics.RangeQuery {
	return analytics.RangeQuery{Range: p.Range(paramFromDate, paramToDate), Platforms: p.Platforms()}
}

// ofMember asks the same of one member.
func ofMember(all figuresReading) figuresReading {
	return figuresReading{
		parse: func(p *Params) analytics.RangeQuery {
			member := p.ID(paramMember)
			q := all.parse(p)
			q.Member = member
			return q
		},
		takes: append([]Param{paramMember}, all.takes...),
	}
}
