package simulator

import (
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // Facebook's days end at Pacific midnight
)

const metaTimeLayout = "2006-01-02T15:04:05-0700"

// pacific is where Facebook's days are. The zone database is compiled in, so this cannot fail.
var pacific = func() *time.Location {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.FixedZone("PST", -8*3600)
	}
	return zone
}()

// pageMetrics are the page metrics of November 2026 and their periods.
var pageMetrics = map[string][]string{
	"page_media_view":                   {"day", "week", "days_28"},
	"page_total_media_view_unique":      {"day", "week", "days_28"},
	"page_post_engagements":             {"day", "week", "days_28"},
	"page_follows":                      {"day"},
	"page_daily_follows_unique":         {"day", "week", "days_28"},
	"page_daily_unfollows_unique":       {"day", "week", "days_28"},
	"page_views_total":                  {"day", "week", "days_28"},
	"page_total_actions":                {"day", "week", "days_28"},
	"page_video_views":                  {"day", "week", "days_28"},
	"page_actions_post_reactions_total": {"day"},
	"page_follows_city":                 {"day"},
	"page_follows_country":              {"day"},
}

var periodDays = map[string]int64{"day": 1, "week": 7, "days_28": 28}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(pacific).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, pacific)
}

// metricsOf reads and checks the metric parameter: one bad name rejects the whole call.
func (s *Server) metricsOf(c *request, raw string, known func(string) bool) ([]string, *reply) {
	if raw == "" {
		fail := s.graphFail(c, 400, 3001, 1504028, "(#3001) No metric was specified to be fetched.")
		return nil, &fail
	}
	list := names(raw)
	for _, name := range list {
		if !known(name) || slices.Contains(c.traps.RetiredMetrics, name) {
			fail := s.graphFail(c, 400, 100, 0, "(#100) The value must be a valid insights metric")
			return nil, &fail
		}
	}
	return list, nil
}

// pageInsights answers GET /{page}/insights.
func (s *Server) pageInsights(c *request) reply {
	names, fail := s.metricsOf(c, c.query.Get("metric"), func(m string) bool { return pageMetrics[m] != nil })
	if fail != nil {
		return *fail
	}
	since, until, fail := s.insightRange(c)
	if fail != nil {
		return *fail
	}
	data := []object{}
	for _, name := range names {
		for _, period := range pageMetrics[name] {
			if want := c.query.Get("period"); (want == "" || want == period) && !c.lacks("read_insights") {
				data = append(data, object{
					"name": name, "period": period, "title": name, "description": "simulated",
					"values": s.pageValues(c, name, period, since, until), "id": c.acc.ID + "/insights/" + name + "/" + period,
				})
			}
		}
	}
	return ok(object{"data": data, "paging": c.windowPaging(since, until)})
}

// windowPaging is the next and previous time window: it never ends, and it holds the token.
func (r *request) windowPaging(since, until time.Time) object {
	link := func(from, to time.Time) string {
		return r.link(map[string]string{"since": itoa(from.Unix()), "until": itoa(to.Unix())})
	}
	span := until.Sub(since)
	return object{"previous": link(since.Add(-span), since), "next": link(until, until.Add(span))}
}

// insightRange reads since and until; without them the last two points. Not over 90 days.
func (s *Server) insightRange(c *request) (since, until time.Time, fail *reply) {
	until = midnight(c.now).AddDate(0, 0, 1)
	since = midnight(c.now).AddDate(0, 0, -2)
	if raw := c.query.Get("since"); raw != "" {
		since = graphDate(raw)
	}
	if raw := c.query.Get("until"); raw != "" {
		until = graphDate(raw)
	}
	if until.Sub(since) > 90*24*time.Hour {
		rep := s.graphFail(c, 400, 100, 0, "(#100) There cannot be more than 90 days (7776000 s) between since and until")
		return since, until, &rep
	}
	return since, until, nil
}

// graphDate reads unix seconds or YYYY-MM-DD.
func graphDate(raw string) time.Time {
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return time.Unix(n, 0)
	}
	t, _ := time.ParseInLocation(time.DateOnly, raw, pacific)
	return t
}

// pageValues are the points whose end_time lies after since (the first is since + 1 day) and before
// until, which is exclusive; a day is there once it is over.
func (s *Server) pageValues(c *request, name, period string, since, until time.Time) []object {
	values := []object{}
	oldest := c.now.AddDate(-2, 0, 0)
	for end := midnight(since).AddDate(0, 0, 1); end.Before(until) && !end.After(c.now); end = end.AddDate(0, 0, 1) {
		if end.Before(oldest) {
			continue
		}
		last := end.AddDate(0, 0, -1)
		values = append(values, object{
			"value": s.pageValue(c, name, period, last), "end_time": end.UTC().Format(metaTimeLayout),
		})
	}
	return values
}

func (s *Server) pageValue(c *request, name, period string, last time.Time) any {
	seed, id, label := s.cfg.Seed, c.acc.ID, last.Format(time.DateOnly)
	days := periodDays[period]
	flow := func(on func(uint64, string, string) int64) int64 {
		var sum int64
		for i := range int(days) {
			day := last.AddDate(0, 0, -i)
			sum += c.settling(on(seed, id, day.Format(time.DateOnly)), day.AddDate(0, 0, 1))
		}
		return sum
	}
	switch name {
	case "page_total_media_view_unique":
		return ReachOn(seed, id, label, days)
	case "page_post_engagements":
		return flow(EngagementOn)
	case "page_total_actions":
		return flow(ClicksOn)
	case "page_follows":
		return FollowersAt(seed, id, last.AddDate(0, 0, 1))
	case "page_actions_post_reactions_total":
		likes := flow(LikesOn)
		return object{"like": likes - likes/5, "love": likes / 5}
	case "page_follows_city", "page_follows_country":
		return places(name, FollowersAt(seed, id, last.AddDate(0, 0, 1)))
	default:
		return flow(ViewsOn)
	}
}

func places(metric string, followers int64) object {
	if metric == "page_follows_city" {
		return object{"Vienna, Austria": followers / 3, "Graz, Austria": followers / 9, "Berlin, Germany": followers / 12}
	}
	return object{"AT": followers * 6 / 10, "DE": followers * 2 / 10, "CH": followers / 20}
}
