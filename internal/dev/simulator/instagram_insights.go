package simulator

import (
	"slices"
	"strings"
	"time"
)

// How an account metric must be asked for.
const (
	seriesOrTotal = iota // reach
	totalOnly            // empty, not an error, without metric_type=total_value
	neverTyped           // follower_count: empty with metric_type=total_value
	demographic          // period lifetime, one breakdown
)

var instagramMetrics = map[string]int{
	"reach": seriesOrTotal, "follower_count": neverTyped,
	"views": totalOnly, "accounts_engaged": totalOnly, "total_interactions": totalOnly, "likes": totalOnly, "comments": totalOnly,
	"shares": totalOnly, "saves": totalOnly, "replies": totalOnly, "reposts": totalOnly, "profile_links_taps": totalOnly,
	"follower_demographics": demographic, "engaged_audience_demographics": demographic,
}

// instagramMetricsOf checks the metric parameter. The refusal lists what is allowed.
func (s *Server) instagramMetricsOf(c *request, allowed []string) ([]string, *reply) {
	allowed = slices.DeleteFunc(slices.Clone(allowed), func(m string) bool { return slices.Contains(c.traps.RetiredMetrics, m) })
	slices.Sort(allowed)
	list := names(c.query.Get("metric"))
	for i, name := range list {
		if !slices.Contains(allowed, name) {
			fail := s.graphFail(c, 400, 100, 0,
				"(#100) metric["+itoa(int64(i))+"] must be one of the following values: "+strings.Join(allowed, ", "))
			return nil, &fail
		}
	}
	return list, nil
}

// instagramInsights answers GET /{ig}/insights.
func (s *Server) instagramInsights(c *request) reply {
	var allowed []string
	for name := range instagramMetrics {
		allowed = append(allowed, name)
	}
	names, fail := s.instagramMetricsOf(c, allowed)
	if fail != nil {
		return *fail
	}
	if period := c.query.Get("period"); period != "day" && period != "lifetime" {
		return s.graphFail(c, 400, 100, 0, "(#100) period is required")
	}
	until, since := c.now, c.now.Add(-24*time.Hour)
	if raw := c.query.Get("since"); raw != "" {
		since = graphDate(raw)
	}
	if raw := c.query.Get("until"); raw != "" {
		until = graphDate(raw)
	}
	if until.Sub(since) > 30*24*time.Hour+time.Hour { // an hour for the end of summer time
		return s.graphFail(c, 400, 100, 0, "(#100) There cannot be more than 30 days (2592000 s) between since and until")
	}
	data := []object{}
	for _, name := range names {
		if entry := s.instagramMetric(c, name, since, until); entry != nil && !c.traps.NoCounts {
			data = append(data, entry)
		}
	}
	return ok(object{"data": data, "paging": c.windowPaging(since, until)})
}

// instagramMetric is one metric's entry, nil where the platform answers nothing at all.
func (s *Server) instagramMetric(c *request, name string, since, until time.Time) object {
	total := c.query.Get("metric_type") == "total_value"
	entry := object{"name": name, "period": c.query.Get("period"), "title": name, "id": c.acc.ID + "/insights/" + name + "/day"}
	switch kind := instagramMetrics[name]; {
	case kind == demographic:
		facet := c.query.Get("breakdown")
		if !total || c.query.Get("period") != "lifetime" || facet == "" {
			return nil
		}
		entry["total_value"] = object{"breakdowns": []object{{"dimension_keys": []string{facet}, "results": s.demographicResults(c, facet)}}}
	case kind == totalOnly && !total, kind == neverTyped && total:
		return nil
	case total:
		entry["total_value"] = object{"value": s.instagramTotal(c, name, since, until)}
	default:
		entry["values"] = s.instagramSeries(c, name, since, until)
	}
	return entry
}

// instagramSeries has a point per day, zero days included; end_time is 07:00 UTC all year.
func (s *Server) instagramSeries(c *request, name string, since, until time.Time) []object {
	values := []object{}
	for day := midnight(since); day.Before(until); day = day.AddDate(0, 0, 1) {
		end := day.AddDate(0, 0, 1)
		label := day.Format(time.DateOnly)
		value := SoFar(ReachOn(s.cfg.Seed, c.acc.ID, label, 1), day, end, c.now)
		if name == "follower_count" { // new followers of the day, not the total
			value = FollowersAt(s.cfg.Seed, c.acc.ID, earlier(end, c.now)) - FollowersAt(s.cfg.Seed, c.acc.ID, day)
		}
		values = append(values, object{"value": value, "end_time": end.Format(time.DateOnly) + "T07:00:00+0000"})
	}
	return values
}

// instagramTotal is one number for the window; a day that is not over counts by its share.
func (s *Server) instagramTotal(c *request, name string, since, until time.Time) int64 {
	on := map[string]func(uint64, string, string) int64{
		"views": ViewsOn, "total_interactions": EngagementOn, "likes": LikesOn, "comments": CommentsOn, "shares": SharesOn, "saves": SavesOn,
		"accounts_engaged": EngagementOn, "profile_links_taps": ClicksOn,
	}[name]
	first := midnight(since)
	if name == "reach" {
		last := midnight(until.Add(-time.Second))
		days := DaysBetween(first, last) + 1
		return ReachOn(s.cfg.Seed, c.acc.ID, last.Format(time.DateOnly), days)
	}
	if on == nil {
		on = ClicksOn
	}
	var sum int64
	for day := first; day.Before(until); day = day.AddDate(0, 0, 1) {
		end := day.AddDate(0, 0, 1)
		sum += c.settling(SoFar(on(s.cfg.Seed, c.acc.ID, day.Format(time.DateOnly)), day, end, earlier(until, c.now)), end)
	}
	return sum
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// demographicResults are withheld below 100 followers.
func (s *Server) demographicResults(c *request, facet string) []object {
	followers := FollowersAt(s.cfg.Seed, c.acc.ID, c.now)
	shares := map[string]map[string]int64{
		"age":     {"18-24": 20, "25-34": 38, "35-44": 22, "45-54": 12},
		"gender":  {"F": 55, "M": 40, "U": 5},
		"city":    {"Vienna, Vienna": 40, "Graz, Styria": 12},
		"country": {"AT": 70, "DE": 20},
	}[facet]
	out := []object{}
	if followers < 100 {
		return out
	}
	for key, percent := range shares {
		out = append(out, object{"dimension_values": []string{key}, "value": followers * percent / 100})
	}
	return out
}

var mediaMetricsOf = map[string][]string{
	"FEED": {
		"views", "reach", "likes", "comments", "shares", "saved", "total_interactions", "profile_visits", "follows",
		"profile_activity", "reposts",
	},
	"REELS": {"views", "reach", "likes", "comments", "shares", "saved", "total_interactions", "reposts", "ig_reels_avg_watch_time"},
	"STORY": {"views", "reach", "replies", "shares", "follows", "profile_visits", "navigation", "total_interactions"},
}

// mediaMetrics are the metrics asked for of a media object. One that the kind of media does not have
// is refused.
func (s *Server) mediaMetrics(c *request, p Post) ([]string, *reply) {
	product, _ := productOf(p.Kind)
	known := slices.Concat(mediaMetricsOf["FEED"], mediaMetricsOf["REELS"], mediaMetricsOf["STORY"])
	for _, name := range names(c.query.Get("metric")) {
		if slices.Contains(known, name) && !slices.Contains(mediaMetricsOf[product], name) {
			fail := s.graphFail(c, 400, 100, 0,
				"(#100) The Media Insights API does not support the "+name+" metric for this media product type.")
			return nil, &fail
		}
	}
	return s.instagramMetricsOf(c, mediaMetricsOf[product])
}

// mediaInsights answers GET /{media}/insights; a metric that does not apply rejects the call.
func (s *Server) mediaInsights(c *request, id string) reply {
	p, found := s.findPost(c, id)
	if !found {
		return s.graphNotFound(c, id)
	}
	if c.traps.BeforeBusiness {
		return s.graphFail(c, 400, 100, 2108006, "Invalid parameter: the media was posted before the most recent time the "+
			"user's account was converted to a business account")
	}
	names, fail := s.mediaMetrics(c, p)
	if none := s.withoutInsights(c, p, id, "insights"); none != nil {
		fail = none
	}
	if fail != nil {
		return *fail
	}
	n := s.counters(c, p)
	values := map[string]int64{
		"views": n.Views, "reach": n.Reach, "likes": n.Likes, "comments": n.Comments, "shares": n.Shares, "saved": n.Saves,
		"total_interactions": n.Likes + n.Comments + n.Shares + n.Saves, "replies": n.Comments,
		"ig_reels_avg_watch_time": AvgWatchOf(s.cfg.Seed, p.ID),
	}
	data := []object{}
	for _, name := range names {
		if !c.traps.NoCounts {
			data = append(data, lifetimeValue(name, values[name]))
		}
	}
	return ok(object{"data": data})
}
