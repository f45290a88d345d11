package api

import (
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// The parsers of the analytics: what each endpoint asks of a request, and documents by asking.

func parseTotals(p *Params) analytics.RangeQuery {
	return analytics.RangeQuery{Range: p.Range("startTime", "endTime"), Platforms: p.Platforms("pId")}
}

func parseSeries(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Granularity = p.granularity()
	return q
}

func parsePosts(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Page = p.Page()
	return q
}

func parsePostsSeries(p *Params) analytics.RangeQuery {
	q := parsePosts(p)
	q.Granularity = p.granularity()
	return q
}

func parseTopPosts(p *Params) analytics.RangeQuery {
	q := parsePosts(p)
	q.Category = p.Category("cId")
	return q
}

func parseLeaderboard(p *Params) analytics.RangeQuery {
	q := parseTotals(p)
	q.Page.Limit = p.Limit()
	return q
}

func parseGrowth(p *Params) analytics.RangeQuery {
	return analytics.RangeQuery{Range: p.Range("fromDate", "toDate"), Platforms: p.Platforms("pId")}
}

// parseActiveMembers narrows to the account of the path instead of the query.
func parseActiveMembers(p *Params) analytics.RangeQuery {
	p.narrowBy = "accountId"
	return parsePosts(p)
}

// ofMember asks the same of one member.
func ofMember(parse func(*Params) analytics.RangeQuery) func(*Params) analytics.RangeQuery {
	return func(p *Params) analytics.RangeQuery {
		member := p.ID("memberId")
		q := parse(p)
		q.Member = member
		return q
	}
}

// Granularity reads `granularity`: day (also when absent), week or month.
func (p *Params) granularity() analytics.Granularity {
	const name = "granularity"
	p.note(name, "Length of the parts of the series: day, week (from Monday on) or month, in the time zone.",
		schema{Type: typeString, Enum: []any{"day", "week", "month"}, Default: "day"})
	value, present := p.value(name)
	switch by := analytics.Granularity(value); {
	case !present:
		return analytics.ByDay
	case by == analytics.ByDay, by == analytics.ByWeek, by == analytics.ByMonth:
		return by
	}
	p.bad.addf(name, "is not a granularity: use day, week or month")
	return analytics.ByDay
}

// narrowing is the account that the figures are narrowed to: of the path where it names one, else of
// ?account=.
func (p *Params) narrowing() readmodels.AccountRef {
	if p.narrowBy != "" {
		return p.RequiredAccount(p.narrowBy)
	}
	return p.Account("account")
}
