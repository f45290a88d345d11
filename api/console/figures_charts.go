package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

var reachWindows = []string{"day", "week", "days_28", "months_12"}

func putFollowers(f figures, shown *figuresView, data analytics.AccountFollowers, meta analytics.Meta) {
	shown.Hidden, shown.AsOf, shown.Open = meta.ClientsSeeNot, meta.AsOf, !meta.Complete
	for _, s := range meta.Sources {
		if domain.HasCode(s.Reasons, domain.StatusConnectedLater) {
			data.Total.SocialAccounts--
		}
	}
	for _, p := range data.Platforms {
		if p.SocialAccounts > 0 {
			change := comparedFollowers(p.FollowerSeries).Change
			shown.ByPlatform = append(shown.ByPlatform, platformShown{p.PlatformName, p.Followers.Value, change, nil})
		}
	}
	marks := append(f.followersMarks(data.Total), f.oldMarks(meta)...)
	total := comparedFollowers(data.Total)
	if same := data.Total.SameAccounts; same != nil && same.Previous != nil {
		total.Note = analytics.NoteNone // a mark says how many accounts are compared
	}
	shown.Numbers = append(shown.Numbers, f.tile(analytics.FigureNames["followers"], "", total, marks...))
	c := withSeries(f, chart.Chart{
		ID: "followers", Title: analytics.FigureNames["followers"], Unit: "followers",
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.FollowerDay) (string, *int64, int) {
		return d.Day, d.Followers, d.AccountsRead
	})
	markJoined(c.Series[0].Points, data.Total.Series)
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}

// comparedFollowers returns the total with a comparison that covers only accounts that were read at
// both times.
func comparedFollowers(s analytics.FollowerSeries) analytics.Total {
	t := s.Followers
	if same := s.SameAccounts; same != nil {
		t.Previous, t.Change, t.ChangePct, t.Note = same.Previous, same.Change, same.ChangePct, analytics.NotePart
		if same.Previous == nil {
			t.Note = analytics.NoteFirstReading
		}
	}
	return t
}

// followersMarks describes the accounts that the followers or their comparison exclude.
func (f figures) followersMarks(s analytics.FollowerSeries) (marks []mark) {
	if read, all := s.Followers.Accounts, s.SocialAccounts; read > 0 && read < all {
		marks = append(marks, mark{
			Short: fmt.Sprintf("%d of %d accounts", read, all),
			Text: fmt.Sprintf("Covers %d of %s: %s not read in %s.",
				read, counted(all, "account", "accounts"), counted(all-read, "was", "were"), f.within),
		})
	}
	if same := s.SameAccounts; same != nil && same.Previous != nil {
		all := s.Followers.Accounts
		marks = append(marks, mark{
			Short: fmt.Sprintf("%d of %d compared", same.Accounts, all),
			Text: fmt.Sprintf("%s not compared (connected later, %s).",
				counted(all-same.Accounts, fmt.Sprintf("of %d accounts is", all), fmt.Sprintf("of %d accounts are", all)),
				counted(*s.Followers.Value-*same.Previous-*same.Change, "follower", "followers")),
			Detail: comparedValues(*same.Previous, *same.Change),
		})
	}
	if moved := s.MovedAway; moved.Accounts > 0 {
		marks = append(marks, mark{
			Short: counted(moved.Accounts, "account", "accounts") + " moved away",
			Text: fmt.Sprintf("%s to %s that moved to another client in %s. Also counted there.",
				counted(moved.Followers, "of these followers belongs", "of these followers belong"),
				counted(moved.Accounts, "account", "accounts"), f.within),
		})
	}
	return marks
}

// oldMarks names the accounts that were read in the range, but not on its last day: their followers
// are older than the number seems to be.
func (f figures) oldMarks(meta analytics.Meta) []mark {
	since := f.now.AddDate(0, 0, -1)
	if meta.Complete {
		since = analytics.StartOfDay(analytics.CalendarDay(meta.To.Add(-1), f.zone), f.zone)
	}
	var oldest time.Time
	var names []string
	for _, s := range meta.Sources {
		if read := s.LastRead; read != nil && read.Before(since) && !read.Before(meta.From) {
			day := analytics.CalendarDay(*read, f.zone)
			if oldest.IsZero() || day.Before(oldest) {
				oldest = day
			}
			names = append(names, fmt.Sprintf("%s, %s: %s",
				network(s.PlatformName), foreign(s.Name, "unnamed page"), day.Format("2 January 2006")))
		}
	}
	if names == nil {
		return nil
	}
	return []mark{{
		Short: "read on " + oldest.Format("2 Jan 2006"),
		Text:  "The newest followers are those of an earlier day. Last read: " + strings.Join(names, "; ") + ".",
	}}
}

// markJoined marks days on which further accounts were read for the first time. The line jumps on
// these days, but no change includes the jump.
func markJoined(points []chart.Point, days []analytics.FollowerDay) {
	begun := false
	for i, d := range days {
		if d.AccountsJoined > 0 && (begun || d.AccountsJoined < d.AccountsRead) {
			points[i].Mark = "page connected"
		}
		begun = begun || d.Followers != nil
	}
}

func putGrowth(f figures, shown *figuresView, data analytics.AccountNetGrowth, meta analytics.Meta) {
	tile := figureShown{Name: analytics.FigureNames["net"], Value: data.Total.Net}
	if data.Total.Note == analytics.NoteFirstReading || data.Total.Note == analytics.NotePart {
		tile.Marks = []mark{{
			Short: "newly connected pages",
			Text:  "Pages connected in " + f.within + " are counted from their first reading.",
		}}
	}
	shown.Numbers = append(shown.Numbers, tile)
	c := withSeries(f, chart.Chart{
		ID: "net-growth", Title: analytics.FigureNames["net"], Unit: "followers", Bars: true,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.GrowthDay) (string, *int64, int) {
		return d.Day, d.Net, d.AccountsRead
	})
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}

func putEngagement(f figures, shown *figuresView, data analytics.PostsTotalEngagements, meta analytics.Meta) {
	shown.PostsAsOf = meta.AsOf
	for _, p := range data.Platforms {
		for i := range shown.ByPlatform {
			if shown.ByPlatform[i].Platform == p.PlatformName {
				shown.ByPlatform[i].Engaged = p.Engagement.Value
			}
		}
	}
	tile := f.tile(analytics.FigureNames["engagement"], "likes, comments, shares", totalOf(data.Total.Engagement))
	shown.Numbers = append(shown.Numbers, tile)
	c := withSeries(f, chart.Chart{
		ID: "engagement", Title: analytics.FigureNames["engagement"] + " by posts", Bars: true,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.EngagementDay) (string, *int64, int) {
		return d.Day, d.Engagement, 0
	})
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}

func putImpressions(f figures, shown *figuresView, data analytics.AccountStats, meta analytics.Meta) {
	marks, empty := unreported(domain.MetricImpressions, "impressions", meta.Sources)
	late := f.now.Add(-finalAfter)
	if data.Total.Impressions.Value != nil && meta.Complete && meta.To.After(late) {
		marks = append(marks, mark{
			Short: "not final yet", Text: "Not final yet: the platforms may still add impressions to the last day.",
		})
	}
	shown.Numbers = append(shown.Numbers, f.tile(analytics.FigureNames["impressions"], "", data.Total.Impressions, marks...))
	shown.Reach = reachOf(data.Reach, meta.Sources)
	c := withSeries(f, chart.Chart{
		ID: "impressions", Title: analytics.FigureNames["impressions"], Unit: "impressions", Bars: true, Empty: empty,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.ReachDay) (string, *int64, int) {
		return d.Day, d.Impressions, d.AccountsRead
	})
	openFrom(c.Series[0].Points, f.zone, late)
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}

func putViews(f figures, shown *figuresView, data analytics.PostsViews, meta analytics.Meta) {
	marks, empty := unreported(domain.MetricViews, "video views", meta.Sources)
	shown.Numbers = append(shown.Numbers, f.tile(analytics.FigureNames["views"], "", totalOf(data.Total.Views), marks...))
	c := withSeries(f, chart.Chart{
		ID: "views", Title: analytics.FigureNames["views"] + " by posts", Unit: "video views", Bars: true, Empty: empty,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.ViewsDay) (string, *int64, int) {
		return d.Day, d.Views, 0
	})
	shown.Charts = append(shown.Charts, f.completed(c, meta))
}

// unreported names the platforms that report a metric for none of the sources. Empty is the same text
// if no other platform is among the sources.
func unreported(metric, name string, sources []analytics.Source) (marks []mark, empty string) {
	reports := map[domain.Platform]bool{}
	for _, s := range sources {
		lacks := slices.ContainsFunc(s.Reasons, func(r domain.StatusReason) bool {
			return r.Code == domain.StatusUnsupportedMetric && r.Metric == metric
		})
		reports[s.Platform] = reports[s.Platform] || !lacks
	}
	var names []string
	for _, p := range domain.Platforms() {
		if some, here := reports[p]; here && !some {
			names = append(names, p.Title())
		}
	}
	if len(names) == 0 {
		return nil, ""
	}
	do := " do"
	if len(names) == 1 {
		do = " does"
	}
	text := strings.Join(names, " and ") + do + " not report " + name + "."
	if len(names) == len(reports) {
		empty = text
	}
	return []mark{{Short: strings.Join(names, ", ") + " not included", Text: text}}, empty
}

// tile returns a total as a page shows it. What describes what the total counts. If the total has
// no baseline, the tile has no change, because the change would start at the first reading in the
// range.
func (f figures) tile(name, what string, t analytics.Total, marks ...mark) figureShown {
	if t.Note == analytics.NoteFirstReading {
		t.Change = nil
	}
	return figureShown{
		Name: name, What: what, Value: t.Value, Change: t.Change, Percent: percent(t), pct: t.ChangePct,
		Marks: append(marks, f.comparisonMarks(t)...),
	}
}

func totalOf(g analytics.Gain) analytics.Total {
	return analytics.Total{Value: g.Value, Previous: g.Previous, Change: g.Change, ChangePct: g.ChangePct, Note: g.Note}
}

const nothingBefore = "There is nothing to compare it with yet."

// comparisonMarks describe what limits the comparison of a total: it has none, some accounts or days
// of either period have no counterpart, or the change has no percentage.
func (f figures) comparisonMarks(t analytics.Total) []mark {
	if t.Note == analytics.NoteFirstReading && f.Form.Compare != string(analytics.CompareNone) {
		return []mark{{Short: "no comparison yet", Text: nothingBefore}}
	}
	if t.Note == analytics.NoteGap && t.GainedSince != nil {
		day := t.GainedSince.Format("2 Jan 2006")
		return []mark{{Short: "gained since " + day, Text: "Gained since " + day + "; no values were read in between."}}
	}
	if t.Previous == nil || t.Change == nil {
		return nil
	}
	why := ""
	switch {
	case t.ChangePct != nil:
	case *t.Previous <= 0:
		why = "The earlier value is not positive, so the change has no percentage."
	default:
		why = "Readings are missing in one of the periods, so the change has no percentage."
	}
	if t.Note != analytics.NotePart {
		if why == "" {
			return nil
		}
		return []mark{{Short: "no percentage", Text: why}}
	}
	return []mark{{
		Short:  "partly compared",
		Text:   "Partly compared: some accounts or days were read in only one of the two periods.",
		Detail: strings.TrimSpace(comparedValues(*t.Previous, *t.Change) + " " + why),
	}}
}

func comparedValues(previous, change int64) string {
	return chart.Number(previous+change) + " is compared with " + chart.Number(previous) + "."
}

// readDay returns a day, its value and the number of accounts that were read on the day. The number
// is 0 for figures of posts.
type readDay[D any] func(D) (day string, value *int64, accounts int)

// withSeries adds the days of a range and of its comparison to a chart.
func withSeries[D any](f figures, c chart.Chart, now, before []D, read readDay[D]) chart.Chart {
	points, accounts, _ := pointsOf(now, read)
	c.Series = []chart.Series{{Name: capital(f.within), Points: points}}
	points, accountsBefore, known := pointsOf(before, read)
	if known == 0 {
		return c
	}
	days := slices.DeleteFunc(slices.Clone(points), func(p chart.Point) bool { return p.Label == "" }) // of February 29
	name := "Compared with " + days[0].Label
	if len(days) > 1 {
		name += " to " + days[len(days)-1].Label
	}
	c.Series = append(c.Series, chart.Series{Name: name, Points: points})
	var lacks []string
	if known < len(days) {
		lacks = append(lacks, fmt.Sprintf("%d of %s known", known, counted(len(days), "day is", "days are")))
	}
	if accountsBefore < accounts {
		lacks = append(lacks, fmt.Sprintf("at most %d of %s read on one day",
			accountsBefore, counted(accounts, "account was", "accounts were")))
	}
	if accountsBefore > accounts {
		lacks = append(lacks, fmt.Sprintf("up to %s read on one day, but at most %d in %s",
			counted(accountsBefore, "account was", "accounts were"), accounts, f.within))
	}
	if len(lacks) > 0 {
		c.Note = "In the compared period, " + strings.Join(lacks, "; ") + "."
	}
	return c
}

// pointsOf returns the days of a period, the largest number of accounts that were read on a day,
// and the number of days with a value.
func pointsOf[D any](days []D, read readDay[D]) (all []chart.Point, accounts, known int) {
	for _, d := range days {
		day, value, n := read(d)
		p := chart.Point{Label: day, Short: day, Value: value}
		if at, err := time.Parse(time.DateOnly, day); err == nil {
			p.Label, p.Short, p.Begins = at.Format("2 January 2006"), at.Format("2 Jan"), begins(at)
			if len(days) > oneYear {
				p.Short = at.Format("Jan 2006")
			}
		}
		all, accounts = append(all, p), max(accounts, n)
		if value != nil {
			known++
		}
	}
	return all, accounts, known
}

const oneYear = 366 // days; the axis of a longer range names years

func begins(day time.Time) (of chart.Begins) {
	if day.Weekday() == time.Monday {
		of |= chart.Week
	}
	if day.Day() == 1 {
		of |= chart.Month
		if day.Month()%3 == 1 {
			of |= chart.Quarter
		}
		if day.Month() == time.January {
			of |= chart.Year
		}
	}
	return of
}

// completed adds the address of the workbook and the text to show without values, and marks the
// days that are not final.
func (f figures) completed(c chart.Chart, meta analytics.Meta) chart.Chart {
	c.File = f.files + c.ID + ".xlsx?" + f.Form.query().Encode()
	switch {
	case c.Empty != "": // set by the caller
	case meta.From.After(f.now):
		c.Empty = "This range has not started. Choose an earlier range."
	case meta.AsOf == nil:
		c.Empty = "Nothing was read in " + f.within + "." + f.help
	default:
		c.Empty = "This figure is not available for " + f.within + "." + f.help
	}
	if !meta.Complete {
		openFrom(c.Series[0].Points, f.zone, f.now)
	}
	return c
}

// openFrom marks the day of an instant, and all later days, as not final.
func openFrom(points []chart.Point, zone *time.Location, at time.Time) {
	open, day := false, analytics.CalendarDay(at, zone).Format("2 January 2006")
	for i := range points {
		open = open || points[i].Label == day
		points[i].Open = points[i].Open || open
	}
}

// finalAfter is the time after the end of a day in which platforms may still add to that day: until
// then the day has not ended in all time zones.
const finalAfter = 12 * time.Hour
