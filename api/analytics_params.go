package api

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What the analytics endpoints take. parseFigures reads whatever is declared.
var (
	totalsParams = []Param{paramStartTime, paramEndTime, paramZone, paramPlatform}
	seriesParams = with(totalsParams, paramGranularity)
	postsParams  = with(totalsParams, paramCursor, paramLimit)

	comparedTotals    = with(totalsParams, paramCompare)
	comparedSeries    = with(seriesParams, paramCompare)
	postsSeriesParams = with(postsParams, paramGranularity, paramCompare)
	topPostsParams    = with(postsParams, paramCategory, paramRankBy)
	leaderboardParams = with(totalsParams, paramLimit, paramRankBy)
	growthParams      = []Param{paramFromDate, paramToDate, paramZone, paramPlatform, paramCompare}
	onePlatformParams = []Param{paramPlatformID, paramStartTime, paramEndTime, paramZone, paramGranularity, paramCompare}
)

// paramRankBy stands at rankings.
var paramRankBy = Param{
	Name: "by", Kind: KindWord, Words: []string{string(analytics.RankByGained), string(analytics.RankByTotal)},
	Default: string(analytics.RankByGained), wrong: "is not what a ranking goes by: use %s", Example: string(analytics.RankByTotal),
	Text: "What rankings go by: gained, what engagement gained in the range; or total, all that the posts that were published in " +
		"the range have gathered by its end.",
}

// paramCompare stands where totals or series have another period.
var paramCompare = Param{
	Name: "compare", Kind: KindWord, wrong: "is nothing to compare with: use %s",
	Words:   []string{string(analytics.ComparePrevious), string(analytics.CompareYear), string(analytics.CompareNone)},
	Default: "totals are compared with the previous period, and series come alone", Example: string(analytics.CompareYear),
	Text: "What the range is compared with. previous: the period right before it, as long as what has elapsed of it. year: the same dates one " +
		"year before, in the time zone; 29 February has none, and is part of the comparison of 28 February. Series come with the figures of that " +
		"period, part by part. none: with nothing; what says so in totals is null.",
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
	q.Platforms = domain.Platforms()
	if p.declares(paramPlatform) {
		q.Platforms = p.Platforms()
	}
	if p.declares(paramPlatformID) {
		q.Social = p.ID(paramPlatformID)
	}
	if p.declares(paramCompare) {
		q.Compare = analytics.Compare(p.word(paramCompare))
	}
	if p.declares(paramLimit) {
		q.Page.Limit = p.Limit()
	}
	if p.declares(paramCursor) {
		q.Page.Cursor = p.cursor(paramCursor)
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
	return q
}
