package console

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// boardEdit is what somebody changes on the page of a board, beside what that page showed.
type boardEdit struct {
	Version  string // of the board that was shown
	Accounts picks  // linked, without the board's own
	Users    picks  // on the list
	Scopes   picks
	WasOpen  bool
	Open     bool
	Find     string // clients to link that were searched for
	Seen     string // version of the agency's stream that the preview showed; "": there was none
}

// picks are the boxes of a list: which were ticked when the page was made, and which are now.
type picks struct{ Was, Now []string }

func (p picks) added() []string { return without(p.Now, p.Was...) }

func (p picks) removed() []string { return without(p.Was, p.Now...) }

// without are the entries of a list that are not among others.
func without(list []string, others ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(others, id) })
}

func (p picks) changed() bool { return len(p.added()) > 0 || len(p.removed()) > 0 }

// over makes the same changes to another list.
func (p picks) over(list []string) []string {
	out := without(slices.Concat(list, p.added()), p.removed()...)
	slices.Sort(out)
	return slices.Compact(out)
}

// readEdit reads the form of the page, or of its preview.
func readEdit(form url.Values) boardEdit {
	read := func(name string) picks { return picks{Was: form["was_"+name], Now: form[name]} }
	return boardEdit{
		Version: form.Get("version"), Accounts: read("account"), Users: read("user"), Scopes: read("scope"),
		WasOpen: form.Get("was_open") != "", Open: form.Get("open") != "", Find: form.Get("find"), Seen: form.Get("seen"),
	}
}

// boardChange is the body with which the API is asked.
type boardChange struct {
	Allow    *bool     `json:"allow_client_dashboard,omitempty"`
	Accounts *[]string `json:"sub_account_ids,omitempty"`
	Users    *[]string `json:"users,omitempty"`
	Scopes   *[]string `json:"scopes,omitempty"`
	Unlink   bool      `json:"unlink,omitempty"`
}

var errLinkAndUnlink = domain.NewError(domain.CodeUnprocessable,
	"You ticked clients to link and unticked others. These are two changes: save one of them, then make the other.")

const savedMaybe = "It is not known yet whether the board was saved. Reload this page to send the same change again: it is not made twice."

// change is what the edit asks for, without people: who is on the list after links have changed only a preview says.
func (e boardEdit) change() (c boardChange, err error) {
	added, removed := e.Accounts.added(), e.Accounts.removed()
	switch {
	case len(added) > 0 && len(removed) > 0:
		return c, errLinkAndUnlink
	case len(added) > 0:
		c.Accounts = &added
	case len(removed) > 0:
		c.Unlink, c.Accounts = true, new(e.Accounts.over(e.Accounts.Was))
	}
	if e.Open != e.WasOpen {
		c.Allow = &e.Open
	}
	if e.Scopes.changed() {
		c.Scopes = new(append([]string{}, e.Scopes.Now...))
	}
	return c, nil
}

// boardPreviewView says what a change does before it is done.
type boardPreviewView struct {
	Name   string
	ID     string
	Edit   boardEdit
	Body   string // of the request that does it
	Key    string // has a form that is sent twice do it once
	Result readmodels.DashboardPreview
	Does   effects
}

// boardWords are the lists of the page.
var boardWords = map[string]fieldWords{
	"sub_account_ids": {"account", "One of these clients is not a client of your agency, or is not linked any more. Take it out."},
	"users":           {"user", "One of these people is not of your agency or its clients, or belongs to a client that you unlink. Take that person off the list."},
	"scopes":          {"scope", ""},
}

// changeBoard does what a button of the board's page, or of its preview, asks for.
func changeBoard(v *visit, client readmodels.Account) (view, error) {
	var err error
	edit := readEdit(v.form)
	var shown view
	switch v.form.Get("do") {
	case "save":
		shown, err = saveBoard(v, client, edit)
	case "preview":
		shown, err = previewBoard(v, client, edit)
	default: // clients were searched for, or somebody came back from the preview
		return editBoard(v, client, &edit, formFaults{})
	}
	why, told := errors.AsType[*domain.Error](err)
	if told && why.Code == domain.CodeUnavailable && why.CommandID == "" { // nothing was changed
		return editBoard(v, client, &edit, formFaults{Said: why.Message})
	}
	if told && slices.Contains([]domain.Code{
		domain.CodePreconditionFailed, domain.CodeUnprocessable, domain.CodeConflict, domain.CodeInvalid,
	}, why.Code) {
		faults, _ := faultsOf(err, boardWords)
		return editBoard(v, client, &edit, faults)
	}
	return shown, err
}

// previewBoard asks what the edit would do. What it does to people is said on top of what links do to them, so that people whom a link brings along
// stays.
func previewBoard(v *visit, client readmodels.Account, edit boardEdit) (view, error) {
	change, err := edit.change()
	if err != nil {
		return nil, err
	}
	if edit.Users.changed() {
		after, err := boardAfter(v, client.ID, edit.Version, change)
		if err != nil {
			return nil, err
		}
		list := edit.Users.Was
		if after.Dashboard.ID != "" {
			list = idsOf(after.Users)
		}
		change.Users = new(edit.Users.over(list))
	}
	shown := boardPreviewView{Name: client.Name, ID: client.ID, Edit: edit, Key: rand.Text()}
	if shown.Result, err = askPreview(v, client.ID, edit.Version, change); err != nil {
		return nil, err
	}
	shown.Does = effectsOfPreview(shown.Result.Access)
	slices.SortStableFunc(shown.Result.Dashboards, func(a, b readmodels.PreviewedDashboard) int { return byName(a.Dashboard, b.Dashboard) })
	body, err := json.Marshal(change)
	shown.Body = string(body)
	return shown, err
}

func idsOf(list []readmodels.Named) (all []string) {
	for _, n := range list {
		all = append(all, n.ID)
	}
	return all
}

func askPreview(v *visit, id, version string, change boardChange) (p readmodels.DashboardPreview, err error) {
	got, err := v.send(http.MethodPost, boardAPI(id)+"/preview", change, map[string]string{"If-Match": tag(version)})
	if err != nil {
		return p, err
	}
	return p, got.read(&p, nil)
}

// boardAfter is a client's board as a change would leave it; without an id if it stays as it is.
func boardAfter(v *visit, id, version string, change boardChange) (after readmodels.PreviewedDashboard, err error) {
	p, err := askPreview(v, id, version, change)
	for _, d := range p.Dashboards {
		if d.Dashboard.ID == id {
			after = d
		}
	}
	return after, err
}

func boardAPI(id string) string { return "/api/projects/dashboard/" + url.PathEscape(id) }

// versionOf is the version of a board that an answer holds.
func versionOf(header http.Header) string { return strings.Trim(header.Get("ETag"), `"`) }

// tag is a version as If-Match takes it. A form without one asks for any board that there is.
func tag(version string) string {
	if version == "" {
		return "*"
	}
	return `"` + version + `"`
}

// saveBoard does what the preview showed, or nothing.
func saveBoard(v *visit, client readmodels.Account, edit boardEdit) (view, error) {
	body := json.RawMessage(v.form.Get("body"))
	if !json.Valid(body) {
		return nil, errForm
	}
	saved, err := v.send(http.MethodPut, boardAPI(client.ID), body, map[string]string{
		"If-Match": tag(edit.Version), "If-Preview": v.form.Get("preview"), "Idempotency-Key": v.form.Get("key"),
	})
	if open, is := errors.AsType[*domain.Error](err); is && open.CommandID != "" {
		open.Message = savedMaybe
	}
	if err != nil {
		return nil, err
	}
	return redirect(clientPath(client.ID, "board") + "?" + url.Values{"saved": {versionOf(saved.header)}}.Encode()), nil
}
