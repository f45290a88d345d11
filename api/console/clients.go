package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	clientsPath = root + "/clients/"

	recentDays = 28 // days of the figures next to a client
)

type clientsView struct {
	Search    string
	Zone      dayZone
	NeedsYou  []concern // on the first page of the whole list
	NeedsToo  []concern // after NeedsYou
	NeedsMore int       // number of concerns after NeedsYou
	NeedsLeft int       // number of concerns after NeedsToo, which the page does not show
	Own       []navItem // pages about the agency's own accounts; empty if it has none
	Late      bool      // the figures may lack the latest readings
	Clients   []clientRow
	More      string
}

type clientRow struct {
	directory.DashboardSummary

	followersNow

	LinkedWith []string
}

// followersNow are followers and their change in the last 28 days.
type followersNow struct {
	Followers analytics.Total
	Part      string // "of 2 of 3 accounts"; empty if all accounts were read
	Read      string // the day of the newest reading, if it is more than a day ago; empty otherwise
	Points    []chart.Point
	TrendText string // text alternative for Points
}

func openClients(v *visit) (view, error) {
	asked := url.Values{}
	copyParameters(v, asked, "q", "cursor")
	page, err := ask(v, api.GetDashboards, asked)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(v)
	shown := clientsView{Search: asked.Get("q"), Zone: zone}
	if shown.Clients, err = clientRows(v, page.Data); err != nil {
		return nil, err
	}
	shown.Late = isLate(v, "account_insights")
	if !asked.Has("q") && !asked.Has("cursor") {
		if err := shown.addNeeds(v); err != nil {
			return nil, err
		}
	}
	shown.More = nextPage(root, asked, page.Meta.NextCursor)
	return shown, nil
}

// clientRows reads the followers of all clients at once.
func clientRows(v *visit, list []directory.DashboardSummary) (rows []clientRow, err error) {
	var ids []string
	for _, summary := range list {
		if summary.RowID != 0 || summary.SubAccountName != "" { // it is in the directory
			ids = append(ids, summary.SubAccountID)
		}
	}
	figures := map[string]analytics.FollowersOfAccount{}
	if len(ids) > 0 {
		asked := recently(v)
		asked.Set("account", strings.Join(ids, ","))
		read, err := ask(v, api.GetFollowers, asked)
		if err != nil {
			return nil, err
		}
		for _, account := range read.Data.Accounts {
			figures[account.AccountID] = account
		}
	}
	for _, summary := range list {
		of := figures[summary.SubAccountID]
		row := clientRow{DashboardSummary: summary, followersNow: followersIn(v, of.FollowerSeries, of.AsOf)}
		for _, l := range summary.Linked {
			if l.ID != summary.SubAccountID {
				row.LinkedWith = append(row.LinkedWith, foreign(l.Name, l.ID))
			}
		}
		slices.SortFunc(row.LinkedWith, alphabetical) // the API sorts by id
		rows = append(rows, row)
	}
	return rows, nil
}

// recently are the parameters of figures of the last 28 days.
func recently(v *visit) url.Values {
	from, to := latelyDays(v)
	zone, _ := zoneOf(v)
	return url.Values{"startTime": {from}, "endTime": {to}, "pId": {allPlatforms}, "tz": {zone.Name}}
}

func followersIn(v *visit, figures analytics.FollowerSeries, asOf *time.Time) (shown followersNow) {
	if shown.Followers = comparedFollowers(figures); shown.Followers.Note == analytics.NoteFirstReading {
		shown.Followers.Change = nil
	}
	if read, all := shown.Followers.Accounts, figures.SocialAccounts; read > 0 && read < all {
		shown.Part = fmt.Sprintf("of %d of %d accounts", read, all)
	}
	if asOf != nil && asOf.Before(v.deps.Now().AddDate(0, 0, -1)) {
		_, location := zoneOf(v)
		shown.Read = "read on " + asOf.In(location).Format("2 Jan 2006")
	}
	for _, d := range figures.Series {
		shown.Points = append(shown.Points, chart.Point{Value: d.Followers})
	}
	shown.TrendText = fmt.Sprintf("Followers in the last %d days: %s",
		recentDays, known(shown.Followers.Change, chart.Signed))
	return shown
}

func clientPath(id, page string) string { return clientsPath + url.PathEscape(id) + "/" + page }

// The start page lists the first concerns, and collapses all but the first of these.
const (
	mostNeeds  = 10
	mostListed = 100
)

// addNeeds adds what needs attention at the agency and all of its clients.
func (c *clientsView) addNeeds(v *visit) error {
	all, err := ask(v, api.GetAttention, nil)
	if err != nil {
		return err
	}
	open, shown := min(mostNeeds, len(all)), min(mostListed, len(all))
	c.NeedsYou, c.NeedsToo = concerns(all[:open]), concerns(all[open:shown])
	c.NeedsMore, c.NeedsLeft = len(all)-open, len(all)-shown
	if agency := v.me.Agency; agency != nil {
		for _, page := range []string{"figures", "connections"} {
			c.Own = append(c.Own, navItem{Path: clientPath(agency.ID, page), Name: capital(page)})
		}
	}
	return nil
}

func concerns(found []directory.Concern) (all []concern) {
	for _, c := range found {
		said := concern{Why: string(c.Text), Path: clientPath(c.AccountID, "connections")}
		about := foreign(c.PageName, "unnamed page")
		if c.Pages > 1 {
			about += fmt.Sprintf(" and %d more", c.Pages-1)
		}
		what := ""
		switch c.Kind {
		case directory.ConcernSignIn:
			what = "reconnect " + c.Platform.Title() + " (" + about + ")"
		case directory.ConcernFigures:
			what = "figures are missing (" + about + ")"
		case directory.ConcernNotRead:
			what = "no account is read"
			said.Why = cmp.Or(said.Why, "All of its pages and profiles are disconnected. The connections page explains why.")
		case directory.ConcernPermissions:
			what = "permissions are missing"
			said.Why = "Some permissions were declined during sign-in, so some figures stay empty. Reconnect and grant all of them."
		case directory.ConcernBoard:
			what, said.Path = "no one can open the board", clientPath(c.AccountID, "board")
			said.Why = "It is open, but no one is on its list."
			if c.ListedUsers > 0 {
				said.Why = "It is open, but no client user on its list can open it now."
			}
		}
		said.What = foreign(c.AccountName, c.AccountID) + ": " + what
		all = append(all, said)
	}
	return all
}

// listAll returns all pages of a list.
func listAll[I, E any](v *visit, op api.Op[I, api.List[E]], asked url.Values) (all []E, err error) {
	asked.Set("limit", strconv.Itoa(api.MaxPageLimit))
	for {
		page, err := ask(v, op, asked)
		all = append(all, page.Data...)
		if err != nil || page.Meta.NextCursor == "" {
			return all, err
		}
		asked.Set("cursor", page.Meta.NextCursor)
	}
}

// latelyDays are the last 28 days, including today: the followers of the list are those of now.
func latelyDays(v *visit) (from, to string) {
	_, zone := zoneOf(v)
	until := analytics.CalendarDay(v.deps.Now(), zone)
	return until.AddDate(0, 0, 1-recentDays).Format(time.DateOnly), until.Format(time.DateOnly)
}

func openHome(v *visit) (view, error) {
	switch {
	case v.who.Roles.Has(api.RoleAgency):
		return openClients(v)
	case v.who.Roles.Has(api.RoleClient):
		return ownBoards(v)
	case v.who.Roles.Has(api.RoleAuditor):
		return redirect(historyPath), nil
	default: // the API admits no other roles than these and operators
		return redirect(opsPath), nil
	}
}
