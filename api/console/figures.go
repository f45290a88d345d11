package console

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type figures struct {
	scope url.Values // parameter account or dashboard
	Form  figuresForm
	files string // base address of the workbooks
	now   time.Time
	zone  *time.Location

	within string // what texts call the range: "this range" or "this month"
	help   string // follows texts about missing figures
}

// today returns the current day, see [analytics.CalendarDay].
func (f figures) today() time.Time { return analytics.CalendarDay(f.now, f.zone) }

type figuresForm struct {
	From, To, Zone, Compare string

	Platform string // its number; "": all
}

func (f figuresForm) query() url.Values {
	return parameters(map[string]string{
		"from": f.From, "to": f.To, "tz": f.Zone, "compare": f.Compare, "platform": f.Platform,
	})
}

func (figuresForm) Platforms() []domain.Platform { return domain.Platforms() }

type preset struct {
	Name, Path string
	Current    bool
}

// presets are the ranges to choose from. Those that include today, which has not ended, say so.
func (f figures) presets(here string) (all []preset) {
	today := f.today()
	yesterday, firstOfMonth := today.AddDate(0, 0, -1), today.AddDate(0, 0, 1-today.Day())
	for _, p := range []struct {
		name     string
		from, to time.Time
	}{
		{"Today so far", today, today},
		{"Last 7 days", today.AddDate(0, 0, -7), yesterday},
		{"Last 28 days", today.AddDate(0, 0, -recentDays), yesterday},
		{"Last 90 days", today.AddDate(0, 0, -90), yesterday},
		{"This month so far", firstOfMonth, today},
		{"Last month", firstOfMonth.AddDate(0, -1, 0), firstOfMonth.AddDate(0, 0, -1)},
		{"This year so far", today.AddDate(0, 0, 1-today.YearDay()), today},
	} {
		form := f.Form
		form.From, form.To = p.from.Format(time.DateOnly), p.to.Format(time.DateOnly)
		all = append(all, preset{p.name, here + "?" + form.query().Encode(), form == f.Form})
	}
	return all
}

// figuresOf reads the query of the page. The default range is the last 28 days that have ended in
// the zone. The default comparison is the previous period. The API validates the values.
func figuresOf(v *visit, by, id, files string) figures {
	at := v.r.URL.Query()
	zone, location := zoneOf(v)
	f := figures{
		scope: url.Values{by: {id}}, files: files, now: v.deps.Now(), zone: location, Form: figuresForm{
			at.Get("from"), at.Get("to"), zone.Name, at.Get("compare"), at.Get("platform"),
		},
		within: "this range", help: " Choose a longer range, or see Data sources below.",
	}
	f.Form.Compare = cmp.Or(f.Form.Compare, string(analytics.ComparePrevious))
	f.Form.To = cmp.Or(f.Form.To, f.today().AddDate(0, 0, -1).Format(time.DateOnly))
	if f.Form.From == "" {
		to, err := time.Parse(time.DateOnly, f.Form.To)
		if err != nil {
			to = f.today()
		}
		f.Form.From = to.AddDate(0, 0, 1-recentDays).Format(time.DateOnly)
	}
	return f
}

// allPlatforms is the platform that stands for all.
const allPlatforms = "all"

// asked returns the parameters of the operations.
func (f figures) asked() url.Values {
	asked := url.Values{
		"startTime": {f.Form.From}, "endTime": {f.Form.To}, "tz": {f.Form.Zone}, "pId": {cmp.Or(f.Form.Platform, allPlatforms)},
	}
	maps.Copy(asked, f.scope)
	if f.Form.Compare != "" {
		asked.Set("compare", f.Form.Compare)
	}
	return asked
}

// figureFiles read the figures of a chart as workbooks.
var figureFiles = map[string]func(*visit, url.Values) (api.File, error){
	"followers": fileOf(api.GetAccountFollowers), "net-growth": fileOf(api.GetAccountNetGrowth),
	"engagement": fileOf(api.GetPostsTotalEngagements), "impressions": fileOf(api.GetAccountStats),
	"views": fileOf(api.GetPostsViews), "activity": fileOf(api.GetActivityMeter),
}

func fileOf[I, R any](op api.Op[I, api.Figures[R]]) func(*visit, url.Values) (api.File, error) {
	return func(v *visit, asked url.Values) (api.File, error) {
		read, err := ask(v, op, asked)
		if err != nil {
			return api.File{}, err
		}
		return read.Workbook("total.series")
	}
}

type figuresView struct {
	Name        string
	Linked      int // number of other clients on the board
	ID          string
	Staff       bool // the visitor is staff of the agency, and can open the client's other pages
	Here        string
	Live        string // address of the stream of changes; "": the page is not updated
	Form        figuresForm
	Zone        dayZone
	Faults      formFaults
	Presets     []preset
	Board       *readmodels.DashboardView // the board that a client user views; nil on staff pages
	Numbers     []figureShown
	Charts      []chart.Chart
	ByPlatform  []platformShown
	Costs       costsShown
	Notes       []note // what the marks of Numbers refer to, by their numbers from 1
	Reach       reachShown
	Rates       []rateShown
	Splits      []splitShown
	Members     []analytics.RankedMember
	ManyClients bool // Members belong to several clients
	Posts       []analytics.RankedPost
	Sources     []analytics.Source
	Hidden      string // why client users cannot see these figures; "": they can
	Open        bool   // the range includes today, which has not ended
	Late        bool   // an open range may lack the latest readings

	AsOf, PostsAsOf *time.Time // newest reading of accounts and of posts in the range; nil: none
}

// platformShown is what the accounts on one platform have together.
type platformShown struct {
	Platform                   string
	Followers, Change, Engaged *int64
}

// Period returns the range in words: paper has no form.
func (f figuresView) Period() string {
	var days []string
	for _, day := range slices.Compact([]string{f.Form.From, f.Form.To}) {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return ""
		}
		days = append(days, at.Format("2 January 2006"))
	}
	return strings.Join(days, " to ")
}

func (f figuresView) watches() string {
	if f.Board == nil {
		return ""
	}
	return boardPath + f.ID
}

type figureShown struct {
	Name    string
	What    string // what the figure counts, or the day that it is of; "": its name says so
	SoFar   bool   // the range has not ended
	Value   *int64
	Change  *int64
	Percent string // Change in percent; "": not shown
	Marks   []mark

	pct *float64
}

// mark is a short hint next to a number. A sentence explains it, once for all numbers that it
// applies to.
type mark struct {
	Short, Text string
	Detail      string // what else is known about this number; "": nothing
	Note        int    // number of Text among the notes of the page
}

// note is the sentence of a mark, with what is known about single numbers.
type note struct {
	Text    string
	Details []string
}

// numberMarks numbers the marks in order, and returns their notes.
func numberMarks(numbers []figureShown) (notes []note) {
	for i := range numbers {
		for j := range numbers[i].Marks {
			m := &numbers[i].Marks[j]
			at := slices.IndexFunc(notes, func(n note) bool { return n.Text == m.Text })
			if at < 0 {
				at, notes = len(notes), append(notes, note{Text: m.Text})
			}
			if m.Note = at + 1; m.Detail != "" {
				notes[at].Details = append(notes[at].Details, numbers[i].Name+": "+m.Detail)
			}
		}
	}
	return notes
}

func clientFigures(v *visit, client directory.Account) (view, error) {
	here := clientPath(client.ID, "figures")
	return readFigures(v, figuresView{Name: client.Name, ID: client.ID, Staff: true, Here: here}, "account")
}

func readFigures(v *visit, shown figuresView, by string) (view, error) {
	f := figuresOf(v, by, shown.ID, shown.Here+"/")
	shown.Zone, _ = zoneOf(v)
	if v.viewedAs == nil { // a view as a client user is recorded, so it must not update automatically
		shown.Live = streamPath + "?" + f.scope.Encode()
	}
	parts := slices.Concat(overTime, []readPart{costs, activity, leaders, audience})
	read := shown
	err := readParts(v, &read, f, parts)
	if err == nil && read.AsOf == nil && read.PostsAsOf == nil && !keptRange(v).Has("to") {
		f.Form.To = f.today().Format(time.DateOnly) // what was connected today has no other days
		read = shown
		err = readParts(v, &read, f, parts)
	}
	shown = read
	shown.Form, shown.Presets = f.Form, f.presets(shown.Here)
	if faults, taken := faultsOfAsked(err, rangeWords); taken {
		shown.Faults, shown.Live = faults, ""
		return shown, nil
	}
	today := f.today().Format(time.DateOnly)
	shown.Open = f.Form.From <= today && today <= f.Form.To
	markSoFar(shown.Numbers, shown.Open)
	if shown.Open && err == nil {
		shown.Late = isLate(v, "account_insights", "post_insights")
	}
	return shown, err
}

var rangeWords = map[string]fieldWords{
	"startTime": {"from", "Choose a day in 1970 or later that is at most three years before the last day, and not after it."},
	"endTime":   {"to", "Choose a day like 2026-10-01."},
	"tz":        {"tz", wordsOfZone},
	"compare":   {"compare", "Choose one of the options."},
	"pId":       {"platform", "Choose one of the options."},
}

const wordsOfZone = "Enter a time zone like Europe/Berlin, or UTC."

// readPart reads a part of a figures page. It returns a function that adds the result to the view, and
// the sources of the figures.
type readPart func(*visit, figures) (put func(*figuresView), sources []analytics.Source, err error)

// part returns a readPart of an operation. Own adds parameters to those of the page, or replaces
// them; a nil value removes one.
func part[I, T any](op api.Op[I, api.Figures[T]], own url.Values, put func(figures, *figuresView, T, analytics.Meta)) readPart {
	return func(v *visit, f figures) (func(*figuresView), []analytics.Source, error) {
		asked := f.asked()
		maps.Copy(asked, own)
		maps.DeleteFunc(asked, func(_ string, values []string) bool { return values == nil })
		read, err := ask(v, op, asked)
		return func(shown *figuresView) { put(f, shown, read.Data, read.Meta) }, read.Meta.Sources, err
	}
}

// withoutSources leaves out the sources of a part, which those of other parts contain.
func withoutSources(read readPart) readPart {
	return func(v *visit, f figures) (func(*figuresView), []analytics.Source, error) {
		put, _, err := read(v, f)
		return put, nil, err
	}
}

// overTime are the parts with a chart over time, in the order of the page. Followers come first,
// because their response contains the names of the accounts.
var (
	overTime = []readPart{
		part(api.GetAccountFollowers, nil, putFollowers),
		withoutSources(part(api.GetAccountNetGrowth, nil, putGrowth)),
		part(api.GetPostsTotalEngagements, nil, putEngagement),
		part(api.GetAccountStats, nil, putImpressions),
		part(api.GetPostsViews, nil, putViews),
	}
	costs    = part(api.GetRoiViews, url.Values{"compare": nil}, putCosts)
	activity = withoutSources(part(api.GetActivityMeter, url.Values{"compare": nil}, putActivity))
	leaders  = withoutSources(part(api.GetLeaderboard, url.Values{"limit": {"10"}, "compare": nil}, putLeaders))
	audience = withoutSources(part(api.GetStats,
		url.Values{"granularity": {string(analytics.ByMonth)}, "compare": nil}, putAudience))
)

// readParts reads the parts of a page concurrently, and adds the results in the order of the page.
func readParts(v *visit, shown *figuresView, f figures, parts []readPart) error {
	puts, sources := make([]func(*figuresView), len(parts)), make([][]analytics.Source, len(parts))
	err := concurrently(len(parts), func(i int) (err error) {
		puts[i], sources[i], err = parts[i](v, f)
		return err
	})
	if err != nil {
		return err
	}
	shown.Sources = analytics.JoinSources(sources[0], sources[1:]...)
	for _, put := range puts {
		put(shown)
	}
	shown.Notes = numberMarks(shown.Numbers)
	return nil
}

// markSoFar marks what a range that has not ended counts. Followers are those of now.
func markSoFar(numbers []figureShown, open bool) {
	for i := range numbers {
		numbers[i].SoFar = open && numbers[i].Name != analytics.FigureNames["followers"]
	}
}

func putLeaders(_ figures, shown *figuresView, data analytics.Leaderboard, _ analytics.Meta) {
	shown.Members, shown.Posts = data.Members, data.Posts
	for i, p := range shown.Posts {
		ofPage := func(s analytics.Source) bool { return s.SocialAccount == p.SocialAccount }
		source := slices.IndexFunc(shown.Sources, ofPage)
		if p.PageName == "" && source >= 0 { // the page has moved to another client
			shown.Posts[i].PageName = shown.Sources[source].Name
		}
	}
	shown.ManyClients = slices.ContainsFunc(data.Members, func(m analytics.RankedMember) bool {
		return m.AccountName != data.Members[0].AccountName
	})
}
