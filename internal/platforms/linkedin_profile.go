package platforms

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// memberMetric is a metric of memberCreatorPostAnalytics. A call requests only one.
type memberMetric struct {
	query string // queryType
	name  string // of the figure
}

var memberMetrics = []memberMetric{
	{query: "IMPRESSION", name: domain.MetricImpressions},
	{query: "REACTION", name: domain.MetricLikes},
	{query: "COMMENT", name: domain.MetricComments},
	{query: "RESHARE", name: domain.MetricShares},
	{query: "LINK_CLICKS", name: domain.MetricClicks},
}

var memberReach = memberMetric{query: "MEMBERS_REACHED", name: domain.MetricReach}

const resourceAnalytics = "memberCreatorPostAnalytics"

// analytics requests one metric. finder is the value of the parameter q.
func (l *linkedIn) analytics(
	ctx context.Context, op string, t Target, m memberMetric, finder, aggregation string,
) (reply analytics, err error) {
	err = l.get(ctx, op, t, resourceAnalytics, "q="+finder+"&queryType="+m.query+"&aggregation="+aggregation, &reply)
	return reply, err
}

type analytics struct {
	Elements list[memberCount] `json:"elements"`
}

type memberCount struct {
	Count      count    `json:"count"`
	MetricType text     `json:"metricType"`
	DateRange  dayRange `json:"dateRange"`
}

func (c memberCount) counts(query string) bool {
	return c.Count.ok && (c.MetricType == "" || string(c.MetricType) == query)
}

type dayRange struct {
	Start struct {
		Year  count `json:"year"`
		Month count `json:"month"`
		Day   count `json:"day"`
	} `json:"start"`
}

func (r dayRange) day() string {
	start := r.Start
	if !start.Year.ok || !start.Month.ok || !start.Day.ok {
		return ""
	}
	day := time.Date(int(start.Year.n), time.Month(start.Month.n), int(start.Day.n), 0, 0, 0, 0, time.UTC)
	if int64(day.Day()) != start.Day.n || start.Year.n <= 2000 || start.Year.n >= 3000 {
		return ""
	}
	return day.Format(time.DateOnly)
}

type memberFollowers struct {
	Elements list[struct {
		Followers count    `json:"memberFollowersCount"`
		DateRange dayRange `json:"dateRange"` // daily series only
	}] `json:"elements"`
}

func (r *liReading) profileFollowers(ctx context.Context) error {
	return r.memberFollowers(ctx, "member_followers", "q=me", false, domain.MetricFollowers)
}

func (r *liReading) profileHistory(ctx context.Context) error {
	query := "q=dateRange&dateRange=" + dateRange(r.days[0], r.days[1])
	return r.memberFollowers(ctx, "member_followers_days", query, true)
}

func (r *liReading) memberFollowers(ctx context.Context, op, query string, daily bool, names ...string) error {
	const resource = "memberFollowersCount"
	var reply memberFollowers
	if err := r.get(ctx, op, r.t, resource, query, &reply); err != nil {
		return r.absorb(err, names...)
	}
	for _, e := range reply.Elements {
		if day := e.DateRange.day(); e.Followers.ok && daily == (day != "") {
			r.add(domain.Figure{
				Name: domain.MetricFollowers, Kind: domain.Stock, Value: e.Followers.n, Source: resource, Day: day,
			})
		}
	}
	return nil
}

// mayReadAnalytics reports whether analytics should be requested. Without the LinkedIn product,
// every call is refused, and each counts against a small daily quota.
func (r *liReading) mayReadAnalytics() bool {
	return r.unpermitted.allows("member_analytics", r.t.permissions(), resourceAnalytics)
}

// absorbAnalytics records that a metric was refused. A 404 also means that the product was not
// granted. If two metrics are refused and none is read, the token may not read analytics: this is
// remembered.
func (r *liReading) absorbAnalytics(err error, m memberMetric) error {
	if kind := KindOf(err); kind == domain.StatusPermission || kind == domain.StatusNotFound {
		r.snap.miss(m.name, domain.StatusPermission)
		if r.analyticsRefused++; r.analyticsRefused > 1 && !r.analyticsRead {
			r.unpermitted.recordRefusal("member_analytics", resourceAnalytics, r.t.permissions())
			r.missAnalytics()
		}
	}
	return r.absorb(err, m.name)
}

func (r *liReading) missAnalytics() {
	for _, m := range memberMetrics {
		r.snap.miss(m.name, domain.StatusPermission)
	}
	r.snap.miss(domain.MetricEngagement, domain.StatusPermission)
	r.snap.miss(domain.MetricReach, domain.StatusPermission)
}

// profileDays reads the daily totals over all posts. Engagement is the sum of a day's reactions,
// comments and reshares if all three are present.
func (r *liReading) profileDays(ctx context.Context) error {
	if !r.mayReadAnalytics() {
		r.missAnalytics()
		return nil
	}
	engagement := map[string][]int64{}
	daily := "DAILY&dateRange=" + dateRange(r.days[0], r.days[1])
	for _, m := range memberMetrics {
		reply, err := r.analytics(ctx, "member_analytics", r.t, m, "me", daily)
		if err != nil {
			if hard := r.absorbAnalytics(err, m); hard != nil || r.throttled() || !r.mayReadAnalytics() {
				return hard
			}
			continue
		}
		r.analyticsRead = true
		for day, value := range reply.days(m.query) {
			r.add(domain.Figure{Name: m.name, Kind: domain.DayFlow, Value: value, Source: m.query, Day: day})
			if m.name == domain.MetricLikes || m.name == domain.MetricComments || m.name == domain.MetricShares {
				engagement[day] = append(engagement[day], value)
			}
		}
	}
	for day, parts := range engagement {
		if len(parts) == 3 {
			r.add(domain.Figure{
				Name: domain.MetricEngagement, Kind: domain.DayFlow, Value: parts[0] + parts[1] + parts[2],
				Source: "REACTION+COMMENT+RESHARE", Day: day,
			})
		}
	}
	return nil
}

func (a analytics) days(query string) map[string]int64 {
	out := map[string]int64{}
	for _, e := range a.Elements {
		if day := e.DateRange.day(); day != "" && e.counts(query) {
			out[day] += e.Count.n
		}
	}
	return out
}

// total returns the sum of the elements of an answer. It is absent if there are no elements or the
// sum exceeds [maxNumber].
func (a analytics) total(query string) count {
	var sum count
	for _, e := range a.Elements {
		if !e.counts(query) {
			continue
		}
		if sum = bounded(sum.n + e.Count.n); !sum.ok {
			return sum
		}
	}
	return sum
}

const reachDays = 28

// profileReach reads the number of people reached in 28 days, because there is no daily series.
func (r *liReading) profileReach(ctx context.Context) error {
	if !r.mayReadAnalytics() {
		return nil
	}
	end := r.days[1]
	days := dateRange(end.AddDate(0, 0, -reachDays), end)
	reply, err := r.analytics(ctx, "member_analytics", r.t, memberReach, "me", "TOTAL&dateRange="+days)
	if err != nil {
		return r.absorbAnalytics(err, memberReach)
	}
	if value := reply.total(memberReach.query); value.ok {
		r.add(domain.Figure{
			Name: domain.MetricReach, Kind: domain.Rolling, Value: value.n, Source: memberReach.query,
			Window: "days_28", Day: end.AddDate(0, 0, -1).Format(time.DateOnly),
		})
	}
	return nil
}
