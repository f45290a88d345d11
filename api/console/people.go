package console

import (
	"crypto/rand"
	"errors"
	"net/url"
	"slices"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type peopleView struct {
	directory.Account
	invitation

	Open    bool // the board
	People  []personRow
	Added   string // name of the person just added; "": none, or already on the list
	AddedID string
	More    bool
}

type personRow struct {
	directory.User

	OnList  bool
	Sees    []string
	Why     string
	Through string // name of the linked client to which the person belongs; "": this client
	As      string // address of the page as the person sees it; "": the person sees nothing
}

// openPeople lists the people of a client, and the people of linked clients who are on the list.
func openPeople(v *visit, client directory.Account) (view, error) {
	return showPeople(v, client, newInvitation())
}

func showPeople(v *visit, client directory.Account, entered invitation) (view, error) {
	board, _, err := boardAt(v, client.ID)
	if err != nil {
		return nil, err
	}
	users, err := ask(v, api.GetUsers, url.Values{"account": {client.ID}, "limit": {peopleOnAPage}})
	if err != nil {
		return nil, err
	}
	shown := peopleView{
		Account: client, invitation: entered, Open: board.AllowClientDashboard, More: users.Meta.NextCursor != "",
	}
	added := v.r.URL.Query().Get("added")
	for _, u := range users.Data {
		row := rowOf(board, u)
		if row.As != "" && !client.Active {
			row.Sees, row.Why, row.As = nil, "the client is inactive", ""
		}
		shown.People = append(shown.People, row)
		if u.ID == added && !row.OnList && !entered.Faults.Any() {
			shown.Added, shown.AddedID = foreign(u.Name, u.ID), u.ID
		}
	}
	for _, u := range board.Users {
		if u.Account != client.ID {
			row := rowOf(board, directory.User{
				ID: u.ID, Name: u.Name, Email: domain.OptionalText(u.Email), AccountID: u.Account, Active: u.Active,
				LastLogin: u.LastLogin,
			})
			row.Through = accountName(board, u.Account)
			shown.People = append(shown.People, row)
		}
	}
	return shown, nil
}

// rowOf describes a person by the board's list, which has those who can open the board while it is
// open, and names the others on it.
func rowOf(b readmodels.DashboardView, u directory.User) personRow {
	row := personRow{User: u, Why: "not on the list"}
	for _, n := range b.UsersNotShown {
		if n.ID == u.ID {
			row.OnList, row.Why = true, plain(n.Reason)
		}
	}
	if !slices.ContainsFunc(b.Users, func(l readmodels.DashboardUser) bool { return l.ID == u.ID }) {
		return row
	}
	row.OnList, row.Why = true, "the board is closed"
	if b.AllowClientDashboard {
		for _, a := range b.SubAccountIDs {
			row.Sees = append(row.Sees, foreign(a.Name, a.ID))
		}
		slices.SortFunc(row.Sees, alphabetical) // the API sorts by id
		row.As = clientPath(u.AccountID, "people/"+url.PathEscape(u.ID)+"/sees")
	}
	return row
}

func addPerson(v *visit, client directory.Account) (view, error) {
	made, entered, err := invite(v, client.ID)
	if err != nil {
		return nil, err
	}
	if made == "" {
		return showPeople(v, client, entered)
	}
	return redirect(clientPath(client.ID, "people") + "?" + url.Values{"added": {made}}.Encode()), nil
}

type invitation struct {
	Entry  personEntry
	Faults formFaults // why no one was added
}

// personEntry is the form input for a person. Key is the idempotency key: submitting the form twice
// adds one person.
type personEntry struct{ Name, Email, Phone, Key string }

func newInvitation() invitation { return invitation{Entry: personEntry{Key: rand.Text()}} }

var invitationWords = map[string]fieldWords{
	"name":  {"name", "Enter a name on one line, at most 200 characters."},
	"email": {"email", "Enter an address like jonas@example.com."},
	"phone": {"phone", "Enter a number on one line, at most 200 characters."},
}

// invite adds the person in the form to an account, or to the agency itself if account is "". Made
// is the person's id. It is "" if the input was rejected; the returned invitation then explains
// why.
func invite(v *visit, account string) (made string, entered invitation, err error) {
	entered.Entry = personEntry{
		Name: v.form.Get("name"), Email: v.form.Get("email"), Phone: v.form.Get("phone"), Key: v.form.Get("key"),
	}
	user, err := once(v, api.PostUsers, url.Values{"Idempotency-Key": {entered.Entry.Key}}, func(in *api.NewUserInput) {
		in.Body.Name, in.Body.Email, in.Body.Phone = entered.Entry.Name, entered.Entry.Email, entered.Entry.Phone
		in.Body.Account = account
	})
	if faults, taken := faultsOf(err, invitationWords); taken {
		if domain.CodeOf(err) == domain.CodeConflict && faults.Fields["email"] != "" {
			faults.Fields["email"] = "A person of the agency or of one of its clients already has this address."
		}
		if errors.Is(err, commands.ErrDirectoryElsewhere) {
			faults.Said = "People come from your main application. Add them there, and they appear here."
		}
		entered.Faults = faults
		if domain.CodeOf(err) != domain.CodeUnavailable { // else the person may have been added
			entered.Entry.Key = rand.Text() // a corrected form is another request
		}
		return "", entered, nil
	}
	return user.ID, entered, err
}

const colleaguesPath = root + "/colleagues"

type colleaguesView struct {
	invitation

	People []directory.User
	Added  *directory.User // the person just added; nil: none
	More   bool
}

func openColleagues(v *visit) (view, error) { return showColleagues(v, newInvitation()) }

func showColleagues(v *visit, entered invitation) (view, error) {
	users, err := ask(v, api.GetUsers, url.Values{"account": {v.who.AccountID}, "limit": {peopleOnAPage}})
	shown := colleaguesView{invitation: entered, People: users.Data, More: users.Meta.NextCursor != ""}
	added := v.r.URL.Query().Get("added")
	for _, u := range users.Data {
		if u.ID == added && !entered.Faults.Any() {
			shown.Added = &u
		}
	}
	return shown, err
}

func inviteColleague(v *visit) (view, error) {
	made, entered, err := invite(v, "")
	if err != nil {
		return nil, err
	}
	if made == "" {
		return showColleagues(v, entered)
	}
	return redirect(colleaguesPath + "?" + url.Values{"added": {made}}.Encode()), nil
}
