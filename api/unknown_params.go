package api

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// rangeNames look like the ends of a range. The 22 endpoints name theirs otherwise: one that is ignored gives figures of
// other days.
var rangeNames = []string{"start", "end", "from", "to"}

// judgeUnknown notes the names in the query that the route does not declare, but for those that the main application's frontends add
// everywhere (own). The newer reads refuse them: a filter that is ignored gives right-looking figures of something else. The analytics
// ignore them, because old frontends add some, and list them. Streams say nothing: their clients add names of their protocol.
func (p *Params) judgeUnknown(given url.Values, pattern string, own []string) {
	if isStream(pattern) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared := slices.ContainsFunc(p.takes, func(d Param) bool { return d.Name == name && !d.Header })
		switch {
		case declared, slices.Contains(own, name):
		case strings.HasPrefix(pattern, "/api/"):
			p.bad.Addf(clip(name), "is not a parameter of this address: leave it out, or see /openapi.json for what it takes")
		case slices.Contains(rangeNames, name):
			start, end := paramStartTime.Name, paramEndTime.Name
			if p.declares(paramFromDate) {
				start, end = paramFromDate.Name, paramToDate.Name
			}
			where := "in the query"
			if strings.Contains(pattern, "{"+end+"}") {
				where = "in the path"
			}
			p.bad.Addf(name, "is not a parameter: give the range as %s and %s, %s", start, end, where)
		default:
			p.ignored = append(p.ignored, clip(name))
		}
	}
}
