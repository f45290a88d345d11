package api

import (
	"slices"

	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// What the analytics endpoints take. parseFigures reads whatever is declared.
var (
	totalsParams = []Param{paramStartTime, paramEndTime, paramZone, paramPlatform}
	seriesParams = with(totalsParams, paramGranularity)
	postsParams  = with(totalsParams, paramCursor, paramLimit)

	postsSeriesParams = with(postsParams, paramGranularity)
	topPostsParams    = with(postsParams, paramCategory)
	leaderboardParams = with(totalsParams, paramLimit)
	growthParams      = []Param{paramFromDate, paramToDate, paramZone, paramPlatform}
)

// ofMember asks the same of one member.
func ofMember(takes []Param) []Param { return with([]Param{paramMember}, takes...) }

func with(takes []Param, more ...Param) []Param { return append(slices.Clone(takes), more...) }

func parseFigures(p *Params) (q analytics.RangeQuery) {
	if p.declares(paramMember) {
		q.Member = p.ID(paramMember)
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
	return q
}
