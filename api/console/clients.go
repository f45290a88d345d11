package console

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	clientsPath = root + "/clients/"

	clientsOnAPage = "12" // each needs its own query
	recentDays     = 28   // days of the figures next to a client
)

type clientsView struct {
	Search   string
	Zone     dayZone
	NeedsYou []concern // on the first page of the whole list
	NeedsToo []concern // the rest of NeedsYou
	Own      []navItem // pages about the agency's own accounts; empty if it has none
	Late     bool      // the figures may lack the latest readings
	Clients  []clientRow
	More     string
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
	asked := url.Values{"limit": {clientsOnAPage}}
	copyParameters(v, asked, "q", "cursor")
	page, err := ask(v, api.GetDashboards, asked)
	if err != nil {
		return nil, err
	}
	list := page.Data
	zone, _ := zoneOf(v)
	shown := clientsView{Search: asked.Get("q"), Zone: zone, Clients: make([]clientRow, len(list))}
	err = concurrently(len(list), func(i int) (err error) {
		shown.Clients[i], err = clientRowOf(v, list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	shown.Late = isLate(v, "account_insights")
	if !asked.Has("q") && !asked.Has("cursor") {
		if shown.NeedsYou, shown.Own, err = needsYou(v); err != nil {
			return nil, err
		}
		most := min(mostNeeds, len(shown.NeedsYou))
		shown.NeedsYou, shown.NeedsToo = shown.NeedsYou[:most], shown.NeedsYou[most:]
	}
	shown.More = nextPage(root, asked, page.Meta.NextCursor)
	return shown, nil
}

func clientRowOf(v *visit, summary directory.DashboardSummary) (clientRow, error) {
	row := clientRow{DashboardSummary: summary}
	for _, l := range summary.Linked {
		if l.ID != summary.SubAccountID {
			row.LinkedWith = append(row.LinkedWith, foreign(l.Name, l.ID))
		}
	}
	slices.SortFunc(row.LinkedWith, alphabetical) // the API sorts by id
	var err error
	row.followersNow, err = followersOf(v, url.Values{"account": {summary.SubAccountID}})
	return row, err
}

// followersOf reads the followers of an account or a dashboard.
func followersOf(v *visit, scope url.Values) (shown followersNow, err error) {
	from, to := latelyDays(v)
	zone, location := zoneOf(v)
	asked := url.Values{"startTime": {from}, "endTime": {to}, "pId": {allPlatforms}, "tz": {zone.Name}}
	maps.Copy(asked, scope)
	read, err := ask(v, api.GetAccountFollowers, asked)
	if err != nil {
		return shown, err
	}
	data, meta := read.Data, read.Meta
	if shown.Followers = comparedFollowers(data.Total); shown.Followers.Note == analytics.NoteFirstReading {
		shown.Followers.Change = nil
	}
	if read, all := shown.Followers.Accounts, data.Total.SocialAccounts; read > 0 && read < all {
		shown.Part = fmt.Sprintf("of %d of %d accounts", read, all)
	}
	if meta.AsOf != nil && meta.AsOf.Before(v.deps.Now().AddDate(0, 0, -1)) {
		shown.Read = "read on " + meta.AsOf.In(location).Format("2 Jan 2006")
	}
	for _, d := range data.Total.Series {
		shown.Points = append(shown.Points, chart.Point{Value: d.Followers})
	}
	shown.TrendText = fmt.Sprintf("Followers in the last %d days: %s",
		recentDays, known(shown.Followers.Change, chart.Signed))
	return shown, nil
}

func clientPath(id, page string) string { return clientsPath + url.PathEscape(id) + "/" + page }

// mostNeeds is the number of concerns that the start page shows; it collapses the rest.
const mostNeeds = 10

// needsYou lists the problems of the agency and all of its clients that need attention: first
// sign-ins, then open boards that no one can open, then pages that are not read. Own lists the pages
// about the agency's own accounts.
func needsYou(v *visit) (all []concern, own []navItem, err error) {
	boards, err := allBoards(v)
	if err != nil {
		return nil, nil, err
	}
	list, err := listAll(v, api.GetPlatforms, url.Values{})
	if err != nil {
		return nil, nil, err
	}
	pages := map[string][]directory.ConnectedPlatform{}
	for _, p := range list {
		pages[p.AccountID] = append(pages[p.AccountID], p)
	}
	var unseen, unread []concern
	if agency := v.me.Agency; agency != nil {
		all, unread = pageConcerns(foreign(agency.Name, agency.ID), agency.ID, pages[agency.ID])
		for _, page := range []string{"figures", "connections"} {
			own = append(own, navItem{Path: clientPath(agency.ID, page), Name: capital(page)})
		}
	}
	for _, board := range boards {
		id, name := board.SubAccountID, foreign(board.SubAccountName, board.SubAccountID)
		if board.Exists && board.AllowClientDashboard && board.CanOpen == 0 {
			why := "It is open, but no one is on its list."
			if board.ListedUsers > 0 {
				why = "It is open, but no client user on its list can open it now."
			}
			unseen = append(unseen, concern{name + ": no one can open the board", why, clientPath(id, "board")})
		}
		signIns, others := pageConcerns(name, id, pages[id])
		all, unread = append(all, signIns...), append(unread, others...)
	}
	return slices.Concat(all, unseen, unread), own, nil
}

// pageConcerns returns what the pages of one account need: sign-ins, one for each platform, and
// other problems.
func pageConcerns(name, account string, pages []directory.ConnectedPlatform) (signIns, others []concern) {
	connections := clientPath(account, "connections")
	var paused []string
	signIn, help := map[domain.Platform][]directory.ConnectedPlatform{}, map[domain.Platform][]directory.ConnectedPlatform{}
	stopped, declined := len(pages) > 0, false
	for _, p := range pages {
		stopped = stopped && (p.Status == domain.PageDisconnected || p.Status == domain.PagePaused)
		switch remedy := p.Remedy(); {
		case remedy == domain.RemedySignIn:
			signIn[p.Platform] = append(signIn[p.Platform], p)
		case remedy == domain.RemedyAction:
			help[p.Platform] = append(help[p.Platform], p)
		case p.Read():
			declined = declined || len(p.Ungranted) > 0
		case p.Status == domain.PagePaused && !slices.Contains(paused, string(p.Text)):
			paused = append(paused, string(p.Text))
		}
	}
	if stopped && (len(paused) > 0 || len(signIn) == 0) {
		why := cmp.Or(strings.Join(paused, " "),
			"All of its pages and profiles are disconnected. The connections page explains why.")
		others = append(others, concern{name + ": no account is read", why, connections})
	}
	of := func(what string, pages []directory.ConnectedPlatform) concern {
		about := foreign(pages[0].ProfileName, "unnamed page")
		if len(pages) > 1 {
			about += fmt.Sprintf(" and %d more", len(pages)-1)
		}
		return concern{name + ": " + what + " (" + about + ")", string(pages[0].Text), connections}
	}
	for _, platform := range domain.Platforms() {
		if here := signIn[platform]; here != nil {
			signIns = append(signIns, of("reconnect "+platform.Title(), here))
		}
		if here := help[platform]; here != nil {
			others = append(others, of("figures are missing", here))
		}
	}
	if declined {
		others = append(others, concern{
			name + ": permissions are missing",
			"Some permissions were declined during sign-in, so some figures stay empty. Reconnect and grant all of them.",
			connections,
		})
	}
	return signIns, others
}

func allBoards(v *visit) ([]directory.DashboardSummary, error) {
	return listAll(v, api.GetDashboards, url.Values{})
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
	case v.who.Roles.Has(api.RoleOperator):
		return redirect(opsPath), nil
	}
	return nil, errNoStart
}
