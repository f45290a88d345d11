package console

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// peopleView is the people of a client, and what each may see.
type peopleView struct {
	invitation

	Name    string
	ID      string
	Open    bool // the board
	People  []personRow
	Added   string // the name of who was added, until it is on the list
	AddedID string
	More    bool // than People
}

func (p peopleView) template() (name, title string) { return "people", "People of " + p.Name }

// personRow is somebody, and what that person sees.
type personRow struct {
	readmodels.User

	OnList  bool
	Sees    []string // names of accounts
	Why     string   // why nothing
	Through string   // the linked client that the person belongs to; "": this one
	As      string   // address of what the person sees; "": it opens nothing
}

// people are those of a client, and of those that are linked with it and stand on the list.
func (v *visit) people() (view, error) { return v.showPeople(newInvitation()) }

func (v *visit) showPeople(entered invitation) (view, error) {
	client, err := v.client()
	if err != nil {
		return nil, err
	}
	board, err := v.board(client.ID)
	if err != nil {
		return nil, err
	}
	users, meta, err := getMeta[[]readmodels.User, readmodels.ListMeta](
		v, "/api/users", url.Values{"account": {client.ID}, "limit": {strconv.Itoa(peopleOnAPage)}})
	if err != nil {
		return nil, err
	}
	shown := peopleView{invitation: entered, Name: client.Name, ID: client.ID, Open: board.AllowClientDashboard, More: meta.NextCursor != ""}
	added := v.r.URL.Query().Get("added")
	for _, u := range users {
		row := board.row(u, client.ID)
		shown.People = append(shown.People, row)
		if u.ID == added && !row.OnList && !entered.Faults.Any() {
			shown.Added = nameOr(u.Name, u.ID)
			shown.AddedID = u.ID
		}
	}
	for _, u := range board.People {
		if u.Account != client.ID {
			shown.People = append(shown.People, board.row(readmodels.User{
				ID: u.ID, Name: u.Name, Email: u.Email, AccountID: u.Account, AccountName: u.AccountName, Active: u.Active, LastLogin: u.LastLogin,
			}, client.ID))
		}
	}
	return shown, nil
}

// row says what somebody sees by the board.
func (b boardFacts) row(u readmodels.User, client string) personRow {
	row := personRow{User: u}
	row.OnList = slices.ContainsFunc(b.Users, func(listed readmodels.DashboardUser) bool { return listed.ID == u.ID })
	inactive := slices.ContainsFunc(b.UsersNotShown, func(n readmodels.UserNotShown) bool { return n.ID == u.ID })
	switch {
	case inactive:
		row.OnList, row.Why = true, "is not active, and opens nothing"
	case !row.OnList:
		row.Why = "not on the list"
	case !b.AllowClientDashboard:
		row.Why = "the board is closed"
	default:
		for _, a := range b.SubAccountIDs {
			row.Sees = append(row.Sees, nameOr(a.Name, a.ID))
		}
		slices.Sort(row.Sees) // the API's order is that of ids
		row.As = clientPath(u.AccountID, "people/"+url.PathEscape(u.ID)+"/sees")
	}
	if u.AccountID != client {
		row.Through = nameOr(u.AccountName, u.AccountID)
	}
	return row
}

// addPerson makes somebody of the client.
func (v *visit) addPerson() (view, error) {
	client, err := v.client()
	if err != nil {
		return nil, err
	}
	made, entered, err := v.invite(client.ID)
	if err != nil {
		return nil, err
	}
	if made == "" {
		return v.showPeople(entered)
	}
	return redirect(clientPath(client.ID, "people") + "?" + url.Values{"added": {made}}.Encode()), nil
}

func (c *Console) peoplePages() []page {
	staff := []api.Role{api.RoleAgency}
	people := clientsPath + "{id}/people"
	sees := people + "/{user}/sees"
	return []page{
		{pattern: "GET " + people, roles: staff, views: []view{peopleView{}}, open: (*visit).people},
		{pattern: "POST " + people, roles: staff, views: []view{peopleView{}}, open: (*visit).addPerson},
		{pattern: "GET " + sees, roles: staff, views: []view{seenView{}}, open: (*visit).seeAs},
		{pattern: "GET " + sees + "/{board}", roles: staff, views: []view{figuresView{}, boardView{}}, open: (*visit).seeBoardAs},
		{pattern: "GET " + sees + "/{board}/{table}", roles: staff, open: (*visit).fileAs},
	}
}
