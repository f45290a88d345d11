package platforms

import (
	"context"
	"maps"
	"slices"
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

func (m memberCount) counts(query string) bool {
	return m.Count.ok && (m.MetricType == "" || string(m.MetricType) == query)
}

type dayRange struct {
	Start struct {
		Year  count `json:"year"`
		Month count `json:"month"`
		Day   count `json:"day"`
	} `json:"start"`
}

func (d dayRange) day() string {
	start := d.Start
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

func (l *liReading) profileFollowers(ctx context.Context) error {
	return l.memberFollowers(ctx, "member_followers", "q=me", false, domain.MetricFollowers)
}

func (l *liReading) profileHistory(ctx context.Context) error {
	query := "q=dateRange&dateRange=" + dateRange(l.days[0], l.days[1])
	return l.memberFollowers(ctx, "member_followers_days", query, true)
}

func (l *liReading) memberFollowers(ctx context.Context, op, query string, daily bool, names ...string) error {
	const resource = "memberFollowersCount"
	var reply memberFollowers
	if err := l.get(ctx, op, l.t, resource, query, &reply); err != nil {
		return l.absorb(err, names...)
	}
	for _, e := range reply.Elements {
		if day := e.DateRange.day(); e.Followers.ok && daily == (day != "") {
			l.add(domain.Figure{
				Name: domain.MetricFollowers, Kind: domain.Stock, Value: e.Followers.n, Source: resource, Day: day,
			})
		}
	}
	return nil
}

// mayReadAnalytics reports whether analytics should be requested. Without the LinkedIn product,
// every call is refused, and each counts against a small daily quota.
func (l *liReading) mayReadAnalytics() bool {
	return l.unpermitted.allows("member_analytics", l.t.permissions(), resourceAnalytics)
}

// absorbAnalytics records that a metric was refused. A 404 also means that the product was not
// granted. If two metrics are refused and none is read, the token may not read analytics: this is
// remembered.
func (l *liReading) absorbAnalytics(err error, m memberMetric) error {
	if kind := KindOf(err); kind == domain.StatusPermission || kind == domain.StatusNotFound {
		l.snap.miss(m.name, domain.StatusPermission)
		if l.analyticsRefused++; l.analyticsRefused > 1 && !l.analyticsRead {
			l.unpermitted.recordRefusal("member_analytics", resourceAnalytics, l.t.permissions())
			l.missAnalytics()
		}
	}
	return l.absorb(err, m.name)
}

func (l *liReading) missAnalytics() {
	for _, m := range memberMetrics {
		l.snap.miss(m.name, domain.StatusPermission)
	}
	l.snap.miss(domain.MetricEngagement, domain.StatusPermission)
	l.snap.miss(domain.MetricReach, domain.StatusPermission)
}

// profileDays reads the daily totals over all posts. Engagement is the sum of a day's reactions,
// comments and reshares if all three are present.
func (l *liReading) profileDays(ctx context.Context) error {
	if !l.mayReadAnalytics() {
		l.missAnalytics()
		return nil
	}
	engagement := map[string][]int64{}
	daily := "DAILY&dateRange=" + dateRange(l.days[0], l.days[1])
	for _, m := range memberMetrics {
		reply, err := l.analytics(ctx, "member_analytics", l.t, m, "me", daily)
		if err != nil {
			if hard := l.absorbAnalytics(err, m); hard != nil || l.throttled() || !l.mayReadAnalytics() {
				return hard
			}
			continue
		}
		l.analyticsRead = true
		days := reply.days(m.query)
		for _, day := range slices.Sorted(maps.Keys(days)) {
			value := days[day]
			l.add(domain.Figure{Name: m.name, Kind: domain.DayFlow, Value: value, Source: m.query, Day: day})
			if m.name == domain.MetricLikes || m.name == domain.MetricComments || m.name == domain.MetricShares {
				engagement[day] = append(engagement[day], value)
			}
		}
	}
	for _, day := range slices.Sorted(maps.Keys(engagement)) {
		if parts := engagement[day]; len(parts) == 3 {
			l.add(domain.Figure{
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
func (l *liReading) profileReach(ctx context.Context) error {
	if !l.mayReadAnalytics() {
		return nil
	}
	end := l.days[1]
	days := dateRange(end.AddDate(0, 0, -reachDays), end)
	reply, err := l.analytics(ctx, "member_analytics", l.t, memberReach, "me", "TOTAL&dateRange="+days)
	if err != nil {
		return l.absorbAnalytics(err, memberReach)
	}
	if value := reply.total(memberReach.query); value.ok {
		l.add(domain.Figure{
			Name: domain.MetricReach, Kind: domain.Rolling, Value: value.n, Source: memberReach.query,
			Window: "days_28", Day: end.AddDate(0, 0, -1).Format(time.DateOnly),
		})
	}
	return nil
}
