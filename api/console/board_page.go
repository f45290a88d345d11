package console

import (
	"cmp"
	"fmt"
	"hash/fnv"
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
	Stale     bool                   // the board has changed since the page was opened
	Meanwhile []history.HistoryEntry // changes since then, newest first
	Unknown   bool                   // changes could not be read
	Earlier   bool                   // there were more changes, before Meanwhile
	Edit      boardEdit
	Names     map[string]string // of clients and people, by id

	Linked []choice        // linked clients, and those selected to be linked
	Along  []history.Named // clients that the selected ones are linked with
	Others []choice
	More   bool
	People []peopleOf
	Scopes []choice
}

// Choices returns a field name that depends on the version of the board and on the checkboxes of
// the form. If a visitor goes back to a form, browsers restore checkboxes by position if the form's
// action and first field names are the same. The first field name must therefore change whenever
// the checkboxes do.
func (v boardEditView) Choices() string {
	boxes := fnv.New64a()
	_, _ = fmt.Fprintln(boxes, v.Edit.Version)
	groups := [][]choice{v.Linked, v.Others, v.Scopes}
	for _, of := range v.People {
		groups = append(groups, of.People)
	}
	for _, box := range slices.Concat(groups...) {
		_, _ = fmt.Fprintln(boxes, box.ID)
	}
	return "choices-" + strconv.FormatUint(boxes.Sum64(), 36)
}

type choice struct {
	ID, Name, Note string
	Before, After  bool // checked when the page was rendered; checked as submitted
}

type peopleOf struct {
	Account string
	People  []choice
}

func clientBoard(v *visit, client directory.Account) (view, error) {
	return editBoard(v, client, nil, formFaults{})
}

// editBoard shows the form of a board with a submitted edit, or without one if edit is nil. If
// others have changed the board in the meantime, it keeps the edit and shows their changes. Faults
// are the errors of the edit.
func editBoard(v *visit, client directory.Account, edit *boardEdit, faults formFaults) (view, error) {
	board, version, err := boardAt(v, client.ID)
	if err != nil {
		return nil, err
	}
	saved := v.r.URL.Query().Get("saved")
	shown := boardEditView{
		Account: client, Board: board, Saved: edit == nil && isUpTo(saved, version),
		Edit: editOf(board, client.ID, version), Names: map[string]string{},
	}
	if shown.Newest = shown.Saved && saved == version; shown.Newest {
		shown.Does = effectsOfSaved(v, board.UpdatedAt)
	}
	if edit != nil {
		if shown.Stale = edit.Version != version; shown.Stale {
			addChangesSince(v, &shown, client.ID, edit.Version)
		} else if shown.Faults = faults; faults.Said != "" { // another board may have been changed since the preview
			for _, id := range edit.Accounts.all() {
				addChangesSince(v, &shown, id, edit.Seen)
			}
		}
		shown.Edit = applyEdit(v, &shown, *edit, shown.Edit)
	}
	shown.Scopes = scopeChoices(shown.Edit.Scopes)
	if err := readAccounts(v, &shown); err != nil {
		return nil, err
	}
	err = readPeople(v, &shown)
	return shown, err
}

// applyEdit applies an edit to a board, notes the clients that new links add, and selects the people
// that they add.
func applyEdit(v *visit, shown *boardEditView, edit, board boardEdit) boardEdit {
	next := edit.applyTo(board)
	links := next.Accounts.added()
	if len(links) == 0 {
		return next
	}
	after, _ := boardAfter(v, shown.ID, board.Version, boardChange{Accounts: &links}) // the preview reports errors
	for _, n := range slices.Concat(after.SubAccountIDs, after.Users) {
		if n.Name != nil {
			shown.Names[n.ID] = *n.Name
		}
	}
	// Before includes the people whom the links add, so that people whom the visitor has cleared
	// are not added.
	board.Users.Before = append(board.Users.Before, without(idsOf(after.Users), board.Users.Before...)...)
	next = edit.applyTo(board)
	shown.Along = slices.DeleteFunc(after.SubAccountIDs, func(n history.Named) bool {
		return n.ID == shown.ID || slices.Contains(next.Accounts.all(), n.ID)
	})
	return next
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

// editOf returns an edit that changes nothing.
func editOf(board readmodels.DashboardView, id, version string) boardEdit {
	same := func(list []string) picks { return picks{Before: list, After: list} }
	var accounts, users []string
	for _, a := range board.SubAccountIDs {
		if a.ID != id {
			accounts = append(accounts, a.ID)
		}
	}
	for _, u := range board.Users {
		users = append(users, u.ID)
	}
	for _, u := range board.UsersNotShown {
		users = append(users, u.ID)
	}
	return boardEdit{
		Version: version, Accounts: same(accounts), Users: same(users), Scopes: same(board.Scopes),
		WasOpen: board.AllowClientDashboard, Open: board.AllowClientDashboard,
	}
}

// applyTo applies the same changes to the current board.
func (e boardEdit) applyTo(now boardEdit) boardEdit {
	now.Accounts.After = e.Accounts.applyTo(now.Accounts.Before)
	now.Users.After = e.Users.applyTo(now.Users.Before)
	now.Scopes.After = e.Scopes.applyTo(now.Scopes.Before)
	if e.Open != e.WasOpen {
		now.Open = e.Open
	}
	now.Find = e.Find
	return now
}

// addChangesSince adds the changes to a board after a version, or notes that they are unknown or that
// earlier ones are not shown.
func addChangesSince(v *visit, s *boardEditView, id, version string) {
	after, err := strconv.ParseInt(version, 10, 64)
	var read api.Result[[]history.HistoryEntry, history.EntriesMeta]
	if err == nil {
		read, err = ask(v, api.GetDashboardHistory, url.Values{
			"sub_account_id": {id}, "order": {"desc"}, "limit": {changesToExplain},
		})
	}
	since := slices.DeleteFunc(slices.Clone(read.Data), func(e history.HistoryEntry) bool { return e.Version <= after })
	s.Meanwhile = append(s.Meanwhile, since...)
	s.Unknown = s.Unknown || err != nil
	s.Earlier = s.Earlier || err == nil && len(since) == len(read.Data) && read.Meta.NextCursor != ""
}

func readAccounts(v *visit, shown *boardEditView) error {
	edit, names := shown.Edit.Accounts, shown.Names
	asked := parameters(map[string]string{
		"active": "true", "q": shown.Edit.Find,
		"limit": strconv.Itoa(min(othersOnAPage+2+len(edit.all())+len(shown.Along), api.MaxPageLimit)),
	})
	list, err := ask(v, api.GetAccounts, asked)
	if err != nil {
		return err
	}
	found := list.Data
	for _, a := range shown.Board.SubAccountIDs {
		names[a.ID] = a.Name
	}
	for _, a := range found {
		names[a.ID] = a.Name
	}
	for _, id := range edit.all() {
		if names[id] == "" {
			named, err := ask(v, api.GetAccounts, url.Values{"account": {id}})
			if err == nil && len(named.Data) == 1 {
				names[id] = named.Data[0].Name
			}
		}
		linked := choice{
			ID: id, Name: foreign(names[id], id),
			Before: slices.Contains(edit.Before, id), After: slices.Contains(edit.After, id),
		}
		switch {
		case !linked.After:
			linked.Note = "will be unlinked"
		case !linked.Before:
			linked.Note = "will be linked"
		}
		shown.Linked = append(shown.Linked, linked)
	}
	slices.SortStableFunc(shown.Linked, func(a, b choice) int { return inOrder(a.Name, a.ID, b.Name, b.ID) })
	for _, a := range found {
		switch {
		case a.IsAgency, a.ID == shown.ID, slices.Contains(edit.Before, a.ID), slices.Contains(edit.After, a.ID):
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
	notOnBoard := func(id string) bool {
		return !slices.ContainsFunc(shown.Board.Users, func(u readmodels.DashboardUser) bool { return u.ID == id })
	}
	if slices.ContainsFunc(shown.Edit.Users.all(), notOnBoard) && v.me.Agency != nil {
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
	notes := map[string]string{} // for people on the list
	for _, u := range shown.Board.UsersNotShown {
		notes[u.ID] = cmp.Or(notShown[u.Reason], "not in the directory; cannot open the board")
	}
	for _, u := range shown.Board.Users {
		notes[u.ID], shown.Names[u.ID] = u.Email, u.Name
	}
	staff := ""
	if v.me.Agency != nil {
		staff = v.me.Agency.ID
	}
	edit, added := shown.Edit.Users, map[string]bool{}
	pick := func(id, name, about string) choice {
		added[id] = true
		note, listed := notes[id]
		parts, selected := []string{cmp.Or(note, about)}, slices.Contains(edit.After, id)
		switch {
		case selected && !listed:
			parts = append(parts, "will be added")
		case listed && !selected:
			parts = append(parts, "will be removed")
		}
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
		return choice{
			ID: id, Name: foreign(name, foreign(shown.Names[id], id)), Note: strings.Join(parts, ", "),
			Before: slices.Contains(edit.Before, id), After: selected,
		}
	}
	for _, u := range found {
		listed := slices.Contains(edit.Before, u.ID) || slices.Contains(edit.After, u.ID)
		if !listed && (!u.Active && !u.ResetPending || u.AccountID == staff) {
			continue
		}
		note := string(u.Email)
		if !u.Active && !u.ResetPending {
			note = notShown["inactive"]
		}
		addChoice(shown, foreign(u.AccountName, u.AccountID), pick(u.ID, u.Name, note))
	}
	lookups := 0
	for _, id := range slices.Concat(edit.Before, edit.After) { // of other clients, or beyond the limit of one response
		if added[id] {
			continue
		}
		var u directory.User
		if lookups++; lookups <= accountsToAsk {
			u, _ = ask(v, api.GetUser, url.Values{"userId": {id}}) // optional: its name
		}
		addChoice(shown, foreign(u.AccountName, "Others"), pick(id, u.Name, string(u.Email)))
	}
	return nil
}

func addChoice(b *boardEditView, account string, c choice) {
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
