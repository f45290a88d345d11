package console

import (
	"net/url"
	"strconv"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const colleaguesPath = Path + "/colleagues"

func (c *Console) colleaguePages() []page {
	staff := []api.Role{api.RoleAgency}
	return []page{
		{pattern: "GET " + colleaguesPath, roles: staff, nav: "Colleagues", views: []view{colleaguesView{}}, open: (*visit).colleagues},
		{pattern: "POST " + colleaguesPath, roles: staff, views: []view{colleaguesView{}}, open: (*visit).inviteColleague},
	}
}

// colleaguesView is the people of the agency itself.
type colleaguesView struct {
	invitation

	People []readmodels.User
	Added  *readmodels.User // who was added just now
	More   bool             // than People
}

func (colleaguesView) template() (name, title string) { return "colleagues", "Colleagues" }

func (v *visit) colleagues() (view, error) { return v.showColleagues(newInvitation()) }

func (v *visit) showColleagues(entered invitation) (view, error) {
	users, meta, err := getMeta[[]readmodels.User, readmodels.ListMeta](
		v, "/api/users", url.Values{"account": {v.who.AccountID}, "limit": {strconv.Itoa(peopleOnAPage)}})
	shown, added := colleaguesView{invitation: entered, People: users, More: meta.NextCursor != ""}, v.taken(madeCookie)
	for _, u := range users {
		if u.ID == added {
			shown.Added = &u
		}
	}
	return shown, err
}

// inviteColleague makes somebody of the agency itself.
func (v *visit) inviteColleague() (view, error) {
	made, entered, err := v.invite("")
	if err != nil {
		return nil, err
	}
	if made == "" {
		return v.showColleagues(entered)
	}
	v.setCookie(madeCookie, made, 60)
	return redirect(colleaguesPath), nil
}
