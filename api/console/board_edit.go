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
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// boardEdit is a submitted edit of a board, together with the state that the page showed.
type boardEdit struct {
	Version  string // of the board that the page showed
	Accounts picks  // linked accounts, without the account of the board itself
	Users    picks  // on the list
	Scopes   picks
	WasOpen  bool
	Open     bool
	Find     string // search for clients to link
	Seen     string // version of the agency's stream at the preview; "": no preview yet
}

// picks are the selected ids of a list: Before when the page was rendered, After as submitted.
type picks struct{ Before, After []string }

func (p picks) added() []string { return without(p.After, p.Before...) }

func (p picks) removed() []string { return without(p.Before, p.After...) }

func (p picks) all() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(p.Before, p.After))))
}

func without(list []string, others ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(others, id) })
}

func (p picks) changed() bool { return len(p.added()) > 0 || len(p.removed()) > 0 }

func (p picks) applyTo(list []string) []string {
	out := without(slices.Concat(list, p.added()), p.removed()...)
	slices.Sort(out)
	return slices.Compact(out)
}

func readEdit(form url.Values) boardEdit {
	read := func(name string) picks { return picks{Before: form["was_"+name], After: form[name]} }
	return boardEdit{
		Version: form.Get("version"), Accounts: read("account"), Users: read("user"), Scopes: read("scope"),
		WasOpen: form.Get("was_open") != "", Open: form.Get("open") != "",
		Find: form.Get("find"), Seen: form.Get("seen"),
	}
}

type boardChange struct {
	Allow    *bool     `json:"allow_client_dashboard,omitempty"`
	Accounts *[]string `json:"sub_account_ids,omitempty"`
	Users    *[]string `json:"users,omitempty"`
	Scopes   *[]string `json:"scopes,omitempty"`
	Unlink   bool      `json:"unlink,omitempty"`
}

func (c boardChange) update() domain.UpdateDashboard {
	return domain.UpdateDashboard{
		AllowClientDashboard: c.Allow, SubAccountIDs: c.Accounts, Users: c.Users, Scopes: c.Scopes, Unlink: c.Unlink,
	}
}

var errLinkAndUnlink = domain.NewError(domain.CodeUnprocessable,
	"You selected clients to link and cleared others. "+
		"Linking and unlinking are separate changes: save one, then make the other.")

// change returns the edit without the changes to the list of people: only a preview says who is on
// the list after links have changed.
func (e boardEdit) change() (c boardChange, err error) {
	added, removed := e.Accounts.added(), e.Accounts.removed()
	switch {
	case len(added) > 0 && len(removed) > 0:
		return c, errLinkAndUnlink
	case len(added) > 0:
		c.Accounts = &added
	case len(removed) > 0:
		c.Unlink, c.Accounts = true, new(e.Accounts.applyTo(e.Accounts.Before))
	}
	if e.Open != e.WasOpen {
		c.Allow = &e.Open
	}
	if e.Scopes.changed() {
		c.Scopes = new(append([]string{}, e.Scopes.After...))
	}
	return c, nil
}

// naming replaces the index of a person or client in an error about the change by the id.
func (c boardChange) naming(err error) error {
	why, known := errors.AsType[*domain.Error](err)
	for i := 0; known && i < len(why.Fields); i++ {
		name, index, _ := strings.Cut(strings.TrimSuffix(why.Fields[i].Field, "]"), "[")
		ids := map[string]*[]string{"users": c.Users, "sub_account_ids": c.Accounts}[name]
		if at, err := strconv.Atoi(index); err == nil && ids != nil && at < len(*ids) {
			why.Fields[i].Field = name + "[" + (*ids)[at] + "]"
		}
	}
	return err
}

type boardPreviewView struct {
	directory.Account

	Edit   boardEdit
	Body   string
	Key    string // idempotency key: submitting the form twice changes the board once
	Result history.DashboardPreview
	Does   effects
}

var boardWords = map[string]fieldWords{
	"sub_account_ids": {"account", "One of these clients is not a client of your agency, or is no longer linked. " +
		"Remove it."},
	"users": {"user", "One of these people does not belong to your agency or its clients, " +
		"or belongs to a client that you unlink. Remove that person from the list."},
	"scopes": {"scope", ""},
}

func changeBoard(v *visit, client directory.Account) (view, error) {
	edit := readEdit(v.form)
	var shown view
	var err error
	switch v.form.Get("do") {
	case "save":
		shown, err = saveBoard(v, client, edit)
	case "preview":
		shown, err = previewBoard(v, client, edit)
	default: // a search for clients, or back from the preview
		return editBoard(v, client, &edit, formFaults{})
	}
	inForm := []domain.Code{
		domain.CodePreconditionFailed, domain.CodeUnprocessable, domain.CodeConflict,
		domain.CodeInvalid, domain.CodeUnavailable,
	}
	if faults, taken := faultsOf(err, boardWords); taken && slices.Contains(inForm, domain.CodeOf(err)) {
		return editBoard(v, client, &edit, faults)
	}
	return shown, err
}

// previewBoard applies the changes to the list of people after the links have changed. People whom
// a link adds then stay on the list, and people of a client that is no longer selected are not
// added.
func previewBoard(v *visit, client directory.Account, edit boardEdit) (view, error) {
	change, err := edit.change()
	if err != nil {
		return nil, err
	}
	if edit.Users.changed() {
		after, err := boardAfter(v, client.ID, edit.Version, change)
		if err != nil {
			return nil, err
		}
		list := idsOf(after.Users)
		if after.Dashboard.ID == "" {
			now, version, err := boardAt(v, client.ID)
			if err != nil {
				return nil, err
			}
			list = editOf(now, client.ID, version).Users.Before
		}
		change.Users = new(edit.Users.applyTo(list))
	}
	shown := boardPreviewView{Account: client, Edit: edit, Key: rand.Text()}
	if shown.Result, err = askPreview(v, client.ID, edit.Version, change); err != nil {
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

func askPreview(v *visit, id, version string, change boardChange) (p history.DashboardPreview, err error) {
	given := onBoard(id)
	given.Set("If-Match", tag(version))
	p, err = api.PostDashboardPreview.Call(v.r.Context(), v.deps.API, v.who, given, func(in *api.Change) {
		in.Body.Change = change.update()
	})
	return p, change.naming(err)
}

// boardAfter returns a client's board after a change, or the zero value if the change does not
// affect that board.
func boardAfter(v *visit, id, version string, change boardChange) (after history.PreviewedDashboard, err error) {
	p, err := askPreview(v, id, version, change)
	for _, d := range p.Dashboards {
		if d.Dashboard.ID == id {
			after = d
		}
	}
	return after, err
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

func saveBoard(v *visit, client directory.Account, edit boardEdit) (view, error) {
	var change boardChange
	if json.Unmarshal([]byte(v.form.Get("body")), &change) != nil {
		return nil, errForm
	}
	given := onBoard(client.ID)
	given.Set("If-Match", tag(edit.Version))
	given.Set("If-Preview", v.form.Get("preview"))
	given.Set("Idempotency-Key", v.form.Get("key"))
	saved, err := once(v, api.PutDashboard, given, func(in *api.PutInput) { in.Body.Change = change.update() })
	if open, ok := errors.AsType[*domain.Error](err); ok && open.CommandID != "" {
		open.Message = "It is not yet known whether the board was saved. " +
			"Reload this page to send the same change again. The change is not applied twice."
	}
	if err != nil {
		return nil, change.naming(err)
	}
	version := url.Values{"saved": {strconv.FormatInt(saved.Version, 10)}}
	return redirect(clientPath(client.ID, "board") + "?" + version.Encode()), nil
}
