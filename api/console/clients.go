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
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	clientsPath = root + "/clients/"

	clientsOnAPage = "12" // each needs its own API request
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

	LinkedWith []string
	Followers  analytics.Total
	Part       string // "of 2 of 3 accounts"; empty if all accounts were read
	Points     []chart.Point
	TrendText  string // text alternative for Points
}

func openClients(v *visit) (view, error) {
	asked := url.Values{"limit": {clientsOnAPage}}
	copyParameters(v, asked, "q", "cursor")
	list, meta, err := getMeta[[]directory.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(v)
	shown := clientsView{Search: asked.Get("q"), Zone: zone, Clients: make([]clientRow, len(list))}
	err = concurrently(len(list), func(i int) (err error) {
		shown.Clients[i], err = clientRowOf(v, list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	if shown.Late, err = isLate(v, "account_insights"); err != nil {
		return nil, err
	}
	if !asked.Has("q") && !asked.Has("cursor") {
		if shown.NeedsYou, shown.Own, err = needsYou(v); err != nil {
			return nil, err
		}
		most := min(mostNeeds, len(shown.NeedsYou))
		shown.NeedsYou, shown.NeedsToo = shown.NeedsYou[:most], shown.NeedsYou[most:]
	}
	shown.More = nextPage(root, asked, meta.NextCursor)
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
	from, to := latelyDays(v)
	zone, _ := zoneOf(v)
	data, err := get[analytics.AccountFollowers](v, "/auth/getAccountFollowers/"+from+"/"+to+"/all",
		url.Values{"account": {summary.SubAccountID}, "meta": {"brief"}, "tz": {zone.Name}})
	if err != nil {
		return row, err
	}
	if row.Followers = comparedFollowers(data.Total); row.Followers.Note == analytics.NoteFirstReading {
		row.Followers.Change = nil
	}
	if read, all := row.Followers.Accounts, data.Total.SocialAccounts; read > 0 && read < all {
		row.Part = fmt.Sprintf("of %d of %d accounts", read, all)
	}
	for _, d := range data.Total.Series {
		row.Points = append(row.Points, chart.Point{Value: d.Followers})
	}
	row.TrendText = fmt.Sprintf("Followers in the last %d days: %s",
		recentDays, known(row.Followers.Change, chart.Signed))
	return row, nil
}

func clientPath(id, page string) string { return clientsPath + url.PathEscape(id) + "/" + page }

// mostNeeds is the number of concerns that the start page shows; it collapses the rest.
const mostNeeds = 10

// needsYou lists the problems of the agency and all of its clients that need attention: first
// sign-ins, then open boards that no one can open, then missing figures. Own lists the pages about
// the agency's own accounts.
func needsYou(v *visit) (all []concern, own []navItem, err error) {
	boards, err := allBoards(v)
	if err != nil {
		return nil, nil, err
	}
	pages, err := listAll[directory.ConnectedPlatform](v, "/api/platforms", url.Values{})
	if err != nil {
		return nil, nil, err
	}
	declined := map[string]bool{}
	for _, p := range pages {
		switch p.Status {
		case domain.PageDisconnected, domain.PageReconnect, domain.PagePermission:
		default:
			declined[p.AccountID] = declined[p.AccountID] || len(p.Ungranted) > 0
		}
	}
	from, to := latelyDays(v)
	_, meta, err := getMeta[analytics.AccountFollowers, analytics.Meta](v,
		"/auth/getAccountFollowers/"+from+"/"+to+"/all", url.Values{"compare": {"none"}})
	if err != nil {
		return nil, nil, err
	}
	sources := map[string][]analytics.Source{}
	for _, s := range meta.Sources {
		sources[s.AccountID] = append(sources[s.AccountID], s)
	}
	var unseen, missing []concern
	if agency := v.me.Agency; agency != nil {
		all, missing = sourceConcerns(foreign(agency.Name, agency.ID), agency.ID, sources[agency.ID], declined[agency.ID])
		for _, page := range []string{"figures", "connections"} {
			own = append(own, navItem{Path: clientPath(agency.ID, page), Name: capital(page)})
		}
	}
	for _, board := range boards {
		name := foreign(board.SubAccountName, board.SubAccountID)
		if board.Exists && board.AllowClientDashboard && board.CanOpen == 0 {
			why := "It is open, but no one is on its list."
			if board.ListedUsers > 0 {
				why = "It is open, but no client user on its list can open it now."
			}
			unseen = append(unseen,
				concern{name + ": no one can open the board", why, clientPath(board.SubAccountID, "board")})
		}
		id := board.SubAccountID
		signIns, lacks := sourceConcerns(name, id, sources[id], declined[id])
		all, missing = append(all, signIns...), append(missing, lacks...)
	}
	return slices.Concat(all, unseen, missing), own, nil
}

// sourceConcerns returns the problems of one account's sources that need attention: required
// sign-ins and missing figures. Declined is true if someone declined permissions during sign-in.
func sourceConcerns(
	name, account string, sources []analytics.Source, declined bool,
) (signIns, missing []concern) {
	connections := clientPath(account, "connections")
	unread := whyUnread(sources)
	if unread != "" {
		missing, declined = []concern{{name + ": no account is read", unread, connections}}, false
	}
	byPlatform := map[domain.Platform][]analytics.Source{}
	for _, s := range sources {
		if s.Has(domain.StatusOnlyPostsRead) {
			s.Status = analytics.SourceReconnect
		}
		if needsAttention(s) && (unread == "" || endedByPerson(s)) {
			byPlatform[s.Platform] = append(byPlatform[s.Platform], s)
		}
	}
	for _, platform := range slices.Sorted(maps.Keys(byPlatform)) {
		here := byPlatform[platform]
		severity := func(s analytics.Source) int { return slices.Index(analytics.SourceStatuses, s.Status) }
		s := slices.MinFunc(here, func(a, b analytics.Source) int {
			return cmp.Or(severity(a)-severity(b), cmp.Compare(b.Stopped(), a.Stopped()))
		})
		about := " (" + foreign(s.Name, "unnamed page")
		if len(here) > 1 {
			about += fmt.Sprintf(" and %d more", len(here)-1)
		}
		about += ")"
		says := reasonsText(s, fmt.Sprintf("the last %d days", recentDays))
		switch s.Status {
		case analytics.SourceDisconnected, analytics.SourceReconnect:
			signIns = append(signIns, concern{name + ": reconnect " + platform.Title() + about, says, connections})
		case analytics.SourcePartial:
			missing = append(missing, concern{name + ": figures are missing" + about, says, clientPath(account, "figures")})
		default:
			missing = append(missing, concern{name + ": figures are missing" + about, says, connections})
		}
	}
	if declined {
		missing = append(missing, concern{
			name + ": permissions are missing",
			"Some permissions were declined during sign-in, so some figures stay empty. Reconnect and grant all of them.",
			connections,
		})
	}
	return signIns, missing
}

// needsAttention reports whether a person can do something about a source. It leaves out what is
// intended or final, accounts without a subscription, and pauses of figures that were read.
func needsAttention(s analytics.Source) bool {
	switch {
	case s.Status == analytics.SourceDisconnected:
		return endedByPerson(s)
	case s.Has(domain.StatusUnsubscribed):
		return false
	case s.Status == analytics.SourceOK, s.Status == analytics.SourceUnsupported:
		return s.Stopped() != "" && !pausedByOperator(s)
	default:
		return slices.ContainsFunc(s.Reasons, func(r domain.StatusReason) bool {
			return r.Code != domain.StatusReadingsErased && r.Code != domain.StatusLeftAccount &&
				r.Code != domain.StatusLeftMember
		})
	}
}

func pausedByOperator(s analytics.Source) bool {
	return s.Has(domain.StatusConnectionPaused, domain.StatusPlatformPaused)
}

// endedByPerson reports whether the person who had connected the account ended that, not the agency.
func endedByPerson(s analytics.Source) bool {
	return s.Has(domain.StatusErased, domain.StatusDeauthorized, domain.StatusDeletionAsked)
}

// whyUnread explains why none of a client's accounts are read. It returns "" if some are read, if
// the client has no accounts, if a sign-in is required, or if there is no subscription, because the
// main application manages subscriptions.
func whyUnread(sources []analytics.Source) string {
	var paused []string
	disconnected := ""
	for _, s := range sources {
		switch {
		case endedByPerson(s): // it has its own entry
		case s.Status == analytics.SourceDisconnected:
			disconnected = "All of its pages and profiles are disconnected. The connections page explains why."
		case pausedByOperator(s):
			s.Reasons = s.Reasons[:1]
			if why := reasonsText(s, ""); !slices.Contains(paused, why) {
				paused = append(paused, why)
			}
		default:
			return ""
		}
	}
	return cmp.Or(strings.Join(paused, " "), disconnected)
}

func allBoards(v *visit) ([]directory.DashboardSummary, error) {
	return listAll[directory.DashboardSummary](v, "/api/dashboards", url.Values{})
}

// listAll returns all pages of a list.
func listAll[T any](v *visit, path string, asked url.Values) (all []T, err error) {
	asked.Set("limit", strconv.Itoa(api.MaxPageLimit))
	for {
		page, meta, err := getMeta[[]T, readmodels.ListMeta](v, path, asked)
		all = append(all, page...)
		if err != nil || meta.NextCursor == "" {
			return all, err
		}
		asked.Set("cursor", meta.NextCursor)
	}
}

// latelyDays are the last 28 days, including today: the followers of the list are those of now.
func latelyDays(v *visit) (from, to string) {
	_, zone := zoneOf(v)
	until := analytics.CalendarDay(v.deps.Now(), zone)
	return until.AddDate(0, 0, 1-recentDays).Format(time.DateOnly), until.Format(time.DateOnly)
}

// homeView is the start page for roles without another start page.
type homeView struct {
	Me    directory.Me
	Links []navItem
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
	return homeView{Me: *v.me, Links: navigation(v)}, nil
}
