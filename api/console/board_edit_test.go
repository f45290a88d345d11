package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	mill  = "b00000000000000000000002"
	yard  = "b00000000000000000000003"
	jonas = "d0000000000000000000000a"
	edda  = "d0000000000000000000000b"
	edits = "/console/clients/" + bakery + "/board"
)

// newBoards has the bakery's board, whose list contains Clara and Alice, who is staff; a mill with
// Jonas, and a yard with Edda.
func newBoards(t *testing.T, change ...func(*api.Deps)) (*real, *browser) {
	t.Helper()
	r := newReal(t, change...)
	r.log.Put(t,
		domain.DirectoryAccount{ID: yard, RowID: 13, ParentAccount: agency, Name: "Brick Yard", Active: true},
		domain.DirectoryUser{ID: clara, AccountID: bakery, Name: "Clara Holm", Email: "clara@bakery.example.com", Active: true},
		domain.DirectoryUser{ID: jonas, AccountID: mill, Name: "Jonas Weber", Email: "jonas@mill.example.com", Active: true},
		domain.DirectoryUser{ID: edda, AccountID: yard, Name: "Edda Quill", Active: true})
	r.share(t, bakery, []string{bakery}, clara, alice)
	return r, r.signedIn("agency")
}

// boardOf returns a board as the agency sees it.
func (r *real) boardOf(client string) readmodels.DashboardView {
	r.t.Helper()
	shown, err := r.log.Queries().Dashboard(r.t.Context(), readmodels.DashboardRequest{ParentAccount: agency, SubAccount: client})
	require.NoError(r.t, err)
	return shown
}

// onList are the people on a board's list.
func (r *real) onList(client string) (ids []string) {
	of := r.boardOf(client)
	for _, u := range of.Users {
		ids = append(ids, u.ID)
	}
	for _, u := range of.UsersNotShown {
		ids = append(ids, u.ID)
	}
	return ids
}

// form returns what the bakery's form would submit to a button.
func (b *browser) form(do string) url.Values {
	b.t.Helper()
	form := fields(b.t, b.get(edits).says(http.StatusOK).Body.String())
	form.Set("do", do)
	return form
}

// fields returns what the form of a page would submit, without its buttons.
func fields(t *testing.T, body string) url.Values {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	form := url.Values{}
	for n := range root.Descendants() {
		if n.Data != "input" {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		if _, ticked := attr["checked"]; ticked || attr["type"] != "checkbox" {
			form.Add(attr["name"], attr["value"])
		}
	}
	return form
}

// saving returns what Save on the preview of a form submits.
func (b *browser) saving(form url.Values, words ...string) url.Values {
	b.t.Helper()
	form.Set("do", "preview")
	saving := fields(b.t, b.post(edits, form).says(http.StatusOK, words...).Body.String())
	saving.Set("do", "save")
	return saving
}

// The preview of a link shows who gains and who loses access. Saving is bound to the preview.
func TestBoardSaveIsBoundToPreview(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.share(t, mill, []string{mill}, jonas)
	b.get(edits).says(http.StatusOK, "Harbour Bakery is not linked with any client", "Old Mill", "Clara Holm", "staff of your agency; can open every board", "Preview changes").
		lacks("North</label>", "Other client") // neither the agency nor a client of another one can be linked
	form := b.form("preview")
	require.ElementsMatch(t, []string{clara, alice}, form["user"], "people who are not shown to clients stay on the list, too")
	b.post(edits, form).says(http.StatusOK, "This changes nothing").lacks(`value="save"`)

	form.Add("account", mill)
	preview := b.post(edits, form).says(http.StatusOK, "No one loses access.", "2 people gain access:", "Linked with", "Old Mill")
	requireInOrder(t, preview.Body.String(), "Clara Holm now sees Old Mill.", "Jonas Weber now sees Harbour Bakery.")
	require.ElementsMatch(t, []string{clara, alice}, r.onList(bakery), "a preview changes nothing")
	saving := b.saving(form)
	saved := b.post(edits, saving).Header().Get("Location")
	require.Regexp(t, `^`+edits+`\?saved=\d+$`, saved)
	require.ElementsMatch(t, []string{clara, alice, jonas}, r.onList(mill))
	records := len(r.log.Records(domain.TopicDashboards))
	b.post(edits, saving).leadsTo(saved)
	require.Len(t, r.log.Records(domain.TopicDashboards), records, "the form changes the board once")

	b.get(saved).says(http.StatusOK, `<p class="good" role="status">Saved <time`, "The history records who changed it.")
	b.post(edits, b.saving(url.Values{"version": form["version"]}, "This board was changed while you were editing it."))
	r.share(t, bakery, []string{bakery, mill}, clara)
	b.get(saved).says(http.StatusOK, "Your change was saved. The board has been changed again since then.")
	for _, never := range []string{"99", "abc", ""} {
		require.NotContains(t, b.get(edits+"?saved="+never).Body.String(), "Your change was saved", never)
	}
}

// lost is a service that does not know whether a change was recorded.
type lost struct{ api.DashboardCommands }

func (lost) Update(context.Context, commands.UpdateDashboard) (r commands.Result, err error) {
	open := domain.NewError(domain.CodeUnavailable, "Repeat the request.")
	open.CommandID = "K"
	return r, open
}

// A form in which nobody is selected empties the list.
func TestFormWithoutUsersEmptiesList(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	form := b.form("preview")
	form.Del("user")
	require.Contains(t, b.post(edits, b.saving(form, "Clara Holm")).Header().Get("Location"), "saved=")
	require.Empty(t, r.onList(bakery))
}

func TestUnknownSaveOutcomeAsksToSendAgain(t *testing.T) {
	t.Parallel()
	_, b := newBoards(t, func(d *api.Deps) { d.DashboardCommands = lost{d.DashboardCommands} })
	form := b.form("preview")
	form.Add("account", mill)
	b.post(edits, b.saving(form)).says(http.StatusServiceUnavailable, "send the same change again. The change is not applied twice")
}

// Linking can remove a scope from others: the preview, the page after saving and the history show
// it.
func TestLinkPreviewShowsScopesThatPeopleLose(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	const hugo = "d0000000000000000000000c"
	r.log.Put(t, domain.DirectoryUser{ID: hugo, AccountID: mill, Name: "Hugo Brandt", Active: true})
	r.share(t, mill, []string{mill}, jonas, hugo)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Scopes: &[]string{"connect", "reports"}})
	form := b.form("preview")
	form.Add("account", mill)
	saving := b.saving(form, "2 people will no longer see Figures:", "Hugo Brandt, on Old Mill", "Jonas Weber, on Old Mill",
		"2 people with earlier access will be able to connect pages and profiles of their own business:</strong></p>\n<ul><li>Hugo Brandt</li>",
		"2 people with earlier access will be able to see Reports:")
	saving["user"] = nil // the preview counts, not the rest of the form
	saved := b.post(edits, saving).Header().Get("Location")
	for _, at := range []string{saved, "/console/history"} {
		b.get(at).says(http.StatusOK, "2 people can no longer see Figures:", "Jonas Weber, on Old Mill")
	}
	// A search may find only some boards of a change, but all of them have its actor and type.
	b.get("/console/history?q=user:"+jonas).says(http.StatusOK, "2 people can no longer see Figures on these boards:")
	for _, q := range []string{"alice", "actor:" + alice, "action:accounts_linked"} {
		b.get("/console/history?q="+q).says(http.StatusOK, "2 people can no longer see Figures:")
	}
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Users: &[]string{jonas}})
	b.get("/console/history").says(http.StatusOK, "2 people lost access:", "Clara Holm no longer sees Harbour Bakery, Old Mill.")
	require.NotContains(t, b.get(saved).Body.String(), "can no longer", "someone else has changed it since")
}

// Changes to the list apply to the list after linking: people whom the form did not offer join.
func TestListChangesApplyAfterLinks(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.share(t, mill, []string{mill}, jonas)
	form := b.form("preview")
	form.Add("account", mill)
	form["user"] = []string{alice} // Clara is removed
	saving := b.saving(form, "1 person loses access", "Clara Holm no longer sees Harbour Bakery", "are notified: Clara Holm.", "Jonas Weber now sees Harbour Bakery")
	b.post(edits, saving)
	require.ElementsMatch(t, []string{alice, jonas}, r.onList(bakery))

	form = b.form("preview")
	form["account"], form["user"] = nil, []string{alice, jonas, clara}
	b.post(edits, b.saving(form, "No longer linked with", "Clara Holm now sees Harbour Bakery"))
	require.ElementsMatch(t, []string{alice, clara}, r.onList(bakery), "a person of a client that is unlinked leaves")
}

// Back from the preview, people added by a link are selected. The preview adds them unless they are
// cleared.
func TestPeopleAddedByLinkStaySelectedAfterPreview(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.share(t, mill, []string{mill, yard}, jonas, edda)
	form := b.form("back")
	form.Add("account", mill)
	page := b.post(edits, form).says(http.StatusOK, "Edda Quill <span class=\"quiet\">will be added", "Jonas Weber <span class=\"quiet\">jonas@mill.example.com, will be added",
		"because a selected client is linked with them: Brick Yard.", "Old Mill <span class=\"quiet\">will be linked")
	again := fields(t, page.Body.String())
	require.Equal(t, []string{mill}, again["account"], "only what was selected is submitted again")
	require.ElementsMatch(t, []string{alice, clara, jonas, edda}, again["user"])
	again["user"] = []string{alice, jonas}
	again.Set("do", "back")
	b.post(edits, again).says(http.StatusOK, "clara@bakery.example.com, will be removed")
	b.post(edits, b.saving(again, "Clara Holm no longer sees Harbour Bakery", "Edda Quill no longer sees Brick Yard"))
	require.ElementsMatch(t, []string{alice, jonas}, r.onList(bakery), "Edda was cleared")

	// A change that links and unlinks is refused, but shown in full.
	const quay = "b00000000000000000000004"
	r.log.Put(t, domain.DirectoryAccount{ID: quay, RowID: 14, ParentAccount: agency, Name: "Quay", Active: true})
	form = b.form("preview")
	form["account"] = []string{mill, quay}
	page = b.post(edits, form).says(http.StatusOK, "Linking and unlinking are separate changes", "Brick Yard <span class=\"quiet\">will be unlinked", "Quay <span class=\"quiet\">will be linked")
	require.ElementsMatch(t, []string{mill, quay}, fields(t, page.Body.String())["account"])
}

// If two managers edit a board at the same time, the second one sees the board as the first left it,
// what the first changed, and what they wanted themselves.
func TestConcurrentEditShowsTheOtherChange(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	form := b.form("preview")
	form.Add("account", mill)
	form["user"] = []string{alice}
	saving := b.saving(form)

	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Users: &[]string{alice, clara, edda}})
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	for _, sent := range []url.Values{form, saving} {
		page := b.post(edits, sent).says(http.StatusOK, "This board was changed while you were editing it.", "by Alice", "<ins>Added to the list</ins> Edda Quill",
			"<del>Closed to its clients</del>", "You wanted:</strong>", "<ins>Linked with</ins> Old Mill", "<del>Removed from the list</del> Clara Holm").
			lacks("<del>Removed from the list</del> Edda", "Opened to its clients") // these the visitor has not touched
		now := fields(t, page.Body.String())
		require.ElementsMatch(t, []string{alice, clara, edda}, now["user"], "the board as it is")
		require.Empty(t, now["account"])
		require.Empty(t, now["open"])
		_, offered, _ := strings.Cut(page.Body.String(), "Clients to link with")
		require.Contains(t, offered, `value="`+mill+`"`, "what was wanted is offered")
	}
	require.NotContains(t, r.onList(bakery), jonas)
	now := b.form("preview")
	now.Add("account", mill)
	require.Equal(t, http.StatusSeeOther, b.post(edits, b.saving(now)).Code)
}

// While the history cannot be read, the conflict is shown all the same.
func TestConflictIsShownWhileHistoryIsUnavailable(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t, func(d *api.Deps) { d.Audit = nil })
	form := b.form("preview")
	form["user"] = []string{alice}
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, AllowClientDashboard: new(false)})
	b.post(edits, form).says(http.StatusOK, "This board was changed while you were editing it.", "What was changed cannot be shown right now.",
		"Compared with the board now, you wanted:", "Opened to its clients", "Clara Holm")
}

// If a change of another board makes the preview outdated, the page shows that change.
func TestOutdatedPreviewShowsChangeOfOtherBoard(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.share(t, mill, []string{mill}, jonas)
	form := b.form("preview")
	form.Add("account", mill)
	saving := b.saving(form)
	r.log.Put(t, domain.DirectoryUser{ID: edda, AccountID: yard, Name: "Edda Quill"})
	r.change(t, agency, domain.UpdateDashboard{Primary: mill, Users: &[]string{jonas, edda}})
	page := b.post(edits, saving).says(http.StatusOK, "Preview the change again.", "by Alice", ", on Old Mill:", "<ins>Added to the list</ins> Edda Quill")
	require.Equal(t, []string{mill}, fields(t, page.Body.String())["account"], "what was entered stays")
	require.Equal(t, 1, strings.Count(page.Body.String(), "Added to the list"), "the preview showed the others")
}

// A colleague on the list is shown under the agency, and a person of a client that is not linked
// under that client.
func TestUnlinkedPeopleOnListAreNamedByAccount(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	r.change(t, agency, domain.UpdateDashboard{Primary: bakery, Users: &[]string{alice, clara, jonas}})
	b.get(edits).says(http.StatusOK, "<h3>North</h3>", "Alice", "<h3>Old Mill</h3>", "Jonas Weber <span class=\"quiet\">belongs to a client that is not linked").
		lacks("<h3>Others</h3>", "Adam Nowak") // who is not on the list
}

// The page shows the API's refusal and keeps the input.
func TestRefusedBoardChangeKeepsInput(t *testing.T) {
	t.Parallel()
	r, b := newBoards(t)
	form := b.form("preview")
	form.Add("account", otherClient)
	page := b.post(edits, form).says(http.StatusOK, "Linked clients</legend><strong class=\"fault\">One of these clients is not a client of your agency", "Your changes are shown below",
		"will be linked</span><strong class=\"fault\">Is not a sub-account of your agency.").lacks("Other client")
	require.Equal(t, []string{otherClient}, fields(t, page.Body.String())["account"])

	form = b.form("preview")
	form.Add("user", otherUser)
	b.post(edits, form).says(http.StatusOK, "list</legend><strong class=\"fault\">One of these people", "will be added</span><strong class=\"fault\">Is not a user of your agency or of one of its accounts.")

	form = b.form("preview")
	form.Add("account", mill)
	saving := b.saving(form)
	r.log.Fail(domain.NotAppendedError{})
	page = b.post(edits, saving).says(http.StatusOK, "The log does not accept changes right now.", "Your changes are shown below")
	require.Equal(t, []string{mill}, fields(t, page.Body.String())["account"])
	r.log.Fail(nil)
	require.Equal(t, http.StatusSeeOther, b.post(edits, saving).Code)
	require.True(t, slices.ContainsFunc(r.boardOf(bakery).SubAccountIDs, func(a readmodels.LinkedAccount) bool { return a.ID == mill }))
}
