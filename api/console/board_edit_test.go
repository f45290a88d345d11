package console_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

const (
	mill  = "b00000000000000000000002"
	jonas = "d0000000000000000000000a"
	board = "/api/projects/dashboard/" + bakery
	edits = "/console/clients/" + bakery + "/board"
)

// boardStage is a stage with the bakery's board, whose list contains Clara, and a mill that can be
// linked.
type boardStage struct {
	*stage
	*browser

	version string
	view    readmodels.DashboardView
	bodies  []string // bodies of previews and changes, with method and conditions
	preview func(body string) history.DashboardPreview
}

func newBoardStage(t *testing.T) *boardStage {
	t.Helper()
	s := newStage(t)
	b := &boardStage{stage: s, version: "7", view: readmodels.DashboardView{
		SubAccountID: bakery, SubAccountIDs: []readmodels.LinkedAccount{{ID: bakery, Name: "Harbour Bakery"}},
		Users: []readmodels.DashboardUser{{ID: clara, Name: "Clara Holm", Account: bakery, Active: true}}, AllowClientDashboard: true,
		Scopes: []string{"analytics", "posts"}, UsersNotShown: []readmodels.UserNotShown{{ID: alice, Reason: "agency_staff"}},
	}}
	accounts := []directory.Account{{ID: agency, Name: "North Star", IsAgency: true}, {ID: bakery, Name: "Harbour Bakery", Active: true}, {ID: mill, Name: "Old Mill", Active: true}}
	s.answers["GET /api/accounts"] = func(_ api.Principal, r *http.Request) (int, any) {
		data := accounts
		if id := r.URL.Query().Get("account"); id != "" {
			data = []directory.Account{{ID: id, Name: map[string]string{bakery: "Harbour Bakery", mill: "Old Mill"}[id], Active: true}}
		}
		return http.StatusOK, map[string]any{"data": data}
	}
	s.answer("GET /api/users", []directory.User{
		{ID: clara, Name: "Clara Holm", AccountID: bakery, AccountName: "Harbour Bakery", Active: true, Email: "clara@bakery.example.com"},
		{ID: jonas, Name: "Jonas Weber", AccountID: mill, AccountName: "Old Mill", Active: true},
	}, nil)
	s.answers["GET "+board] = func(api.Principal, *http.Request) (int, any) {
		return http.StatusOK, map[string]any{"data": []readmodels.DashboardView{b.view}, "etag": `"` + b.version + `"`}
	}
	b.preview = func(string) (nothing history.DashboardPreview) { return nothing }
	note := func(r *http.Request) string {
		raw, _ := io.ReadAll(r.Body)
		b.bodies = append(b.bodies, strings.Join([]string{r.Method, r.Header.Get("If-Match"), r.Header.Get("If-Preview"), r.Header.Get("Idempotency-Key"), string(raw)}, " "))
		return string(raw)
	}
	changed := map[string]any{"code": "precondition_failed", "message": "The dashboard has changed since you read it."}
	s.answers["POST "+board+"/preview"] = func(_ api.Principal, r *http.Request) (int, any) {
		body := note(r)
		if r.Header.Get("If-Match") != `"`+b.version+`"` {
			return http.StatusPreconditionFailed, changed
		}
		return http.StatusOK, map[string]any{"data": b.preview(body)}
	}
	s.answers["PUT "+board] = func(_ api.Principal, r *http.Request) (int, any) {
		note(r)
		if r.Header.Get("If-Match") != `"`+b.version+`"` {
			return http.StatusPreconditionFailed, changed
		}
		return http.StatusOK, map[string]any{"data": map[string]any{}, "etag": `"8"`}
	}
	b.browser = s.signedIn("agency")
	return b
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

// The preview of a link shows who gains and who loses access. Saving is bound to the preview.
func TestABoardIsSavedAsPreviewed(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	page := b.get(edits).says(http.StatusOK, "Harbour Bakery is not linked with any client", "Old Mill", "Clara Holm", "Jonas Weber",
		"staff of your agency; can open every board", "Preview changes").
		lacks("North Star</label>") // an agency cannot be linked
	form := fields(t, page.Body.String())
	require.Equal(t, "7", form.Get("version"))
	require.ElementsMatch(t, []string{clara, alice}, form["user"], "people who are not shown to clients stay on the list, too")

	form.Add("account", mill)
	form.Set("do", "preview")
	b.preview = func(string) history.DashboardPreview {
		return history.DashboardPreview{
			Type: "dashboard.accounts_linked.v1", Preview: "abc", Dashboards: []history.PreviewedDashboard{{
				Dashboard: named(bakery, "Harbour Bakery"), Changes: history.Differences{AccountsLinked: []history.Named{named(mill, "Old Mill")}},
			}},
			Access: []history.PreviewedAccess{
				{User: named(clara, "Clara Holm"), Gains: []history.Named{named(mill, "Old Mill")}},
				{User: named(jonas, "Jonas Weber")},
				{User: named(alice, "Alma Roth"), Gains: []history.Named{named(mill, "Old Mill")}},
			},
		}
	}
	preview := b.post(edits, form).says(http.StatusOK, "No one loses access.", "Clara Holm now sees Old Mill.", "Whose access does not change", "Jonas Weber", "Linked with",
		"2 people gain access:")
	require.Less(t, strings.Index(preview.Body.String(), "Alma Roth now sees"), strings.Index(preview.Body.String(), "Clara Holm now sees"), "by name")
	require.Equal(t, []string{`POST "7"   {"sub_account_ids":["` + mill + `"]}`}, b.bodies, "what was not touched is not sent, so that lists unite")

	saving := fields(t, preview.Body.String())
	saving.Set("do", "save")
	b.post(edits, saving).leadsTo(edits + "?saved=8")
	key := saving.Get("key")
	require.NotEmpty(t, key)
	require.Equal(t, `PUT "7" abc `+key+` {"sub_account_ids":["`+mill+`"]}`, b.bodies[1])
	b.get(edits+"?saved=7").says(http.StatusOK, `<p class="good" role="status">Saved <time`, "The history records who changed it.")
	b.get(edits+"?saved=6").says(http.StatusOK, "Your change was saved. The board has been changed again since then.")
	for _, saved := range []string{"99", "abc", ""} {
		require.NotContains(t, b.get(edits+"?saved="+saved).Body.String(), "Your change was saved", saved)
	}
	b.answers["PUT "+board] = func(api.Principal, *http.Request) (int, any) {
		return http.StatusServiceUnavailable, map[string]any{"code": domain.CodeUnavailable, "message": "Repeat the request.", "command_id": key}
	}
	b.post(edits, saving).says(http.StatusServiceUnavailable, "send the same change again. The change is not applied twice")
	b.refuse("PUT "+board, http.StatusServiceUnavailable, domain.CodeUnavailable, "Changes are not taken now.")
	b.post(edits, saving).says(http.StatusOK, "Changes are not taken now.", "Your changes are shown below")
}

// Linking can remove a scope from others: the preview, the page after saving and the history show
// it.
func TestTheLossOfAScopeIsALoss(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	form.Set("do", "preview")
	atMill := []history.Named{named(mill, "Old Mill")}
	figures := []history.PreviewedScope{{Scope: "analytics", Accounts: atMill}}
	b.preview = func(string) history.DashboardPreview {
		return history.DashboardPreview{Type: "dashboard.accounts_linked.v1", Preview: "abc", Access: []history.PreviewedAccess{
			{User: named(clara, "Clara Holm"), GainsScopes: []history.PreviewedScope{{Scope: "connect", Accounts: atMill}, {Scope: "reports.export", Accounts: atMill}}},
			{User: named(jonas, "Jonas Weber"), LosesScopes: figures},
			{User: named(adam, "Adam Nowak"), LosesScopes: figures},
		}}
	}
	b.post(edits, form).says(http.StatusOK, "2 people will no longer see Figures:", "Adam Nowak, on Old Mill", "Jonas Weber, on Old Mill",
		"1 person with earlier access will be able to connect pages and profiles of their own business:</strong></p>\n<ul><li>Clara Holm</li>",
		"1 person with earlier access will be able to see Reports export:", "Clara Holm, on Old Mill").lacks("No one loses access", "Whose access does not change")

	entry := func(id, name string, access history.AccessEffect) history.HistoryEntry {
		return history.HistoryEntry{
			Record: history.Record{Version: 7, Time: b.now}, Dashboard: new(named(id, name)), After: &history.DashboardState{}, Access: access,
			Changes: history.Differences{ScopesRemoved: []string{"analytics"}},
		}
	}
	entries := []history.HistoryEntry{
		entry(mill, "Old Mill", history.AccessEffect{ScopesChanged: []history.Named{named(jonas, "Jonas Weber"), named(adam, "Adam Nowak")}}),
		entry(bakery, "Harbour Bakery", history.AccessEffect{
			ScopesChanged: []history.Named{named(jonas, "Jonas Weber")}, Lost: []history.Named{named(clara, "Clara Holm"), named(alice, "Alice")},
			CannotOpen: []history.Named{named(alice, "Alice")},
		}),
	}
	b.answer("GET /api/audit/history", entries, history.EntriesMeta{})
	for _, at := range []string{edits + "?saved=7", "/console/history"} {
		b.get(at).says(http.StatusOK, "2 people can no longer see Figures:", "Jonas Weber, on Harbour Bakery, Old Mill", "1 person lost access:",
			"Clara Holm no longer sees Harbour Bakery.")
	}
	changes := b.get("/console/history").says(http.StatusOK, "Not counted, because they are inactive or not in the directory today, or their client was not linked:")
	require.Regexp(t, `(?s)<h3>[^\n]*Harbour Bakery.*<h3>[^\n]*Old Mill`, changes.Body.String(), "by name, not by id")
	b.get("/console/history?q=user:jonas").says(http.StatusOK, "2 people can no longer see Figures on these boards:", "1 person lost access on these boards:")
	b.get("/console/history?q=jonas").says(http.StatusOK, "2 people can no longer see Figures on these boards:") // matches people whose access changed, and clients
	entries[0].Actor = named(alice, "Alice Reed")
	b.answer("GET /api/audit/history", entries, history.EntriesMeta{})
	for _, q := range []string{"alice+R", "actor:alice", "action:unlinked"} { // all boards of a change have its actor and type
		b.get("/console/history?q="+q).says(http.StatusOK, "2 people can no longer see Figures:")
	}
	b.answer("GET /api/audit/history", entries[1:], history.EntriesMeta{})
	b.get("/console/history?q=user:jonas").says(http.StatusOK, "1 person can no longer see Figures on this board:", "1 person lost access on this board:")
	b.answer("GET /api/audit/history", entries, history.EntriesMeta{})
	require.NotContains(t, b.get(edits+"?saved=6").Body.String(), "can no longer", "someone else has changed it since")
}

// Changes to the list apply to the list after linking.
func TestListChangesApplyAfterLinks(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	form["user"] = []string{alice} // Clara is removed
	form.Set("do", "preview")
	b.preview = func(body string) history.DashboardPreview {
		p := history.DashboardPreview{Type: "dashboard.accounts_linked.v1", Preview: "abc", Dashboards: []history.PreviewedDashboard{
			{Dashboard: named(bakery, "Harbour Bakery"), Users: []history.Named{named(alice, "Alice"), named(clara, "Clara Holm"), named(jonas, "Jonas Weber")}},
		}}
		if strings.Contains(body, "users") {
			p.Access = []history.PreviewedAccess{{User: named(clara, "Clara Holm"), Loses: []history.Named{named(bakery, "Harbour Bakery")}}}
			p.LostAccess = []history.Named{named(jonas, "Jonas Weber"), named(clara, "Clara Holm")}
			p.Dashboards = append([]history.PreviewedDashboard{{Dashboard: named(mill, "Old Mill")}}, p.Dashboards...)
		}
		return p
	}
	page := b.post(edits, form).says(http.StatusOK, "1 person loses access", "Clara Holm no longer sees Harbour Bakery", "are notified: Clara Holm, Jonas Weber.")
	require.Regexp(t, `(?s)<h3>Harbour Bakery</h3>.*<h3>Old Mill</h3>`, page.Body.String(), "by name, not by id")
	require.Len(t, b.bodies, 2)
	var sent struct{ Users []string }
	_, body, _ := strings.Cut(b.bodies[1], "{")
	require.NoError(t, json.Unmarshal([]byte("{"+body), &sent))
	require.Equal(t, []string{alice, jonas}, sent.Users)
}

// Back from the preview and after a conflict, people added by a link are selected. The preview adds
// them unless they are cleared.
func TestPeopleAddedByALinkAreSelected(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	const yard, edda = "b00000000000000000000003", "d0000000000000000000000b"
	b.preview = func(string) history.DashboardPreview {
		return history.DashboardPreview{Dashboards: []history.PreviewedDashboard{{
			Dashboard:     named(bakery, "Harbour Bakery"),
			SubAccountIDs: []history.Named{named(bakery, "Harbour Bakery"), named(mill, "Old Mill"), named(yard, "Brick Yard")},
			Users:         []history.Named{named(alice, ""), named(clara, "Clara Holm"), named(jonas, "Jonas Weber"), named(edda, "Edda Quill")},
		}}}
	}
	form.Set("do", "back")
	for _, version := range []string{"7", "8"} {
		b.version = version
		page := b.post(edits, form).says(http.StatusOK, "Edda Quill <span class=\"quiet\">will be added", "Jonas Weber <span class=\"quiet\">will be added",
			"because a selected client is linked with them: Brick Yard.", "Old Mill <span class=\"quiet\">will be linked")
		again := fields(t, page.Body.String())
		require.Equal(t, []string{mill}, again["account"], "only what was selected is submitted again")
		require.ElementsMatch(t, []string{alice, clara, jonas, edda}, again["user"])
	}
	require.Contains(t, b.asked, "GET /api/accounts?active=true&limit=24", "20 to offer, without the board's, the selected, and the one that it brings along")
	again := fields(t, b.post(edits, form).Body.String())
	again["user"] = []string{alice, clara, jonas}
	again.Set("do", "preview")
	b.post(edits, again).says(http.StatusOK)
	require.Contains(t, b.bodies[len(b.bodies)-1], `"users":["`+strings.Join([]string{alice, clara, jonas}, `","`)+`"]`)
	again["user"] = []string{alice, jonas}
	again.Set("do", "back")
	page := b.post(edits, again)
	require.NotContains(t, fields(t, page.Body.String())["user"], edda)
	page.says(http.StatusOK, "Edda Quill", "clara@bakery.example.com, will be removed")

	// Another client that is unlinked stays cleared. The change is refused, but shown in full.
	b.view.SubAccountIDs = append(b.view.SubAccountIDs, readmodels.LinkedAccount{ID: yard, Name: "Brick Yard"})
	form["was_account"], form["version"] = []string{yard}, []string{b.version}
	form.Set("do", "preview")
	page = b.post(edits, form).says(http.StatusOK, "Linking and unlinking are separate changes", "Brick Yard <span class=\"quiet\">will be unlinked")
	require.Equal(t, []string{mill}, fields(t, page.Body.String())["account"])
	require.ElementsMatch(t, []string{alice, clara, jonas, edda}, fields(t, page.Body.String())["user"])

	// Without the link, its people do not join the list.
	again["account"], again["user"] = nil, []string{clara, jonas, edda}
	again.Set("do", "preview")
	b.preview = func(string) (nothing history.DashboardPreview) { return nothing }
	b.post(edits, again).says(http.StatusOK)
	require.NotContains(t, b.bodies[len(b.bodies)-1], edda)
	require.Contains(t, b.bodies[len(b.bodies)-1], clara)
}

// If two managers edit a board at the same time, the second one sees the changes of the first and
// keeps their input.
func TestConcurrentEditShowsTheOtherChange(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	form.Set("do", "save")
	form.Set("body", `{"sub_account_ids":["`+mill+`"]}`)

	b.version, b.view.Users = "8", append(b.view.Users, readmodels.DashboardUser{ID: jonas, Name: "Jonas Weber", Account: mill, Active: true})
	b.answer("GET "+board+"/history", []history.HistoryEntry{
		{Record: history.Record{Version: 8, Time: time.Date(2026, 10, 1, 11, 0, 0, 0, time.UTC), Actor: named(adam, "Adam Nowak")}, Changes: history.Differences{
			UsersAdded: []history.Named{named(jonas, "Jonas Weber")},
		}},
		{Record: history.Record{Version: 7, Actor: named(alice, "Alice Long")}, Changes: history.Differences{Created: true}},
	}, nil)
	page := b.post(edits, form).says(http.StatusOK, "This board was changed while you were editing it.", "Adam Nowak", "Added to the list").
		lacks("Alice Long") // that was known
	again := fields(t, page.Body.String())
	require.Equal(t, "8", again.Get("version"))
	require.Equal(t, []string{mill}, again["account"], "what was entered stays")
	require.Contains(t, again["user"], jonas, "what the first changed stays, too")
	require.Empty(t, again["was_account"])

	b.refuse("GET "+board+"/history", http.StatusServiceUnavailable, domain.CodeUnavailable, "Try again shortly.")
	b.post(edits, form).says(http.StatusOK, "This board was changed while you were editing it.", "What was changed cannot be shown right now.")
}

// If a change of another board makes the preview outdated, the page shows that change.
func TestChangeOfAnotherBoardIsShown(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	b.preview = func(string) history.DashboardPreview { return history.DashboardPreview{Type: "t", AsOf: 20} }
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	form.Set("do", "preview")
	form = fields(t, b.post(edits, form).Body.String())
	form.Set("do", "save")
	b.refuse("PUT "+board, http.StatusPreconditionFailed, domain.CodePreconditionFailed, "Another board has changed.")
	b.answer("GET /api/users", []directory.User{{ID: jonas, Name: "Jonas Weber", AccountID: mill, AccountName: "Old Mill", Email: "jonas@mill.example.com"}}, nil)
	change := func(version int64, who history.Named) history.HistoryEntry {
		return history.HistoryEntry{
			Record: history.Record{Version: version, Actor: who}, Dashboard: new(named(mill, "Old Mill")),
			Changes: history.Differences{UsersAdded: []history.Named{named(jonas, "Jonas Weber")}},
		}
	}
	b.answer("GET /api/projects/dashboard/"+mill+"/history", []history.HistoryEntry{change(21, named(adam, "Adam Nowak")), change(20, named(alice, "Alice Long"))}, nil)
	form.Add("user", jonas)
	b.post(edits, form).says(http.StatusOK, "Another board has changed.", "Adam Nowak", ", on Old Mill:", "Added to the list",
		"inactive; cannot open the board, will be added").
		lacks("Alice Long") // the preview showed that
}

// A colleague on the list is shown under the agency, and a person of a client that is not linked
// under that client.
func TestOtherPeopleOnTheListHaveNames(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	b.answer("GET /api/me", directory.Me{Roles: []string{"agency"}, Agency: &directory.MeAgency{AccountName: directory.AccountName{ID: agency, Name: "North Star"}}}, nil)
	b.view.UsersNotShown = nil
	b.answers["GET /api/users"] = func(_ api.Principal, r *http.Request) (int, any) {
		users := []directory.User{{ID: clara, Name: "Clara Holm", AccountID: bakery, AccountName: "Harbour Bakery", Active: true}}
		if strings.Contains(r.URL.Query().Get("account"), agency) {
			users = append(users, directory.User{ID: alice, Name: "Alice Long", AccountID: agency, AccountName: "North Star", Active: true})
		}
		return http.StatusOK, map[string]any{"data": users}
	}
	b.answer("GET /api/users/"+jonas, directory.User{ID: jonas, Name: "Jonas Weber", AccountName: "Old Mill"}, nil)
	b.view.UsersNotShown = []readmodels.UserNotShown{{ID: jonas, Reason: "other_account"}} // not linked
	form := fields(t, b.get(edits).Body.String())
	form.Add("user", alice)
	form.Set("do", "back")
	b.post(edits, form).says(http.StatusOK, "<h3>North Star</h3>", "Alice Long", "<h3>Old Mill</h3>", "Jonas Weber <span class=\"quiet\">belongs to a client that is not linked").
		lacks("<h3>Others</h3>")
}

// The page shows the API's refusal and keeps the input.
func TestARefusedChangeIsExplained(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	form := fields(t, b.get(edits).Body.String())
	form.Add("account", mill)
	form.Set("do", "preview")
	b.refuse("POST "+board+"/preview", http.StatusUnprocessableEntity, domain.CodeUnprocessable,
		"The change names something that it may not name.",
		domain.FieldError{Field: "sub_account_ids[0]", Detail: "is not a sub-account of your agency"})
	page := b.post(edits, form).says(http.StatusOK, "Linked clients</legend><strong class=\"fault\">One of these clients is not a client of your agency", "Your changes are shown below",
		"will be linked</span><strong class=\"fault\">Is not a sub-account of your agency.")
	require.Equal(t, []string{mill}, fields(t, page.Body.String())["account"])

	saving := maps.Clone(form)
	saving.Set("do", "save")
	saving.Set("body", `{"users":["`+alice+`","`+clara+`"]}`)
	b.refuse("PUT "+board, http.StatusUnprocessableEntity, domain.CodeUnprocessable, "See errors.", domain.FieldError{Field: "users[1]", Detail: "is unknown"})
	b.post(edits, saving).says(http.StatusOK, "clara@bakery.example.com</span><strong class=\"fault\">Is unknown.", "list</legend><strong class=\"fault\">One of these people")

	b.refuse("POST "+board+"/preview", http.StatusServiceUnavailable, domain.CodeUnavailable, "Changes are not taken now.")
	page = b.post(edits, form).says(http.StatusOK, "Changes are not taken now.", "Your changes are shown below").
		lacks("Nothing was changed") // the API says what was changed
	require.Equal(t, []string{mill}, fields(t, page.Body.String())["account"])
}
