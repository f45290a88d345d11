package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// rateShown is the engagement rate of a platform in a month, or the part of it that lies in the range.
type rateShown struct {
	Platform, Month, Rate string

	Of analytics.RateBase
}

// splitShown is what a platform says about the followers of its accounts: the largest parts of each split.
type splitShown struct {
	Platform, Ages, Genders, Countries, Cities string

	CapturedAt time.Time
}

// readAudience asks for engagement rates and for what is known about the followers.
func (v *visit) readAudience(f figures) (put func(*figuresView), err error) {
	path, asked := f.asking("/api/stats")
	asked.Del("compare")
	asked.Set("granularity", string(analytics.ByMonth))
	asked.Set("meta", "brief")
	data, err := get[analytics.PlatformStats](v, path, asked)
	if err != nil {
		return nil, err
	}
	return func(shown *figuresView) {
		for _, p := range data.Platforms {
			var split *analytics.Demographics // the newest
			for _, period := range p.Periods {
				if rate := rateOf(period); rate != "" {
					shown.Rates = append(shown.Rates, rateShown{p.PlatformName, f.monthIn(period), rate, *period.EngagementRateOf})
				}
				if period.Demographics != nil {
					split = period.Demographics
				}
			}
			if split != nil {
				shown.Splits = append(shown.Splits, splitShown{
					p.PlatformName, largest(split.AgeGroups), largest(split.Gender), largest(split.Countries), largest(split.Cities),
					split.CapturedAt,
				})
			}
		}
	}, nil
}

// monthIn names a month, with its first and last day in the range if that is only a part of it.
func (f figures) monthIn(p analytics.StatsPeriod) string {
	zone, err := time.LoadLocation(f.Form.Zone)
	if err != nil {
		zone = time.UTC
	}
	first, last := p.From.In(zone), p.To.Add(-time.Second).In(zone)
	if first.Day() == 1 && last.AddDate(0, 0, 1).Day() == 1 {
		return first.Format("January 2006")
	}
	days := last.Format("2 January 2006")
	if first.Day() < last.Day() {
		days = fmt.Sprintf("%d–%s", first.Day(), days)
	}
	return days
}

// rateOf is the engagement of a period in per cent of the people that its rate is of; "" without a rate.
func rateOf(p analytics.StatsPeriod) string {
	if p.EngagementRateOf == nil || p.Engagement == nil {
		return ""
	}
	people := p.Followers
	if *p.EngagementRateOf == analytics.RateOfReach {
		people = p.Reach
	}
	if people == nil {
		return ""
	}
	rate := analytics.Percent(*p.Engagement, *people, 1)
	if rate == nil {
		return ""
	}
	return fmt.Sprintf("%.1f\u00a0%%", *rate)
}

// largest names the five largest parts of a split.
func largest(split []analytics.AudienceShare) string {
	split = slices.Clone(split)
	slices.SortStableFunc(split, func(a, b analytics.AudienceShare) int { return int(b.Followers - a.Followers) })
	var parts []string
	for _, part := range split[:min(len(split), 5)] {
		parts = append(parts, part.Name+"\u00a0"+chart.Number(part.Followers))
	}
	return nameOr(strings.Join(parts, "; "), unknown)
}
