package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

const (
	clientsPath = Path + "/clients/"

	clientsOnAPage = "12" // each is a question to the API of its own
	lately         = 28   // days of the figures that stand beside a client
)

// clientsView is the clients of an agency, and what needs somebody.
type clientsView struct {
	Search   string
	NeedsYou []concern
	Clients  []clientRow
	More     string // address of the next page; "": this is the last one
}

func (clientsView) template() (name, title string) { return "clients", "Clients" }

// clientRow is a client with its board and how its followers went lately.
type clientRow struct {
	readmodels.DashboardSummary

	LinkedWith []string // names of the others
	Followers  analytics.Total
	Points     []chart.Point
	Told       string // of the points
	Troubles   []trouble
}

// clients is the first page of an agency.
func (v *visit) clients() (view, error) {
	at := v.r.URL.Query()
	asked := url.Values{"limit": {clientsOnAPage}}
	for _, name := range []string{"q", "cursor"} {
		if at.Get(name) != "" {
			asked.Set(name, at.Get(name))
		}
	}
	list, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
	if err != nil {
		return nil, err
	}
	shown := clientsView{Search: at.Get("q"), Clients: make([]clientRow, len(list))}
	err = sideBySide(len(list), func(i int) (err error) {
		shown.Clients[i], err = v.clientRow(list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range shown.Clients {
		shown.NeedsYou = append(shown.NeedsYou, row.needs()...)
	}
	if meta.NextCursor != "" {
		asked.Set("cursor", meta.NextCursor)
		asked.Del("limit")
		shown.More = Path + "?" + asked.Encode()
	}
	return shown, nil
}

func (v *visit) clientRow(summary readmodels.DashboardSummary) (clientRow, error) {
	row := clientRow{DashboardSummary: summary}
	for _, l := range summary.Linked {
		if l.ID != summary.SubAccountID {
			row.LinkedWith = append(row.LinkedWith, nameOr(l.Name, l.ID))
		}
	}
	slices.Sort(row.LinkedWith) // the API's order is that of ids
	until := v.console.deps.Now().UTC()
	from, to := until.AddDate(0, 0, 1-lately).Format(time.DateOnly), until.Format(time.DateOnly)
	data, meta, err := getMeta[analytics.AccountFollowers, analytics.Meta](
		v, "/auth/getAccountFollowers/"+from+"/"+to+"/all", url.Values{"account": {summary.SubAccountID}, "meta": {"platforms"}})
	if err != nil {
		return row, err
	}
	row.Followers = data.Total.Followers
	for _, d := range data.Total.Series {
		row.Points = append(row.Points, chart.Point{Value: d.Followers})
	}
	row.Told = "Followers of the last " + counted(lately, "day", "days") + ": " + known(row.Followers.Change, chart.Signed)
	row.Troubles = troubles(meta.Platforms)
	return row, nil
}

// trouble is why figures of a network are missing.
type trouble struct {
	Network string
	Says    string
	SignIn  bool   // a person mends it by signing in there
	Page    string // of the client, which says more
}

// troubles are those that somebody can do something about.
func troubles(platforms []analytics.PlatformSources) (all []trouble) {
	for _, p := range platforms {
		if len(p.Counts) == 0 {
			continue
		}
		at := network(p.PlatformName)
		if says := sourceSays(p.Counts[0].Status, at); says != "" {
			page := "connections"
			if p.Counts[0].Status == analytics.SourcePartial {
				page = "figures"
			}
			all = append(all, trouble{at, says, p.Counts[0].Status == analytics.SourceReconnect, page})
		}
	}
	return all
}

// needs are what somebody of the agency has to do about a client.
func (c clientRow) needs() (all []concern) {
	name := nameOr(c.SubAccountName, c.SubAccountID)
	if c.Exists && c.AllowClientDashboard && c.ListedUsers == 0 {
		all = append(all, concern{name + ": nobody may look at the board", "It is open, and nobody is on its list.", clientPath(c.SubAccountID, "board")})
	}
	for _, trouble := range c.Troubles {
		what := name + ": figures are missing"
		if trouble.SignIn {
			what = name + ": connect " + trouble.Network + " again"
		}
		all = append(all, concern{what, trouble.Says, clientPath(c.SubAccountID, trouble.Page)})
	}
	return all
}

func clientPath(id, page string) string { return clientsPath + url.PathEscape(id) + "/" + page }

func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func (c *Console) clientPages() []page {
	staff := []api.Role{api.RoleAgency}
	return []page{
		{pattern: "GET " + Path + "/clients", roles: staff, nav: "Clients", views: []view{clientsView{}}, open: (*visit).clients},
		{pattern: "GET " + clientsPath + "{id}/figures", roles: staff, views: []view{figuresView{}}, open: (*visit).clientFigures},
		{pattern: "GET " + clientsPath + "{id}/figures/{table}", roles: staff, open: (*visit).clientFile},
		{pattern: "GET " + clientsPath + "{id}/report", roles: staff, views: []view{reportView{}}, open: (*visit).clientReport},
	}
}
