package console

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// boardForm is the state that a board should have, and the version of the board that the form showed.
type boardForm struct {
	Version  string
	Open     bool
	Accounts []string // linked accounts, without the account of the board itself
	Users    []string // on the list
	Scopes   []string
	Offered  []string // people whom the form listed; the others on the list of a newly linked client join
	Find     string   // search for clients to link
	Seen     string   // version of the agency's stream at the preview; "": no preview yet
}

func readForm(form url.Values) boardForm {
	return boardForm{
		Version: form.Get("version"), Open: form.Get("open") != "", Accounts: form["account"], Users: form["user"],
		Scopes: form["scope"], Offered: strings.Fields(form.Get("offered")), Find: form.Get("find"), Seen: form.Get("seen"),
	}
}

// formOf returns the form of a board as it is.
func formOf(board readmodels.DashboardView, id, version string) boardForm {
	f := boardForm{Version: version, Open: board.AllowClientDashboard, Scopes: board.Scopes}
	for _, a := range board.SubAccountIDs {
		if a.ID != id {
			f.Accounts = append(f.Accounts, a.ID)
		}
	}
	for _, u := range board.Users {
		f.Users = append(f.Users, u.ID)
	}
	for _, u := range board.UsersNotShown {
		f.Users = append(f.Users, u.ID)
	}
	return f
}

// formBefore returns the form of a board as it was before a change.
func formBefore(change history.HistoryEntry) (f boardForm) {
	if was := change.Before; was != nil {
		f = boardForm{Open: was.AllowClientDashboard, Scopes: was.Scopes, Users: idsOf(was.Users)}
		f.Accounts = without(idsOf(was.SubAccountIDs), was.SubAccountID)
	}
	return f
}

// links returns the accounts that the form links with a board, and unlinks from it.
func (b boardForm) links(board boardForm) (added, removed []string) {
	return without(b.Accounts, board.Accounts...), without(board.Accounts, b.Accounts...)
}

func without(list []string, others ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(others, id) })
}

func sameIDs(a, b []string) bool { return len(without(a, b...))+len(without(b, a...)) == 0 }

// differences describes how the form differs from a board.
func (b boardForm) differences(board boardForm, named func([]string) []history.Named) *history.Differences {
	linked, unlinked := b.links(board)
	d := history.Differences{
		AccountsLinked: named(linked), AccountsUnlinked: named(unlinked),
		UsersAdded: named(without(b.Users, board.Users...)), UsersRemoved: named(without(board.Users, b.Users...)),
		ScopesAdded: without(b.Scopes, board.Scopes...), ScopesRemoved: without(board.Scopes, b.Scopes...),
	}
	if b.Open != board.Open {
		d.AllowClientDashboard = &history.Flip{Before: board.Open, After: b.Open}
	}
	if nothingDiffers(d) {
		return nil
	}
	return &d
}

var errLinkAndUnlink = domain.NewError(domain.CodeUnprocessable,
	"You selected clients to link and cleared others. "+
		"Linking and unlinking are separate changes: save one, then make the other.")

// change returns the change of a board that leads to the state of the form.
func (b boardForm) change(v *visit, id string, board boardForm) (c api.UpdateBody, err error) {
	added, removed := b.links(board)
	switch {
	case len(added) > 0 && len(removed) > 0:
		return c, errLinkAndUnlink
	case len(added) > 0:
		c.SubAccountIDs = &added
	case len(removed) > 0:
		c.Unlink, c.SubAccountIDs = new(true), new(append([]string{}, b.Accounts...))
	}
	if b.Open != board.Open {
		c.AllowClientDashboard = &b.Open
	}
	if !sameIDs(b.Scopes, board.Scopes) {
		c.Scopes = new(append([]string{}, b.Scopes...))
	}
	if !sameIDs(b.Users, board.Users) { // else the list follows the links
		var list []string
		_, list, err = b.listAfter(v, id, board, c)
		c.Users = &list
	}
	return c, err
}

// listAfter returns a client's board after a change of its links, and the list that it should have
// then: the people in the form who are not removed by the links, and those whom the links add and
// whom the form did not offer.
func (b boardForm) listAfter(
	v *visit, id string, board boardForm, change api.UpdateBody,
) (after history.PreviewedDashboard, list []string, err error) {
	linked := board.Users
	if change.SubAccountIDs != nil {
		p, err := askPreview(v, id, board.Version, change)
		if err != nil {
			return after, nil, err
		}
		if at := slices.IndexFunc(p.Dashboards, func(d history.PreviewedDashboard) bool { return d.Dashboard.ID == id }); at >= 0 {
			after = p.Dashboards[at]
			linked = idsOf(after.Users)
		}
	}
	left, joined := without(board.Users, linked...), without(linked, board.Users...)
	list = distinctIDs(without(b.Users, left...), without(joined, b.Offered...))
	return after, append([]string{}, list...), nil // never nil, which would mean no change of the list
}

// naming replaces the index of a person or client in an error about the change by the id.
func naming(c api.UpdateBody, err error) error {
	why, known := errors.AsType[*domain.Error](err)
	for i := 0; known && i < len(why.Fields); i++ {
		name, index, _ := strings.Cut(strings.TrimSuffix(why.Fields[i].Field, "]"), "[")
		ids := map[string]*[]string{"users": c.Users, "sub_account_ids": c.SubAccountIDs}[name]
		if at, err := strconv.Atoi(index); err == nil && ids != nil && at < len(*ids) {
			why.Fields[i].Field = name + "[" + (*ids)[at] + "]"
		}
	}
	return err
}

type boardPreviewView struct {
	directory.Account

	Form    boardForm
	Offered string
	Body    string
	Key     string // idempotency key: submitting the form twice changes the board once
	Result  history.DashboardPreview
	Does    effects
}

var boardWords = map[string]fieldWords{
	"sub_account_ids": {"account", "One of these clients is not a client of your agency, or is no longer linked. " +
		"Remove it."},
	"users": {"user", "One of these people does not belong to your agency or its clients, " +
		"or belongs to a client that you unlink. Remove that person from the list."},
	"scopes": {"scope", ""},
}

func changeBoard(v *visit, client directory.Account) (view, error) {
	form := readForm(v.form)
	var shown view
	var err error
	switch v.form.Get("do") {
	case "save":
		shown, err = saveBoard(v, client, form)
	case "preview":
		shown, err = previewBoard(v, client, form)
	default: // a search for clients, or back from the preview
		return editBoard(v, client, &form, formFaults{})
	}
	inForm := []domain.Code{
		domain.CodePreconditionFailed, domain.CodeUnprocessable, domain.CodeConflict,
		domain.CodeInvalid, domain.CodeUnavailable,
	}
	if faults, taken := faultsOf(err, boardWords); taken && slices.Contains(inForm, domain.CodeOf(err)) {
		return editBoard(v, client, &form, faults)
	}
	return shown, err
}

func previewBoard(v *visit, client directory.Account, form boardForm) (view, error) {
	board, version, err := boardAt(v, client.ID)
	if err != nil {
		return nil, err
	}
	if version != form.Version {
		return editBoard(v, client, &form, formFaults{})
	}
	change, err := form.change(v, client.ID, formOf(board, client.ID, version))
	if err != nil {
		return nil, err
	}
	shown := boardPreviewView{Account: client, Form: form, Offered: strings.Join(form.Offered, " "), Key: rand.Text()}
	if shown.Result, err = askPreview(v, client.ID, form.Version, change); err != nil {
		return nil, err
	}
	shown.Does = effectsOfPreview(shown.Result.Access)
	slices.SortStableFunc(shown.Result.Dashboards, func(a, b history.PreviewedDashboard) int {
		return byName(a.Dashboard, b.Dashboard)
	})
	body, err := json.Marshal(change)
	shown.Body = string(body)
	return shown, err
}

func idsOf(list []history.Named) (all []string) {
	for _, n := range list {
		all = append(all, n.ID)
	}
	return all
}

func askPreview(v *visit, id, version string, change api.UpdateBody) (p history.DashboardPreview, err error) {
	given := onBoard(id)
	given.Set("If-Match", tag(version))
	p, err = api.PostDashboardPreview.Call(v.r.Context(), v.deps.API, v.who, given, func(in *api.Change) { in.Body = change })
	return p, naming(change, err)
}

func onBoard(id string) url.Values { return url.Values{"sub_account_id": {id}} }

// tag returns an If-Match header for a version. If version is empty, the header matches any
// existing board.
func tag(version string) string {
	if version == "" {
		return "*"
	}
	return `"` + version + `"`
}

// saveBoard sends the change of the preview. Sending the form twice sends the same change twice, with
// its key, even if the board has changed because of it.
func saveBoard(v *visit, client directory.Account, form boardForm) (view, error) {
	var change api.UpdateBody
	if json.Unmarshal([]byte(v.form.Get("body")), &change) != nil {
		return nil, errForm
	}
	given := onBoard(client.ID)
	given.Set("If-Match", tag(form.Version))
	given.Set("If-Preview", v.form.Get("preview"))
	given.Set("Idempotency-Key", v.form.Get("key"))
	saved, err := once(v, api.PutDashboard, given, func(in *api.PutInput) { in.Body = change })
	if open, ok := errors.AsType[*domain.Error](err); ok && open.CommandID != "" {
		open.Message = "It is not yet known whether the board was saved. " +
			"Reload this page to send the same change again. The change is not applied twice."
	}
	if err != nil {
		return nil, naming(change, err)
	}
	version := url.Values{"saved": {strconv.FormatInt(saved.Version, 10)}}
	return redirect(clientPath(client.ID, "board") + "?" + version.Encode()), nil
}
