package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// peopleView is the people of a client, and what each may see.
type peopleView struct {
	Name   string
	ID     string
	Open   bool // the board
	People []personRow
	Added  string // the name of who was added just now
	More   bool   // than People

	Said   string // why somebody was not added
	Fields []domain.FieldError
	Entry  personEntry // what was entered
}

func (p peopleView) template() (name, title string) { return "people", "People of " + p.Name }

// personRow is somebody, and what that person sees.
type personRow struct {
	readmodels.User

	OnList    bool
	Sees      []string   // names of accounts
	Why       string     // why nothing
	LastLogin *time.Time // nil: never, or not told
	Through   string     // the linked client that the person belongs to; "": this one
	As        string     // address of what the person sees; "": it opens nothing
}

// personEntry is the form by which somebody is added.
type personEntry struct{ Name, Email, Phone, Key string }

// people are those of a client, and of those that are linked with it and stand on the list.
func (v *visit) people() (view, error) { return v.showPeople(personEntry{}, nil) }

func (v *visit) showPeople(entry personEntry, why *domain.Error) (view, error) {
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
	shown := peopleView{Name: client.Name, ID: client.ID, Open: board.AllowClientDashboard, Entry: entry, More: meta.NextCursor != ""}
	if shown.Entry.Key == "" {
		shown.Entry.Key = rand.Text()
	}
	if why != nil {
		shown.Said, shown.Fields = why.Message, why.Fields
	}
	for _, u := range users {
		shown.People = append(shown.People, board.row(u, client.ID))
		if u.ID == v.r.URL.Query().Get("added") {
			shown.Added = nameOr(u.Name, u.ID)
		}
	}
	for _, u := range board.People {
		if u.Account != client.ID {
			shown.People = append(shown.People, board.row(readmodels.User{
				ID: u.ID, Name: u.Name, Email: u.Email, AccountID: u.Account, AccountName: u.AccountName, Active: u.Active,
			}, client.ID))
		}
	}
	return shown, nil
}

// row says what somebody sees by the board.
func (b boardFacts) row(u readmodels.User, client string) personRow {
	row := personRow{User: u}
	for _, listed := range b.Users {
		if listed.ID == u.ID {
			row.OnList, row.LastLogin = true, listed.LastLogin
		}
	}
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
	form, err := v.form()
	if err != nil {
		return nil, err
	}
	entry := personEntry{Name: form.Get("name"), Email: form.Get("email"), Phone: form.Get("phone"), Key: form.Get("key")}
	got, err := v.send(http.MethodPost, "/api/users", map[string]string{
		"name": entry.Name, "email": entry.Email, "phone": entry.Phone, "account": client.ID,
	}, map[string]string{"Idempotency-Key": entry.Key})
	if why, told := errors.AsType[*domain.Error](err); told && why.Code != domain.CodeUnavailable {
		entry.Key = "" // what is mended is another request
		return v.showPeople(entry, why)
	}
	if err != nil {
		return nil, err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := got.read(&made, nil); err != nil {
		return nil, err
	}
	return redirect(clientPath(client.ID, "people") + "?" + url.Values{"added": {made.ID}}.Encode()), nil
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
