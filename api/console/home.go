package console

import (
	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// homeView is the first page of people whose work begins at none of the others.
type homeView struct {
	Me    readmodels.Me
	Links []navItem // where they can go
}

func (homeView) template() (name, title string) { return "home", "Start" }

func (c *Console) homePages() []page {
	return []page{{pattern: "GET " + Path, views: []view{homeView{}, clientsView{}, boardsView{}}, open: (*visit).home}}
}

// home is where the work of each role begins.
func (v *visit) home() (view, error) {
	switch {
	case v.who.Roles.Has(api.RoleAgency):
		return v.clients()
	case v.who.Roles.Has(api.RoleClient):
		return v.ownBoards()
	case v.who.Roles.Has(api.RoleAuditor):
		return redirect(historyPath), nil
	case v.who.Roles.Has(api.RoleOperator):
		return redirect(opsPath), nil
	}
	var links []navItem
	for _, item := range v.navigation() {
		if item.Path != Path {
			links = append(links, item)
		}
	}
	return homeView{Me: *v.me, Links: links}, nil
}
