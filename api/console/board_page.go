package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	othersOnAPage    = 20  // clients offered for linking; a search finds others
	accountsToAsk    = 100 // accounts in one API query
	peopleOnAPage    = "500"
	changesToExplain = "20"
)

type boardEditView struct {
	directory.Account

	Board  readmodels.DashboardView
	Saved  bool
	Newest bool     // the board has not changed since it was saved
	Does   *effects // effects of the saved change if it is the newest; nil: unknown

	Faults    formFaults             // why the change was not saved, and what to do
	Stale     bool                   // the board has changed since the page was opened; the form shows it as it is now
	Meanwhile []history.HistoryEntry // changes since then, newest first
	Unknown   bool                   // changes could not be read
	Earlier   bool                   // there were more changes, before Meanwhile
	Wanted    *history.Differences   // what the visitor wanted to change, if Stale; nil: nothing

	Form    boardForm
	Offered string            // the people listed below
	Names   map[string]string // of clients and people, by id

	Linked []choice        // linked clients, and those selected to be linked
	Along  []history.Named // clients that the selected ones are linked with
	Others []choice
	More   bool
	People []peopleOf
	Scopes []choice

	now, wanted boardForm // the board; the form that the visitor submitted, if Stale
}

type choice struct {
	ID, Name, Note string
	Checked        bool
}

type peopleOf struct {
	Account string
	People  []choice
}

func clientBoard(v *visit, client directory.Account) (view, error) {
	return editBoard(v, client, nil, formFaults{})
}

// editBoard shows the form of a board: as submitted, or as the board is if form is nil or if others
// have changed the board in the meantime. In that case, it shows their changes and what the visitor
// wanted. Faults are the errors of the form.
func editBoard(v *visit, client directory.Account, form *boardForm, faults formFaults) (view, error) {
	board, version, err := boardAt(v, client.ID)
	if err != nil {
		return nil, err
	}
	saved := v.r.URL.Query().Get("saved")
	shown := boardEditView{
		Account: client, Board: board, Saved: form == nil && isUpTo(saved, version),
		now: formOf(board, client.ID, version), Names: map[string]string{},
	}
	shown.Form = shown.now
	if shown.Newest = shown.Saved && saved == version; shown.Newest {
		shown.Does = effectsOfSaved(v, board.UpdatedAt)
	}
	switch {
	case form == nil:
	case form.Version != version:
		shown.Stale, shown.wanted, shown.Form.Find = true, *form, form.Find
		shown.addChangesSince(v, client.ID, form.Version)
	default:
		shown.Form, shown.Faults = *form, faults
		if faults.Said != "" { // another board may have been changed since the preview
			for _, id := range distinctIDs(shown.now.Accounts, form.Accounts) {
				shown.addChangesSince(v, id, form.Seen)
			}
		}
		shown.followLinks(v)
	}
	shown.Scopes = scopeChoices(shown.Form.Scopes, shown.now.Scopes)
	if err := readAccounts(v, &shown); err != nil {
		return nil, err
	}
	if err := readPeople(v, &shown); err != nil {
		return nil, err
	}
	if shown.Stale {
		was := shown.now
		if last := len(shown.Meanwhile) - 1; last >= 0 && !shown.Earlier {
			was = formBefore(shown.Meanwhile[last])
		}
		shown.Wanted = shown.wanted.differences(was, shown.named)
	}
	return shown, nil
}

func distinctIDs(lists ...[]string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(lists...))))
}

func (b *boardEditView) named(ids []string) (list []history.Named) {
	for _, id := range ids {
		list = append(list, history.Named{ID: id, Name: new(cmp.Or(b.Names[id], id))})
	}
	return list
}

// followLinks notes the clients that new links add, and selects the people that they add.
func (b *boardEditView) followLinks(v *visit) {
	links, _ := b.Form.links(b.now)
	if len(links) == 0 {
		return
	}
	after, list, err := b.Form.listAfter(v, b.ID, b.now, api.UpdateBody{SubAccountIDs: &links})
	if err != nil {
		return // the preview reports it
	}
	b.Form.Users = list
	for _, n := range slices.Concat(after.SubAccountIDs, after.Users) {
		if n.Name != nil {
			b.Names[n.ID] = *n.Name
		}
	}
	b.Along = slices.DeleteFunc(after.SubAccountIDs, func(n history.Named) bool {
		return n.ID == b.ID || slices.Contains(b.now.Accounts, n.ID) || slices.Contains(b.Form.Accounts, n.ID)
	})
}

func boardAt(v *visit, id string) (board readmodels.DashboardView, version string, err error) {
	got, err := ask(v, api.GetDashboard, onBoard(id))
	if err != nil {
		return board, "", err
	}
	board = got.Data[0]
	slices.SortStableFunc(board.SubAccountIDs, func(a, b readmodels.LinkedAccount) int { // the API sorts by id
		return inOrder(a.Name, a.ID, b.Name, b.ID)
	})
	return board, strconv.FormatInt(got.Version, 10), nil
}

// addChangesSince adds the changes to a board after a version, or notes that they are unknown or that
// earlier ones are not shown.
func (b *boardEditView) addChangesSince(v *visit, id, version string) {
	after, err := strconv.ParseInt(version, 10, 64)
	var read api.Result[[]history.HistoryEntry, history.EntriesMeta]
	if err == nil {
		read, err = ask(v, api.GetDashboardHistory, url.Values{
			"sub_account_id": {id}, "order": {"desc"}, "limit": {changesToExplain},
		})
	}
	since := slices.DeleteFunc(slices.Clone(read.Data), func(e history.HistoryEntry) bool { return e.Version <= after })
	b.Meanwhile = append(b.Meanwhile, since...)
	b.Unknown = b.Unknown || err != nil
	b.Earlier = b.Earlier || err == nil && len(since) == len(read.Data) && read.Meta.NextCursor != ""
}

func readAccounts(v *visit, shown *boardEditView) error {
	form, now, names := shown.Form.Accounts, shown.now.Accounts, shown.Names
	all := distinctIDs(now, form, shown.wanted.Accounts)
	list, err := ask(v, api.GetAccounts, parameters(map[string]string{
		"active": "true", "q": shown.Form.Find,
		"limit": strconv.Itoa(min(othersOnAPage+2+len(all)+len(shown.Along), api.MaxPageLimit)),
	}))
	if err != nil {
		return err
	}
	for _, a := range shown.Board.SubAccountIDs {
		names[a.ID] = a.Name
	}
	for _, a := range list.Data {
		names[a.ID] = a.Name
	}
	for _, id := range all {
		if names[id] == "" {
			named, err := ask(v, api.GetAccounts, url.Values{"account": {id}})
			if err == nil && len(named.Data) == 1 {
				names[id] = named.Data[0].Name
			}
		}
		linked := choice{ID: id, Name: foreign(names[id], id), Checked: slices.Contains(form, id)}
		switch before := slices.Contains(now, id); {
		case before && !linked.Checked:
			linked.Note = "will be unlinked"
		case linked.Checked && !before:
			linked.Note = "will be linked"
		case !before: // wanted
			shown.Others = append(shown.Others, linked)
			continue
		}
		shown.Linked = append(shown.Linked, linked)
	}
	slices.SortStableFunc(shown.Linked, func(a, b choice) int { return inOrder(a.Name, a.ID, b.Name, b.ID) })
	for _, a := range list.Data {
		switch {
		case a.IsAgency, a.ID == shown.ID, slices.Contains(all, a.ID):
		case slices.ContainsFunc(shown.Along, func(n history.Named) bool { return n.ID == a.ID }):
		case len(shown.Others) == othersOnAPage:
			shown.More = true
		default:
			shown.Others = append(shown.Others, choice{ID: a.ID, Name: foreign(a.Name, a.ID)})
		}
	}
	return nil
}

// peopleAround returns the people of the linked and selected clients. If the list contains a person
// whom the board does not show, it also returns the agency's staff.
func peopleAround(v *visit, shown *boardEditView) ([]directory.User, error) {
	accounts := []string{shown.ID}
	for _, a := range shown.Linked {
		if a.Name != a.ID && len(accounts) < accountsToAsk { // the directory contains it
			accounts = append(accounts, a.ID)
		}
	}
	listed := distinctIDs(shown.now.Users, shown.Form.Users, shown.wanted.Users)
	notOnBoard := func(id string) bool {
		return !slices.ContainsFunc(shown.Board.Users, func(u readmodels.DashboardUser) bool { return u.ID == id })
	}
	if slices.ContainsFunc(listed, notOnBoard) && v.me.Agency != nil {
		accounts = append(accounts, v.me.Agency.ID)
	}
	list, err := ask(v, api.GetUsers, url.Values{"account": {strings.Join(accounts, ",")}, "limit": {peopleOnAPage}})
	return list.Data, err
}

func readPeople(v *visit, shown *boardEditView) error {
	found, err := peopleAround(v, shown)
	if err != nil {
		return err
	}
	notes, accounts := map[string]string{}, map[string]string{} // of people on the list
	for _, u := range shown.Board.UsersNotShown {
		notes[u.ID] = cmp.Or(notShown[u.Reason], "not in the directory; cannot open the board")
	}
	for _, u := range shown.Board.Users {
		notes[u.ID], shown.Names[u.ID], accounts[u.ID] = u.Email, u.Name, accountName(shown.Board, u.Account)
	}
	form, listed := shown.Form.Users, distinctIDs(shown.now.Users, shown.Form.Users, shown.wanted.Users)
	var offered []string
	add := func(account, id, name, about string) {
		offered = append(offered, id)
		note, onBoard := notes[id]
		c := choice{ID: id, Checked: slices.Contains(form, id)}
		parts := []string{cmp.Or(note, about)}
		switch {
		case c.Checked && !onBoard:
			parts = append(parts, "will be added")
		case onBoard && !c.Checked:
			parts = append(parts, "will be removed")
		}
		c.Note = strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
		shown.Names[id] = cmp.Or(name, shown.Names[id])
		c.Name = foreign(shown.Names[id], id)
		shown.addPerson(account, c)
	}
	staff := ""
	if v.me.Agency != nil {
		staff = v.me.Agency.ID
	}
	for _, u := range found {
		able := u.Active || u.ResetPending
		if !slices.Contains(listed, u.ID) && (!able || u.AccountID == staff) {
			continue
		}
		note := string(u.Email)
		if !able {
			note = notShown["inactive"]
		}
		add(foreign(u.AccountName, u.AccountID), u.ID, u.Name, note)
	}
	asked := 0
	for _, id := range without(listed, offered...) { // beyond the limit of one response, or of other clients
		var u directory.User
		if accounts[id] == "" && asked < accountsToAsk {
			u, _ = ask(v, api.GetUser, url.Values{"userId": {id}}) // optional: its name
			asked++
		}
		add(foreign(cmp.Or(accounts[id], u.AccountName), "Others"), id, u.Name, string(u.Email))
	}
	shown.Offered = strings.Join(offered, " ")
	return nil
}

func (b *boardEditView) addPerson(account string, c choice) {
	at := slices.IndexFunc(b.People, func(p peopleOf) bool { return p.Account == account })
	if at < 0 {
		at = len(b.People)
		b.People = append(b.People, peopleOf{Account: account})
	}
	b.People[at].People = append(b.People[at].People, c)
}

// notShown explains the API's reasons for not showing a person who is on the list.
var notShown = map[string]string{
	"inactive": "inactive; cannot open the board", "agency_staff": "staff of your agency; can open every board",
	"other_account": "belongs to a client that is not linked",
}

func isUpTo(saved, version string) bool {
	n, err := strconv.ParseInt(saved, 10, 64)
	newest, _ := strconv.ParseInt(version, 10, 64)
	return err == nil && n > 0 && n <= newest
}
