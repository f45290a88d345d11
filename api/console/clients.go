package console

import (
	"net/url"
	"slices"

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
	NeedsYou []concern // on the first page of the whole list
	NeedsToo []concern // more of them
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
}

// clients is the first page of an agency.
func (v *visit) clients() (view, error) {
	asked := url.Values{"limit": {clientsOnAPage}}
	v.passOnGiven(asked, "q", "cursor")
	list, meta, err := getMeta[[]readmodels.DashboardSummary, readmodels.ListMeta](v, "/api/dashboards", asked)
	if err != nil {
		return nil, err
	}
	shown := clientsView{Search: asked.Get("q"), Clients: make([]clientRow, len(list))}
	err = sideBySide(len(list), func(i int) (err error) {
		shown.Clients[i], err = v.clientRow(list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) > 0 && !asked.Has("q") && !asked.Has("cursor") {
		if shown.NeedsYou, err = v.needsYou(); err != nil {
			return nil, err
		}
		most := min(mostNeeds, len(shown.NeedsYou))
		shown.NeedsYou, shown.NeedsToo = shown.NeedsYou[:most], shown.NeedsYou[most:]
	}
	shown.More = nextPage(Path, asked, meta.NextCursor)
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
	from, to := v.latelyDays()
	data, err := get[analytics.AccountFollowers](v, "/auth/getAccountFollowers/"+from+"/"+to+"/all",
		url.Values{"account": {summary.SubAccountID}, "meta": {"brief"}})
	if err != nil {
		return row, err
	}
	if row.Followers = data.Total.Followers; row.Followers.NoBaseline {
		row.Followers.Change = nil
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

func (c *Console) clientPages() []page {
	staff := []api.Role{api.RoleAgency}
	return []page{
		{pattern: "GET " + Path + "/clients", roles: staff, nav: "Clients", views: []view{clientsView{}}, open: (*visit).clients},
		{pattern: "GET " + clientsPath + "{id}/figures", roles: staff, views: []view{figuresView{}}, open: (*visit).clientFigures},
		{pattern: "GET " + clientsPath + "{id}/figures/{table}", roles: staff, open: (*visit).clientFile},
		{pattern: "GET " + clientsPath + "{id}/report", roles: staff, views: []view{reportView{}}, open: (*visit).clientReport},
	}
}
