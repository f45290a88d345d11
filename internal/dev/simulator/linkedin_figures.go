package simulator

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (s *Server) memberFollowers(c *request) reply {
	if c.query.Get("q") == "dateRange" {
		return s.memberFollowersByDay(c)
	}
	element := object{"memberFollowersCount": FollowersAt(s.cfg.Seed, c.acc.ID, c.now)}
	if c.traps.NoCounts {
		element = object{}
	}
	return elements(0, 10, []object{element})
}

// memberFollowersByDay answers the followers at the end of each past day.
func (s *Server) memberFollowersByDay(c *request) reply {
	start, end := restliRange(c.query.Get("dateRange"))
	list := []object{}
	for day := start; day.Before(end) && !day.AddDate(0, 0, 1).After(c.now) && len(list) < maxDays; day = day.AddDate(0, 0, 1) {
		list = append(list, object{
			"memberFollowersCount": FollowersAt(s.cfg.Seed, c.acc.ID, day.AddDate(0, 0, 1)),
			"dateRange":            object{"start": restliDay(day), "end": restliDay(day.AddDate(0, 0, 1))},
		})
	}
	return elements(0, len(list), list)
}

// memberMetrics are the query types that the simulator knows, for all posts by day.
var memberMetrics = map[string]func(uint64, string, string) int64{
	"IMPRESSION": ViewsOn, "REACTION": LikesOn, "COMMENT": CommentsOn, "RESHARE": SharesOn, "LINK_CLICKS": ClicksOn, "POST_SAVE": SavesOn,
	"MEMBERS_REACHED": nil,
}

var entityParam = regexp.MustCompile(`^\((share|ugc):(.+)\)$`)

// memberAnalytics answers one query type per call; the element's number is `count`.
func (s *Server) memberAnalytics(c *request) reply {
	query := c.query.Get("queryType")
	on, known := memberMetrics[query]
	aggregation := c.query.Get("aggregation")
	switch {
	case !known || slices.Contains(c.traps.RetiredMetrics, query):
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: queryType")
	case aggregation == "DAILY" && on == nil:
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "DAILY aggregation is not supported for "+query)
	case c.traps.NoCounts:
		return elements(0, 10, []object{})
	case c.query.Get("q") == "entity":
		return s.memberPost(c, query)
	}
	start, end := restliRange(c.query.Get("dateRange"))
	if aggregation != "DAILY" {
		days := int64(end.Sub(start) / (24 * time.Hour))
		value := ReachOn(s.cfg.Seed, c.acc.ID, end.AddDate(0, 0, -1).Format(time.DateOnly), max(1, days))
		return elements(0, 10, []object{{"count": value, "dateRange": object{}, "metricType": c.metricType(query)}})
	}
	list := []object{}
	for day := start; day.Before(end) && day.Before(c.now) && len(list) < maxDays; day = day.AddDate(0, 0, 1) {
		list = append(list, object{
			"count":      SoFar(on(s.cfg.Seed, c.acc.ID, day.Format(time.DateOnly)), day, day.AddDate(0, 0, 1), c.now),
			"metricType": c.metricType(query),
			"dateRange":  object{"start": restliDay(day), "end": restliDay(day.AddDate(0, 0, 1))},
		})
	}
	return elements(0, len(list), list)
}

// The longest series that are answered: of a member, and of a page. What is longer ends there without a word.
const maxDays, maxShareDays = 400, 100

func restliDay(t time.Time) object {
	return object{"year": t.Year(), "month": int(t.Month()), "day": t.Day()}
}

// metricType is a plain string from 202605 on, an object before.
func (r *request) metricType(query string) any {
	if r.Header.Get("LinkedIn-Version") >= "202605" {
		return query
	}
	return object{"com.linkedin.adsexternalapi.memberanalytics.v1.CreatorPostAnalyticsMetricTypeV1": query}
}

func (s *Server) memberPost(c *request, query string) reply {
	found := entityParam.FindStringSubmatch(c.query.Get("entity"))
	if found == nil {
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: entity")
	}
	urns := restliList("List(" + found[2] + ")")
	if _, bad := c.fault(BadObject, urns...); bad {
		return s.linkedInBroken()
	}
	p, exists := s.findPost(c, urns[0])
	if !exists || strings.Contains(urns[0], ":share:") != (found[1] == "share") {
		return s.linkedInFail(404, 0, "NOT_FOUND", "The post does not exist")
	}
	n := s.counters(c, p)
	value := map[string]int64{
		"IMPRESSION": n.Views, "REACTION": n.Likes, "COMMENT": n.Comments, "RESHARE": n.Shares, "LINK_CLICKS": n.Clicks, "POST_SAVE": n.Saves,
		"MEMBERS_REACHED": n.Reach,
	}[query]
	return elements(0, 10, []object{{"count": value, "dateRange": object{}, "metricType": c.metricType(query)}})
}

func (s *Server) urn(c *request) string { return "urn:li:organization:" + c.acc.ID }

func (s *Server) networkSize(c *request) reply {
	edge := c.query.Get("edgeType")
	switch {
	case edge != "COMPANY_FOLLOWED_BY_MEMBER" && edge != "CompanyFollowedByMember":
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: edgeType")
	case c.PathValue("key") != s.urn(c):
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: networkSizes.GET")
	case c.traps.NoCounts:
		return ok(object{})
	default:
		return ok(object{"firstDegreeSize": FollowersAt(s.cfg.Seed, c.acc.ID, c.now)})
	}
}

// GeoShares are the places of a company page's followers in per cent, by facet and URN.
func GeoShares() map[string]map[string]int64 {
	return map[string]map[string]int64{
		"country": {"urn:li:geo:103883259": 60, "urn:li:geo:101282230": 25},
		"city":    {"urn:li:geo:90010215": 40, "urn:li:geo:90009712": 10},
	}
}

// GeoNames are what those places are called, by URN.
func GeoNames() map[string]string {
	return map[string]string{
		"urn:li:geo:103883259": "Austria", "urn:li:geo:101282230": "Germany",
		"urn:li:geo:90010215": "Greater Vienna Area", "urn:li:geo:90009712": "Greater Berlin Area",
	}
}

// geoNames answers the places that it knows; of others it has a status and an error.
func (s *Server) geoNames(c *request) reply {
	ids := restliList(c.query.Get("ids"))
	if len(ids) == 0 {
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: ids")
	}
	statuses, failures, results := object{}, object{}, object{}
	for _, id := range ids {
		name, known := GeoNames()["urn:li:geo:"+id]
		if !known {
			statuses[id], failures[id] = 404, object{"status": 404, "message": "There is no such place"}
			continue
		}
		results[id] = object{"id": atoi(id), "defaultLocalizedName": object{
			"value": name, "locale": object{"country": "US", "language": "en"},
		}}
	}
	return ok(object{"statuses": statuses, "errors": failures, "results": results})
}

// followerFacets answers the splits of a page's followers; the total is not part of it any more.
func (s *Server) followerFacets(c *request) reply {
	if c.query.Get("organizationalEntity") != s.urn(c) || c.query.Get("timeIntervals") != "" {
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: organizationalEntityFollowerStatistics.FINDER")
	}
	followers := FollowersAt(s.cfg.Seed, c.acc.ID, c.now)
	facet := func(name string) []object {
		out := []object{}
		for geo, percent := range GeoShares()[name] {
			if !c.traps.NoCounts {
				out = append(out, object{"geo": geo, "followerCounts": object{
					"organicFollowerCount": followers * percent / 100, "paidFollowerCount": 0,
				}})
			}
		}
		return out
	}
	return elements(0, 10, []object{{
		"organizationalEntity": s.urn(c), "followerCountsByGeoCountry": facet("country"), "followerCountsByGeo": facet("city"),
		"followerCountsByFunction": []object{}, "followerCountsBySeniority": []object{},
	}})
}

// shareStatistics answers for the page, for its days, or for posts; days and posts exclude each other.
func (s *Server) shareStatistics(c *request) reply {
	if c.query.Get("organizationalEntity") != s.urn(c) {
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: organizationalEntityShareStatistics.FINDER")
	}
	posts := append(restliList(c.query.Get("shares")), restliList(c.query.Get("ugcPosts"))...)
	intervals := c.query.Get("timeIntervals")
	switch {
	case intervals != "" && len(posts) > 0:
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "timeIntervals and shares are mutually exclusive")
	case len(posts) > 0:
		return s.postStatistics(c, posts)
	case intervals != "":
		return s.dayStatistics(c, intervals)
	}
	// The rolling twelve months, smooth in time.
	return elements(0, 10, []object{s.shareElement(c, YearAt(s.cfg.Seed, c.acc.ID, c.now))})
}

func (s *Server) shareElement(c *request, n PostCounters) object {
	entity := s.urn(c)
	if _, brand := c.fault(Showcase); brand {
		entity = brandURN + c.acc.ID
	}
	if c.traps.OtherAccount {
		entity = "urn:li:organization:999"
	}
	statistics := object{
		"impressionCount": n.Views, "uniqueImpressionsCount": n.Reach, "clickCount": n.Clicks, "likeCount": n.Likes,
		"commentCount": n.Comments, "shareCount": n.Shares,
		"engagement": float64(n.Clicks+n.Likes+n.Comments+n.Shares) / float64(max(1, n.Views)),
	}
	if c.traps.NoCounts {
		statistics = object{}
	}
	return object{"organizationalEntity": entity, "totalShareStatistics": statistics}
}

func (s *Server) dayStatistics(c *request, intervals string) reply {
	start, end := restliRange(intervals)
	if start.IsZero() || !strings.Contains(intervals, "DAY") {
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "timeIntervals needs start and a granularity of DAY or MONTH")
	}
	list := []object{}
	seed, id := s.cfg.Seed, c.acc.ID
	for day := start; day.Before(end) && day.Before(c.now) && len(list) < maxShareDays; day = day.AddDate(0, 0, 1) {
		label := day.Format(time.DateOnly)
		soFar := func(value int64) int64 { return SoFar(value, day, day.AddDate(0, 0, 1), c.now) }
		element := s.shareElement(c, PostCounters{
			Views: soFar(ViewsOn(seed, id, label)), Reach: soFar(ReachOn(seed, id, label, 1)), Clicks: soFar(ClicksOn(seed, id, label)),
			Likes: soFar(LikesOn(seed, id, label)), Comments: soFar(CommentsOn(seed, id, label)), Shares: soFar(SharesOn(seed, id, label)),
		})
		element["timeRange"] = object{"start": day.UnixMilli(), "end": day.AddDate(0, 0, 1).UnixMilli()}
		list = append(list, element)
	}
	return elements(0, len(list), list)
}

// postStatistics leaves out posts with no activity, and those it does not know. One post that was deleted refuses all:
// with 400, 403 or 404, by its number.
func (s *Server) postStatistics(c *request, urns []string) reply {
	if _, bad := c.fault(BadObject, urns...); bad {
		return s.linkedInBroken()
	}
	list := []object{}
	for _, urn := range urns {
		p, found := s.findPost(c, urn)
		if p.Dead {
			return s.linkedInDeleted(urn)
		}
		if !found {
			continue
		}
		n := s.counters(c, p)
		if n == (PostCounters{}) {
			continue
		}
		element := s.shareElement(c, n)
		key := "ugcPost"
		if strings.Contains(urn, ":share:") {
			key = "share"
		}
		element[key] = urn
		list = append(list, element)
	}
	return elements(0, len(list), list)
}

func (s *Server) linkedInDeleted(urn string) reply {
	switch urn[len(urn)-1] % 3 {
	case 0:
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "Invalid query parameter: "+urn)
	case 1:
		return s.linkedInDenied(urn)
	default:
		return s.linkedInFail(404, 0, "NOT_FOUND", "Could not find entity "+urn)
	}
}
