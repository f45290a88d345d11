package console

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// figures is what a page of figures asks for: whose, and of when.
type figures struct {
	of    url.Values // account or dashboard
	Form  figuresForm
	files string // address below which the figures stand as files
	today time.Time
}

// figuresForm is range, zone, comparison and platform as the address has them.
type figuresForm struct {
	From, To, Zone, Compare string

	Platform string // its number; "": all
}

// query is the form as an address has it.
func (f figuresForm) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"from": f.From, "to": f.To, "tz": f.Zone, "compare": f.Compare, "platform": f.Platform} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Platforms are what the figures can be limited to.
func (figuresForm) Platforms() []domain.Platform { return domain.Platforms() }

// preset is a range that a link opens.
type preset struct {
	Name, Path string
	Current    bool
}

// presets are the ranges that people ask for most, up to today.
func (f figures) presets(here string) (all []preset) {
	firstOfMonth := time.Date(f.today.Year(), f.today.Month(), 1, 0, 0, 0, 0, time.UTC)
	today := f.today.Format(time.DateOnly)
	for _, p := range []struct {
		name string
		from time.Time
		to   string
	}{
		{"Last 7 days", f.today.AddDate(0, 0, -6), today},
		{"Last 28 days", f.today.AddDate(0, 0, 1-lately), today},
		{"Last 90 days", f.today.AddDate(0, 0, -89), today},
		{"This month", firstOfMonth, today},
		{"Last month", firstOfMonth.AddDate(0, -1, 0), firstOfMonth.AddDate(0, 0, -1).Format(time.DateOnly)},
		{"This year", time.Date(f.today.Year(), 1, 1, 0, 0, 0, 0, time.UTC), today},
	} {
		form := f.Form
		form.From, form.To = p.from.Format(time.DateOnly), p.to
		all = append(all, preset{p.name, here + "?" + form.query().Encode(), form == f.Form})
	}
	return all
}

// figuresOf reads the address. Without a range it is the last 28 days of the zone, today included, and
// without a comparison they are compared with the period before. The API reports what is wrong with it.
func figuresOf(v *visit, by, id, files string) figures {
	at := v.r.URL.Query()
	f := figures{of: url.Values{by: {id}}, files: files, Form: figuresForm{
		at.Get("from"), at.Get("to"), at.Get("tz"), at.Get("compare"), at.Get("platform"),
	}}
	zone, err := time.LoadLocation(f.Form.Zone)
	if err != nil {
		zone = time.UTC
	}
	if f.Form.Zone == "" {
		f.Form.Zone = "UTC"
	}
	if f.Form.Compare == "" {
		f.Form.Compare = string(analytics.ComparePrevious)
	}
	today := v.console.deps.Now().In(zone)
	f.today = today
	if f.Form.To == "" {
		f.Form.To = today.Format(time.DateOnly)
	}
	if f.Form.From == "" {
		f.Form.From = today.AddDate(0, 0, 1-lately).Format(time.DateOnly)
		if to, err := time.ParseInLocation(time.DateOnly, f.Form.To, zone); err == nil {
			f.Form.From = to.AddDate(0, 0, 1-lately).Format(time.DateOnly)
		}
	}
	return f
}

// query is the question to the API.
func (f figures) query() url.Values {
	q := url.Values{"startTime": {f.Form.From}, "endTime": {f.Form.To}, "tz": {f.Form.Zone}}
	maps.Copy(q, f.of)
	if f.Form.Compare != "" {
		q.Set("compare", f.Form.Compare)
	}
	return q
}

// asking is a path of the API with the range and the platform in it, and the rest of the question.
func (f figures) asking(path string) (string, url.Values) {
	asked := f.query()
	if strings.Contains(path, "%s") {
		path = fmt.Sprintf(path, url.PathEscape(f.Form.From), url.PathEscape(f.Form.To))
		asked.Del("startTime")
		asked.Del("endTime")
	}
	if ofAll, found := strings.CutSuffix(path, "/all"); f.Form.Platform != "" && found {
		path = ofAll + "/" + url.PathEscape(f.Form.Platform)
	} else if f.Form.Platform != "" {
		asked.Set("pId", f.Form.Platform)
	}
	return path, asked
}

// file is the address of a table of figures as a file.
func (f figures) file(table string) string {
	return f.files + table + ".csv?" + f.Form.query().Encode()
}

// The paths of the API by the names of the tables.
var figurePaths = map[string]string{
	"followers": "/auth/getAccountFollowers/%s/%s/all", "net-growth": "/auth/reach/getAccountNetGrowth/all",
	"engagement": "/auth/getPostsTotalEngagements/%s/%s/all", "impressions": "/auth/reach/getAccountStats/all",
	"views": "/auth/getPostsViews/%s/%s/all", "activity": "/auth/reach/activityMeter",
}

// figuresView is the figures of a client, or of a board.
type figuresView struct {
	Name        string
	ID          string
	Staff       bool // of the agency: it has the client's other pages, too
	Here        string
	Live        string // address of the stream that tells when these figures change; "": the page stays as it is
	Form        figuresForm
	Faults      formFaults // why there are no figures
	Presets     []preset
	Board       *boardFacts // of a client's own board; nil for staff
	Numbers     []figureShown
	Charts      []chartShown
	Costs       costsShown
	Reach       []reachShown
	Rates       []rateShown
	Splits      []splitShown
	Members     []analytics.RankedMember
	ManyClients bool // whose members these are
	Posts       []analytics.RankedPost
	Sources     []analytics.Source // what the figures rest on
	Hidden      string             // why clients do not see these figures; "": they do
	Open        bool               // the range has begun and ends after today

	AsOf, PostsAsOf *time.Time // the newest readings in the range, of accounts and of posts; nil: nothing was read
}

func (f figuresView) watches() string {
	if f.Board == nil {
		return ""
	}
	return boardPath + f.ID
}

// figureShown is a total with what it is compared with.
type figureShown struct {
	Name    string
	Value   *int64
	Change  *int64
	Percent string // of Change; "": none is shown
	Note    string
	Part    string // sentences about accounts that were not read, are not compared or moved away; empty if there are none
	Same    string // of which accounts Change is: 2 of its 3 accounts have; empty if of all
	InPart  string // a sentence about what is not compared; empty if all is
}

// reachShown is the reach of one connected account.
type reachShown struct {
	analytics.AccountReach

	Name string // of the account
}

// clientFigures is one client's figures, for its agency.
func clientFigures(v *visit, client readmodels.Account) (view, error) {
	here := clientPath(client.ID, "figures")
	shown := figuresView{Name: client.Name, ID: client.ID, Staff: true, Here: here}
	return readFigures(v, shown, figuresOf(v, "account", client.ID, here+"/"))
}

// readFigures asks the API for everything that a page of figures shows.
func readFigures(v *visit, shown figuresView, f figures) (view, error) {
	shown.Form, shown.Presets = f.Form, f.presets(shown.Here)
	if v.as == nil { // each look with somebody's eyes is recorded, so such a page is not fetched again by itself
		shown.Live = f.live()
	}
	parts := slices.Concat(overTime, []readPart{costs, activity, leaders, audience})
	err := readParts(v, &shown, f, parts...)
	if faults, taken := faultsOfAsked(err, rangeWords); taken {
		shown.Faults, shown.Live = faults, ""
		return shown, nil
	}
	today := f.today.Format(time.DateOnly)
	shown.Open = f.Form.From <= today && today < f.Form.To
	return shown, err
}

// rangeWords are the fields of a form that asks for a range.
var rangeWords = map[string]fieldWords{
	"startTime": {"from", "Choose a day from 1970 on that is not after the last day, and at most three years before it."},
	"endTime":   {"to", "Choose a day like 2026-10-01."},
	"tz":        {"tz", wordsOfZone},
	"compare":   {"compare", "Choose one of these."},
	"pId":       {"platform", "Choose one of these."},
}

const wordsOfZone = "Write a time zone like Europe/Berlin, or UTC."

// readPart asks the API for a part of a page of figures, and returns what puts the answer there.
type readPart func(*visit, figures) (put func(*figuresView), err error)

// part asks at a path, with parameters of its own. One of them without a value takes that of the page away.
func part[T any](path string, own url.Values, put func(*visit, figures, *figuresView, T, analytics.Meta)) readPart {
	return func(v *visit, f figures) (func(*figuresView), error) {
		path, asked := f.asking(path)
		maps.Copy(asked, own)
		data, meta, err := getMeta[T, analytics.Meta](v, path, asked)
		return func(shown *figuresView) { put(v, f, shown, data, meta) }, err
	}
}

// overTime are the parts over time, in their order on a page. Followers come first: with them comes what the accounts are called.
var (
	brief    = url.Values{"meta": {"brief"}}
	overTime = []readPart{
		part(figurePaths["followers"], nil, putFollowers), part(figurePaths["net-growth"], brief, putGrowth),
		part(figurePaths["engagement"], brief, putEngagement), part(figurePaths["impressions"], nil, putImpressions),
		part(figurePaths["views"], brief, putViews),
	}
	costs    = part("/auth/getRoiViews", url.Values{"compare": nil}, putCosts)
	activity = part(figurePaths["activity"], url.Values{"meta": {"brief"}, "compare": nil}, putActivity)
	leaders  = part("/auth/leaderboard/all", url.Values{"limit": {"10"}, "meta": {"brief"}, "compare": nil}, putLeaders)
	audience = part("/api/stats", url.Values{"granularity": {string(analytics.ByMonth)}, "meta": {"brief"}, "compare": nil}, putAudience)
)

// readParts asks for the parts of a page side by side, and puts the answers there in the order of the page.
func readParts(v *visit, shown *figuresView, f figures, parts ...readPart) error {
	puts := make([]func(*figuresView), len(parts))
	err := sideBySide(len(parts), func(i int) (err error) {
		puts[i], err = parts[i](v, f)
		return err
	})
	if err != nil {
		return err
	}
	for _, put := range puts {
		put(shown)
	}
	return nil
}

func putLeaders(_ *visit, _ figures, shown *figuresView, data analytics.Leaderboard, _ analytics.Meta) {
	shown.Members, shown.Posts = data.Members, data.Posts
	for i, p := range shown.Posts {
		of := slices.IndexFunc(shown.Sources, func(s analytics.Source) bool { return s.SocialAccount == p.SocialAccount })
		if p.PageName == "" && of >= 0 { // the page has moved to another client
			shown.Posts[i].PageName = shown.Sources[of].Name
		}
	}
	shown.ManyClients = slices.ContainsFunc(data.Members, func(m analytics.RankedMember) bool { return m.AccountName != data.Members[0].AccountName })
}
