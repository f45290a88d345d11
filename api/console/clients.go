package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const (
	clientsPath = root + "/clients/"

	clientsOnAPage = "12" // each is a question to the API of its own
	lately         = 28   // days of the figures that stand beside a client
)

// clientsView is the clients of an agency, and what needs somebody.
type clientsView struct {
	Search   string
	NeedsYou []concern // on the first page of the whole list
	NeedsToo []concern // more of them
	Clients  []clientRow
	More     string // address of the next page; "": this is the last one
}

// clientRow is a client with its board and how its followers went lately.
type clientRow struct {
	readmodels.DashboardSummary

	LinkedWith []string // names of the others
	Followers  analytics.Total
	Part       string // "of 2 of 3 accounts"; empty if all accounts were read
	Points     []chart.Point
	Told       string // of the points
}

// openClients is the first page of an agency.
func openClients(v *visit) (view, error) {
	asked := url.Values{"limit": {clientsOnAPage}}
	passOnGiven(v, asked, "q", "cursor")
	list, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
	if err != nil {
		return nil, err
	}
	shown := clientsView{Search: asked.Get("q"), Clients: make([]clientRow, len(list))}
	err = sideBySide(len(list), func(i int) (err error) {
		shown.Clients[i], err = clientRowOf(v, list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) > 0 && !asked.Has("q") && !asked.Has("cursor") {
		if shown.NeedsYou, err = needsYou(v); err != nil {
			return nil, err
		}
		most := min(mostNeeds, len(shown.NeedsYou))
		shown.NeedsYou, shown.NeedsToo = shown.NeedsYou[:most], shown.NeedsYou[most:]
	}
	shown.More = nextPage(root, asked, meta.NextCursor)
	return shown, nil
}

func clientRowOf(v *visit, summary readmodels.DashboardSummary) (clientRow, error) {
	row := clientRow{DashboardSummary: summary}
	for _, l := range summary.Linked {
		if l.ID != summary.SubAccountID {
			row.LinkedWith = append(row.LinkedWith, nameOr(l.Name, l.ID))
		}
	}
	slices.Sort(row.LinkedWith) // the API's order is that of ids
	from, to := latelyDays(v)
	data, err := get[analytics.AccountFollowers](v, "/auth/getAccountFollowers/"+from+"/"+to+"/all",
		url.Values{"account": {summary.SubAccountID}, "meta": {"brief"}})
	if err != nil {
		return row, err
	}
	if row.Followers = comparedFollowers(data.Total); row.Followers.NoBaseline {
		row.Followers.Change = nil
	}
	if read, all := row.Followers.Accounts, data.Total.SocialAccounts; partOf(read, all) != "" {
		row.Part = fmt.Sprintf("of %d of %d accounts", read, all)
	}
	for _, d := range data.Total.Series {
		row.Points = append(row.Points, chart.Point{Value: d.Followers})
	}
	row.Told = "Followers of the last " + counted(lately, "day", "days") + ": " + known(row.Followers.Change, chart.Signed)
	return row, nil
}

func clientPath(id, page string) string { return clientsPath + url.PathEscape(id) + "/" + page }

func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// mostNeeds is how many concerns stand open on an agency's first page; more are behind a click.
const mostNeeds = 10

// needsYou are what somebody of the agency has to do about any of its clients, whatever part of their list is shown: sign-ins first, then boards
// that nobody may look at, then figures that are missing.
func needsYou(v *visit) (all []concern, err error) {
	boards, err := allBoards(v)
	if err != nil {
		return nil, err
	}
	from, to := latelyDays(v)
	_, meta, err := getMeta[analytics.AccountFollowers, analytics.Meta](v, "/auth/getAccountFollowers/"+from+"/"+to+"/all", url.Values{"compare": {"none"}})
	if err != nil {
		return nil, err
	}
	sources := map[string][]analytics.Source{}
	for _, s := range meta.Sources {
		sources[s.AccountID] = append(sources[s.AccountID], s)
	}
	var unseen, missing []concern
	for _, board := range boards {
		name := nameOr(board.SubAccountName, board.SubAccountID)
		if board.Exists && board.AllowClientDashboard && board.CanOpen == 0 {
			why := "It is open, but no one is on its list."
			if board.ListedUsers > 0 {
				why = "It is open, but no one on its list is an active user of a client."
			}
			unseen = append(unseen, concern{
				name + ": no one can open the board", why, clientPath(board.SubAccountID, "board"),
			})
		}
		ofClient := sources[board.SubAccountID]
		if why := whyUnread(ofClient); why != "" {
			missing = append(missing, concern{name + ": nothing is read any more", why, clientPath(board.SubAccountID, "connections")})
			continue
		}
		ofClient = slices.DeleteFunc(ofClient, func(s analytics.Source) bool { // someone here or in the main application meant it
			return s.Status == analytics.SourceDisconnected && !s.EndedAtPlatform() || s.Paused == readmodels.NoSubscriptionRuns
		})
		for _, s := range analytics.Gravest(ofClient) {
			at, gravest := network(s.PlatformName), s.Status
			switch says := sourceSays(gravest, at); {
			case gravest == analytics.SourceDisconnected:
				all = append(all, concern{name + ": connect " + at + " again", string(s.Reason), clientPath(board.SubAccountID, "connections")})
			case says == "":
			case gravest == analytics.SourceReconnect:
				all = append(all, concern{name + ": connect " + at + " again", says, clientPath(board.SubAccountID, "connections")})
			case gravest == analytics.SourcePartial:
				missing = append(missing, concern{name + ": figures are missing", says, clientPath(board.SubAccountID, "figures")})
			default:
				missing = append(missing, concern{name + ": figures are missing", says, clientPath(board.SubAccountID, "connections")})
			}
		}
	}
	return append(append(all, unseen...), missing...), nil
}

// whyUnread says why no account of a client is read. It is empty if some are read, if the client has none, if a sign-in is awaited, and
// if no subscription runs: that is decided in the main application.
func whyUnread(sources []analytics.Source) (why string) {
	for _, s := range sources {
		switch {
		case s.Status == analytics.SourceDisconnected:
			why = cmp.Or(why, "None of its pages and profiles is connected any more. The page of its connections says why.")
		case s.Paused == "", s.Paused == readmodels.NoSubscriptionRuns:
			return ""
		default:
			why = s.Paused
		}
	}
	return why
}

// allBoards are those of all clients.
func allBoards(v *visit) (all []readmodels.DashboardSummary, err error) {
	asked := url.Values{"limit": {strconv.Itoa(api.MaxPageLimit)}}
	for {
		boards, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
		all = append(all, boards...)
		if err != nil || meta.NextCursor == "" {
			return all, err
		}
		asked.Set("cursor", meta.NextCursor)
	}
}

// latelyDays are the first and the last of the days whose figures stand beside a client.
func latelyDays(v *visit) (from, to string) {
	until := v.console.deps.Now().UTC()
	return until.AddDate(0, 0, 1-lately).Format(time.DateOnly), until.Format(time.DateOnly)
}

// homeView is the first page of people whose work begins at none of the others.
type homeView struct {
	Me    readmodels.Me
	Links []navItem // where they can go
}

// openHome is where the work of each role begins.
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
	var links []navItem
	for _, item := range navigation(v) {
		if item.Path != root {
			links = append(links, item)
		}
	}
	return homeView{Me: *v.me, Links: links}, nil
}
