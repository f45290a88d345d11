package console

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const reportPosts = 5

const monthForm = "2006-01"

type reportView struct {
	directory.Account

	Month      string // October 2026
	Earlier    string // September 2026
	Before     string // comparison period: 31 August 2026 to 30 September 2026
	DaysBefore string // comparison period by length: "the 31 days before"
	Form       reportForm
	Faults     formFaults
	Zone       dayZone
	Begun      bool
	Lead       string // what changed most; "": nothing can be compared
	Figures    figuresView
	Missing    []string

	zone *time.Location
}

func (r reportView) PublishedOn(t time.Time) string { return t.In(r.zone).Format("2 Jan 2006") }

type reportForm struct {
	Month, Zone    string
	Earlier, Later string // addresses of the previous and next month
	Kept           url.Values
}

func clientReport(v *visit, client directory.Account) (view, error) {
	given, kept := v.r.URL.Query(), keptRange(v)
	kept.Del("tz")
	wrong := func(field, words string) reportView {
		return reportView{
			Account: client, Zone: dayZone{Name: "UTC"}, Form: reportForm{Month: given.Get("month"), Zone: given.Get("tz"), Kept: kept},
			Faults: formFaults{Said: correctMarked, Fields: map[string]string{field: words}},
		}
	}
	days, zone := zoneOf(v)
	if _, err := domain.LoadTimeZone(days.Name); err != nil {
		return wrong("tz", wordsOfZone), nil //nolint:nilerr // the form says so
	}
	now := v.deps.Now()
	today := analytics.CalendarDay(now, zone)
	month := today.AddDate(0, -1, 1-today.Day()) // the first day of the last complete month
	if asked := given.Get("month"); asked != "" {
		var err error
		if month, err = time.Parse(monthForm, asked); err != nil || month.Year() <= 1970 {
			return wrong("month", "Enter a month like 2026-10."), nil //nolint:nilerr // the form says so
		}
	}
	address := func(month time.Time) string {
		q := keptRange(v)
		q.Set("month", month.Format(monthForm))
		return clientPath(client.ID, "report") + "?" + q.Encode()
	}
	earlier, later := month.AddDate(0, -1, 0), month.AddDate(0, 1, 0)
	shown := reportView{
		Account: client, Begun: !today.Before(month), Zone: days,
		Month: month.Format("January 2006"), Earlier: earlier.Format("January 2006"),
		Form: reportForm{month.Format(monthForm), days.Name, address(earlier), address(later), kept}, zone: zone,
	}
	if !shown.Begun {
		return shown, nil
	}
	before := analytics.Range{
		From: analytics.StartOfDay(month, zone), To: analytics.StartOfDay(later, zone), Zone: zone, Now: now,
	}.Compared(analytics.ComparePrevious)
	first, last := analytics.CalendarDay(before.From, zone), analytics.CalendarDay(before.To.Add(-1), zone)
	shown.Before, shown.DaysBefore = first.Format("2 January 2006"), "the day before"
	if days := int(last.Sub(first).Hours())/24 + 1; days > 1 {
		shown.Before += " to " + last.Format("2 January 2006")
		shown.DaysBefore = fmt.Sprintf("the %d days before", days)
	}
	if at := before.To.In(zone); today.Before(later) {
		shown.Before += at.Format(" until 15:04")
		shown.DaysBefore += at.Format(" until 15:04")
	}
	err := readReport(v, &shown, month, now)
	if _, taken := faultsOfAsked(err, rangeWords); taken { // the console computes everything else
		return wrong("tz", wordsOfZone), nil
	}
	return shown, err
}

// readReport reads the figures of a month. The totals and the comparison are the same as on the
// figures page for the same days.
func readReport(v *visit, shown *reportView, month, at time.Time) error {
	now := &shown.Figures
	asked := figures{
		scope: url.Values{"account": {shown.ID}}, files: clientPath(shown.ID, "figures") + "/", now: at, zone: shown.zone,
		within: "this month",
		Form: figuresForm{
			From: month.Format(time.DateOnly), To: month.AddDate(0, 1, -1).Format(time.DateOnly),
			Zone: shown.Form.Zone,
		},
	}
	if err := readParts(v, now, asked, slices.Concat(overTime, []readPart{costs, leaders})); err != nil {
		return err
	}
	// The change of the followers is their net growth.
	now.Numbers = slices.DeleteFunc(now.Numbers, func(n figureShown) bool { return n.Name == analytics.FigureNames["net"] })
	now.Notes = numberMarks(now.Numbers)
	if followers := &now.Numbers[0]; followers.Value != nil {
		followers.What = "at the end of " + shown.Month
		if now.AsOf != nil {
			read := analytics.CalendarDay(*now.AsOf, shown.zone)
			if now.Open || read.Format(time.DateOnly) != asked.Form.To {
				followers.What = "on " + read.Format("2 January 2006")
			}
		}
	}
	now.Posts = now.Posts[:min(len(now.Posts), reportPosts)]
	for _, source := range now.Sources {
		if domain.HasCode(source.Reasons, domain.StatusConnectedLater) {
			continue
		}
		nouns := domain.StatusNouns{Platform: source.Platform, Range: asked.within}
		if why := domain.TextOf(source.Reasons, domain.APIText, nouns); why != "" {
			page := network(source.PlatformName) + ", " + foreign(source.Name, "unnamed page")
			shown.Missing = append(shown.Missing, page+": "+why)
		}
	}
	help := " Choose a month with readings."
	if len(shown.Missing) > 0 {
		help = " See Missing data below."
	}
	now.Charts = slices.DeleteFunc(now.Charts, func(c chart.Chart) bool { return c.ID != "followers" && c.ID != "engagement" })
	for i := range now.Charts {
		now.Charts[i].File, now.Charts[i].Empty = "", now.Charts[i].Empty+help // no download on paper
	}
	markSoFar(now.Numbers, now.Open)
	shown.Lead = shown.lead()
	return nil
}

// lead names the figure that changed most, by its percentage, of those that have one.
func (r reportView) lead() string {
	var most *figureShown
	all := ""
	for i, n := range r.Figures.Numbers {
		switch {
		case n.Value == nil:
		case n.Change == nil || n.pct == nil:
			all = "Of the figures with a percentage, "
		case most == nil || math.Abs(*n.pct) > math.Abs(*most.pct):
			most = &r.Figures.Numbers[i]
		}
	}
	if most == nil || *most.Change == 0 {
		return ""
	}
	than := "in " + r.DaysBefore
	if most.Name == analytics.FigureNames["followers"] {
		than = "at the end of " + r.Earlier
	}
	more := map[bool]string{true: " more than ", false: " fewer than "}[*most.Change > 0]
	return capital(all + strings.ToLower(most.Name) + " changed most: " + chart.Number(max(*most.Change, -*most.Change)) + more + than + ".")
}
