package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
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

// personRow is somebody, and what that person sees.
type personRow struct {
	readmodels.User

	OnList  bool
	Sees    []string // names of accounts
	Why     string   // why nothing
	Through string   // the linked client that the person belongs to; "": this one
	As      string   // address of what the person sees; "": it opens nothing
}

// openPeople are those of a client, and of those that are linked with it and stand on the list.
func openPeople(v *visit, client readmodels.Account) (view, error) {
	return showPeople(v, client, newInvitation())
}

func showPeople(v *visit, client readmodels.Account, entered invitation) (view, error) {
	board, err := boardOf(v, client.ID)
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
func addPerson(v *visit, client readmodels.Account) (view, error) {
	made, entered, err := invite(v, client.ID)
	if err != nil {
		return nil, err
	}
	if made == "" {
		return showPeople(v, client, entered)
	}
	return redirect(clientPath(client.ID, "people") + "?" + url.Values{"added": {made}}.Encode()), nil
}

// invitation is the form by which somebody is added, with what was entered.
type invitation struct {
	Entry  personEntry
	Faults formFaults // why nobody was added
}

// personEntry is what is entered of a person. Its key has a form that is sent twice add one person.
type personEntry struct{ Name, Email, Phone, Key string }

func newInvitation() invitation { return invitation{Entry: personEntry{Key: rand.Text()}} }

// invitationWords are the fields of an invitation.
var invitationWords = map[string]fieldWords{
	"name": {"name", "Write a name of one line, 200 characters at most."}, "email": {"email", "Write an address like jonas@example.com."},
	"phone": {"phone", "Write a number of one line, 200 characters at most."},
}

// invite adds whom the form names: to an account, or for "" to the agency itself. Made is the id; "": what was entered was not taken, and the
// invitation says why.
func invite(v *visit, account string) (made string, entered invitation, err error) {
	entered.Entry = personEntry{Name: v.form.Get("name"), Email: v.form.Get("email"), Phone: v.form.Get("phone"), Key: v.form.Get("key")}
	body := map[string]string{"name": entered.Entry.Name, "email": entered.Entry.Email, "phone": entered.Entry.Phone}
	if account != "" {
		body["account"] = account
	}
	got, err := v.send(http.MethodPost, "/api/users", body, map[string]string{"Idempotency-Key": entered.Entry.Key})
	if faults, taken := faultsOf(err, invitationWords); taken {
		if domain.CodeOf(err) == domain.CodeConflict && faults.Beside["email"] != "" {
			faults.Beside["email"] = "Somebody of the agency or of one of its clients has this address already."
		}
		if errors.Is(err, commands.ErrDirectoryElsewhere) {
			faults.Said = "People come from your main application. Add them there, and they appear here."
		}
		entered.Faults, entered.Entry.Key = faults, rand.Text() // a corrected form is another request
		return "", entered, nil
	}
	if err != nil {
		return "", entered, err
	}
	var user struct {
		ID string `json:"id"`
	}
	err = got.read(&user, nil)
	return user.ID, entered, err
}

const colleaguesPath = root + "/colleagues"

// colleaguesView is the people of the agency itself.
type colleaguesView struct {
	invitation

	People []readmodels.User
	Added  *readmodels.User // who was added just now
	More   bool             // than People
}

func openColleagues(v *visit) (view, error) { return showColleagues(v, newInvitation()) }

func showColleagues(v *visit, entered invitation) (view, error) {
	users, meta, err := getMeta[[]readmodels.User, readmodels.ListMeta](
		v, "/api/users", url.Values{"account": {v.who.AccountID}, "limit": {strconv.Itoa(peopleOnAPage)}})
	shown, added := colleaguesView{invitation: entered, People: users, More: meta.NextCursor != ""}, taken(v, madeCookie)
	for _, u := range users {
		if u.ID == added {
			shown.Added = &u
		}
	}
	return shown, err
}

// inviteColleague makes somebody of the agency itself.
func inviteColleague(v *visit) (view, error) {
	made, entered, err := invite(v, "")
	if err != nil {
		return nil, err
	}
	if made == "" {
		return showColleagues(v, entered)
	}
	setCookie(v.w, madeCookie, made, 60)
	return redirect(colleaguesPath), nil
}
