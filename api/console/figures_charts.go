package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// figureNames are the figures as pages and files name them, by the API's names in a series. Posts gain video
// views; accounts gain page views, which platforms count separately.
var figureNames = map[string]string{
	"day": "Day", "followers": "Followers", "change": "Change", "net": "Net growth of followers", "engagement": "Engagement gained",
	"likes": "Likes", "comments": "Comments", "shares": "Shares", "impressions": "Impressions", "reach": "Reach", "views": "Video views gained",
	"posts": "Posts published", "readings": "Readings of posts", "accounts_read": "Accounts read", "accounts_joined": "Accounts connected",
}

// reachWindows are windows of reach, the shortest first.
var reachWindows = []string{"day", "week", "days_28", "months_12"}

// chartShown is a chart that the template draws.
type chartShown struct{ chart.Chart }

func putFollowers(v *visit, f figures, shown *figuresView, data analytics.AccountFollowers, meta analytics.Meta) {
	shown.Sources, shown.Hidden, shown.AsOf, shown.Open = sourcesOf("followers", meta.Sources), meta.ClientsSeeNot, meta.AsOf, !meta.Complete
	part := followersPart(data.Total)
	tile := f.tile(figureNames["followers"], comparedFollowers(data.Total), part)
	tile.Part = part
	if same := data.Total.SameAccounts; same != nil {
		all := data.Total.Followers.Accounts
		tile.Same = counted(same.Accounts, fmt.Sprintf("of its %d accounts has", all), fmt.Sprintf("of its %d accounts have", all))
	}
	shown.Numbers = append(shown.Numbers, tile)
	c := chart.Chart{ID: "followers", Title: figureNames["followers"], Unit: "followers"}
	c = withSeries(c, data.Total.Series, data.Total.PreviousSeries, func(d analytics.FollowerDay) (string, *int64, int) {
		return d.Day, d.Followers, d.AccountsRead
	})
	markJoined(c.Series[0].Points, data.Total.Series)
	shown.Charts = append(shown.Charts, chartOf(v, f, meta, c))
}

// comparedFollowers is the total with the comparison of only the accounts that were read at both moments: no others have a change from
// then, and only theirs makes up the percentage.
func comparedFollowers(s analytics.FollowerSeries) analytics.Total {
	t := s.Followers
	if same := s.SameAccounts; same != nil {
		t.Previous, t.Change, t.ChangePct = same.Previous, same.Change, same.ChangePct
		t.NoBaseline, t.ComparedInPart = same.Previous == nil, same.Previous != nil
	}
	return t
}

// followersPart says of which accounts followers are, and are not; "" if they are those of all, then and now.
func followersPart(s analytics.FollowerSeries) string {
	sentences := []string{partOf(s.Followers.Accounts, s.SocialAccounts)}
	if same := s.SameAccounts; same != nil && same.Previous != nil {
		all := s.Followers.Accounts
		sentences = append(sentences, fmt.Sprintf("%s not compared: connected since, with %s followers.",
			counted(all-same.Accounts, fmt.Sprintf("of %d accounts is", all), fmt.Sprintf("of %d accounts are", all)),
			chart.Number(*s.Followers.Value-*same.Previous-*same.Change)))
	}
	if moved := s.MovedAway; moved.Accounts > 0 {
		sentences = append(sentences, fmt.Sprintf("%s of these followers are of %s that moved away in this range, and count there as well.",
			chart.Number(moved.Followers), counted(moved.Accounts, "account", "accounts")))
	}
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// partOf says that followers are not those of all accounts; "" if they are, and if no account was read.
func partOf(read, all int) string {
	if read == 0 || read >= all {
		return ""
	}
	return fmt.Sprintf("Of %d of %s: %s not read in this range.", read, counted(all, "account", "accounts"), counted(all-read, "was", "were"))
}

// markJoined marks where accounts join that were not read before: the line jumps there, and no change has that.
func markJoined(points []chart.Point, days []analytics.FollowerDay) {
	begun := false
	for i, d := range days {
		if d.AccountsJoined > 0 && (begun || d.AccountsJoined < d.AccountsRead) {
			points[i].Mark = "page connected"
		}
		begun = begun || d.Followers != nil
	}
}

func putGrowth(v *visit, f figures, shown *figuresView, data analytics.AccountNetGrowth, meta analytics.Meta) {
	note := ""
	if data.Total.NoBaseline || data.Total.ComparedInPart {
		note = "Pages connected in this range count from their first reading."
	}
	shown.Numbers = append(shown.Numbers, figureShown{Name: figureNames["net"], Value: data.Total.Net, Note: note})
	shown.Charts = append(shown.Charts, chartOf(v, f, meta, withSeries(chart.Chart{
		ID: "net-growth", Title: figureNames["net"], Unit: "followers", Bars: true,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.GrowthDay) (string, *int64, int) { return d.Day, d.Net, d.AccountsRead })))
}

func putEngagement(v *visit, f figures, shown *figuresView, data analytics.PostsTotalEngagements, meta analytics.Meta) {
	shown.PostsAsOf = meta.AsOf
	shown.Numbers = append(shown.Numbers, f.tile(figureNames["engagement"], totalOf(data.Total.Engagement), "Likes, comments and shares."))
	shown.Charts = append(shown.Charts, chartOf(v, f, meta, withSeries(chart.Chart{
		ID: "engagement", Title: figureNames["engagement"] + " by posts", Bars: true,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.EngagementDay) (string, *int64, int) { return d.Day, d.Engagement, 0 })))
}

func putImpressions(v *visit, f figures, shown *figuresView, data analytics.AccountStats, meta analytics.Meta) {
	shown.Sources = addSources(shown.Sources, sourcesOf("impressions", meta.Sources))
	note, late := "", v.console.deps.Now().Add(-finalAfter)
	if meta.Complete && meta.To.After(late) {
		note = "Not final yet: the platforms may still add to the last day."
	}
	shown.Numbers = append(shown.Numbers, f.tile(figureNames["impressions"], data.Total.Impressions, note))
	for _, r := range data.Reach {
		name := strconv.FormatInt(r.SocialAccount, 10)
		for _, source := range shown.Sources {
			if source.SocialAccount == r.SocialAccount {
				name = nameOr(string(source.Name), name)
			}
		}
		slices.SortStableFunc(r.Windows, func(a, b analytics.ReachWindow) int { // the API's order is that of names
			return slices.Index(reachWindows, a.Window) - slices.Index(reachWindows, b.Window)
		})
		shown.Reach = append(shown.Reach, reachShown{r, name})
	}
	c := chartOf(v, f, meta, withSeries(chart.Chart{
		ID: "impressions", Title: figureNames["impressions"], Unit: "impressions", Bars: true,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.ReachDay) (string, *int64, int) { return d.Day, d.Impressions, d.AccountsRead }))
	openFrom(c.Series[0].Points, meta, late)
	shown.Charts = append(shown.Charts, c)
}

func putViews(v *visit, f figures, shown *figuresView, data analytics.PostsViews, meta analytics.Meta) {
	note, empty := "", ""
	for _, p := range domain.Platforms() {
		if p.Sources(domain.FiguresOfPosts, domain.MetricViews) != nil {
			continue
		}
		if slices.ContainsFunc(shown.Sources, func(s analytics.Source) bool { return s.Platform == p }) {
			note = p.Title() + " counts none."
		}
		if f.Form.Platform == strconv.Itoa(int(p)) {
			empty = p.Title() + " counts no video views."
		}
	}
	shown.Numbers = append(shown.Numbers, f.tile(figureNames["views"], totalOf(data.Total.Views), note))
	shown.Charts = append(shown.Charts, chartOf(v, f, meta, withSeries(chart.Chart{
		ID: "views", Title: figureNames["views"] + " by posts", Unit: "video views", Bars: true, Empty: empty,
	}, data.Total.Series, data.Total.PreviousSeries, func(d analytics.ViewsDay) (string, *int64, int) { return d.Day, d.Views, 0 })))
}

// sourcesOf are the sources of an answer about one figure. Another answer of the page may have figures of a source that has nothing in
// this one, so what was not read is named.
func sourcesOf(figure string, sources []analytics.Source) []analytics.Source {
	sources = slices.Clone(sources)
	for i := range sources {
		reason := strings.Replace(string(sources[i].Reason), analytics.NothingRead, "For "+figure+", nothing was read", 1)
		sources[i].Reason = domain.OptionalText(reason)
	}
	return sources
}

// addSources adds what another answer of a page lacks to the page's sources. What a platform does not count is not missing: that is
// said where the figure is.
func addSources(sources, more []analytics.Source) []analytics.Source {
	sources = slices.Clone(sources)
	for _, s := range more {
		reason := domain.OptionalText(s.ReasonOfCounted())
		if s.Status == analytics.SourceUnsupported || s.Reason != "" && reason == "" {
			continue
		}
		s.Reason = reason
		at := slices.IndexFunc(sources, func(known analytics.Source) bool { return known.SocialAccount == s.SocialAccount })
		if at < 0 {
			sources = append(sources, s)
			continue
		}
		known := &sources[at]
		if known.Status == analytics.SourceOK {
			known.Status = s.Status
		}
		if !strings.Contains(string(known.Reason), string(s.Reason)) {
			known.Reason = domain.OptionalText(strings.TrimSpace(string(known.Reason) + " " + string(s.Reason)))
		}
	}
	return sources
}

// whyMissing says why nothing new comes of a source, and why figures of it are missing; "" if nothing is missing.
func whyMissing(s analytics.Source) string {
	if s.Paused == readmodels.NoSubscriptionRuns && s.Reason == analytics.NoSubscriptionRan {
		return s.Paused
	}
	return strings.TrimSpace(s.Paused + " " + string(s.Reason))
}

// tile is a total as a page shows it; what says what it counts. What a stock gained since its first reading, in the range, is not a
// change from before.
func (f figures) tile(name string, t analytics.Total, what string) figureShown {
	if t.NoBaseline {
		t.Change = nil
	}
	return figureShown{
		Name: name, Value: t.Value, Change: t.Change, Percent: percent(t), Note: strings.TrimSpace(what + " " + f.noteOf(t)),
		InPart: inPart(t),
	}
}

// totalOf is what posts gained as a total.
func totalOf(g analytics.Gain) analytics.Total {
	return analytics.Total{
		Value: g.Value, Previous: g.Previous, Change: g.Change, ChangePct: g.ChangePct, NoBaseline: g.NoBaseline,
		ComparedInPart: g.ComparedInPart,
	}
}

// nothingBefore is what a figure says that has no comparison.
const nothingBefore = "Nothing to compare it with yet."

// inPart names the numbers that are compared where some accounts or days of either period have no counterpart; "" where all have.
func inPart(t analytics.Total) string {
	if !t.ComparedInPart || t.Previous == nil || t.Change == nil {
		return ""
	}
	return fmt.Sprintf("Compared in part, %s with %s: not every account was read over both periods.",
		chart.Number(*t.Previous+*t.Change), chart.Number(*t.Previous))
}

// noteOf says what a change is not.
func (f figures) noteOf(t analytics.Total) string {
	switch {
	case t.NoBaseline && f.Form.Compare != string(analytics.CompareNone):
		return nothingBefore
	case t.GainedSince != nil:
		return "Gained since " + t.GainedSince.Format("2 Jan 2006") + ": it was not read in between."
	default:
		return inPart(t)
	}
}

// withSeries gives a chart the parts of a range and what they are compared with. How many accounts were read is 0 where posts count.
func withSeries[D any](c chart.Chart, now, before []D, read func(D) (day string, value *int64, accounts int)) chart.Chart {
	points, accounts, _ := pointsOf(now, read)
	c.Series = []chart.Series{{Name: "This range", Points: points}}
	points, accountsBefore, known := pointsOf(before, read)
	if known == 0 {
		return c
	}
	name := "Compared with " + points[0].Label
	if len(points) > 1 {
		name += " to " + points[len(points)-1].Label
	}
	c.Series = append(c.Series, chart.Series{Name: name, Points: points})
	var lacks []string
	if known < len(points) {
		lacks = append(lacks, fmt.Sprintf("%d of %s known", known, counted(len(points), "day is", "days are")))
	}
	if accountsBefore < accounts {
		lacks = append(lacks, fmt.Sprintf("at most %d of %s read on a day", accountsBefore, counted(accounts, "account was", "accounts were")))
	}
	if len(lacks) > 0 {
		c.Note = "Of the period compared with, " + strings.Join(lacks, "; ") + "."
	}
	return c
}

// pointsOf are the parts of a period, the most accounts that were read in one, and in how many of them there is a value.
func pointsOf[D any](days []D, read func(D) (day string, value *int64, accounts int)) (all []chart.Point, accounts, known int) {
	for _, d := range days {
		day, value, n := read(d)
		p := chart.Point{Label: day, Short: day, Value: value}
		if at, err := time.Parse(time.DateOnly, day); err == nil {
			p.Label, p.Short, p.Begins = at.Format("2 January 2006"), at.Format("2 Jan"), begins(at)
		}
		all, accounts = append(all, p), max(accounts, n)
		if value != nil {
			known++
		}
	}
	return all, accounts, known
}

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

// chartOf names what is not final: the part that now lies in, and those to come.
func chartOf(v *visit, f figures, meta analytics.Meta, c chart.Chart) chartShown {
	c.CSV = f.file(c.ID)
	switch {
	case c.Empty != "": // whatever was read
	case meta.From.After(v.console.deps.Now()):
		c.Empty = "This range has not begun. Choose an earlier one."
	case meta.AsOf == nil:
		c.Empty = "Nothing was read in this range. See below why figures are missing."
	default:
		c.Empty = "This figure is not known for this range. Choose a longer one, or see below why figures are missing."
	}
	if !meta.Complete {
		openFrom(c.Series[0].Points, meta, v.console.deps.Now())
	}
	return chartShown{c}
}

// openFrom marks the part that an instant lies in, and those after it, as not final.
func openFrom(points []chart.Point, meta analytics.Meta, at time.Time) {
	zone, err := time.LoadLocation(meta.TimeZone)
	if err != nil {
		return
	}
	open, day := false, at.In(zone).Format("2 January 2006")
	for i := range points {
		open = open || points[i].Label == day
		points[i].Open = points[i].Open || open
	}
}

// finalAfter is how long after its end platforms may still add to a day of theirs: it is over everywhere on earth by then.
const finalAfter = 12 * time.Hour
