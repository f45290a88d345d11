package api

import (
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What the analytics endpoints take. parseFigures reads whatever is declared.
var (
	totalsParams = []Param{paramStartTime, paramEndTime, paramZone, paramPlatform}
	seriesParams = with(totalsParams, paramGranularity)
	postsParams  = with(totalsParams, paramCursor, paramLimit)

	postsSeriesParams = with(postsParams, paramGranularity)
	topPostsParams    = with(postsParams, paramCategory, paramRankBy)
	leaderboardParams = with(totalsParams, paramLimit, paramRankBy)
	growthParams      = []Param{paramFromDate, paramToDate, paramZone, paramPlatform}
)

// paramAsOf stands at every endpoint of figures.
var paramAsOf = Param{
	Name: "as_of", Kind: KindTime, Default: "all that is recorded", Example: exampleEnd,
	Text: "Figures of the readings that were recorded up to then, with today's accounts, owners and names; meta.recorded_until says so. An operator " +
		"has to have made tables as of that instant: else 409 names the command. A day means its end. Forms: " + timeForms,
}

// paramRankBy stands at rankings.
var paramRankBy = Param{
	Name: "by", Kind: KindWord, Words: []string{string(analytics.RankByGained), string(analytics.RankByTotal)},
	Default: string(analytics.RankByGained), wrong: "is not what a ranking goes by: use %s", Example: string(analytics.RankByTotal),
	Text: "What rankings go by: gained, what engagement gained in the range; or total, all that the posts that were published in " +
		"the range have gathered by its end.",
}

// ofMember asks the same of one member.
func ofMember(takes []Param) []Param { return with([]Param{paramMember}, takes...) }

func with(takes []Param, more ...Param) []Param { return append(slices.Clone(takes), more...) }

func parseFigures(p *Params) (q analytics.RangeQuery) {
	if p.declares(paramMember) {
		q.Member = p.optionalID(paramMember)
	}
	if p.declares(paramFromDate) {
		q.Range = p.Range(paramFromDate, paramToDate)
	} else {
		q.Range = p.Range(paramStartTime, paramEndTime)
	}
	q.Platforms = p.Platforms()
	if p.declares(paramLimit) {
		q.Page.Limit = p.Limit()
	}
	if p.declares(paramCursor) {
		q.Page.Cursor = p.cursor()
	}
	if p.declares(paramGranularity) {
		q.Granularity = p.Granularity()
	}
	if p.declares(paramCategory) {
		q.Category = p.Category()
	}
	if p.declares(paramRankBy) {
		q.By = analytics.RankBy(p.word(paramRankBy))
	}
	q.AsOf = p.asOf()
	return q
}

// asOf reads up to when what was recorded counts. A day means its end.
func (p *Params) asOf() *time.Time {
	if !p.declares(paramAsOf) {
		return nil
	}
	at := p.edge(paramAsOf, 1)
	if at != nil && at.After(p.now) {
		p.bad.addf(paramAsOf.Name, "lies in the future: leave it out for all that is recorded")
		return nil
	}
	if at != nil {
		at = new(at.UTC())
	}
	return at
}
