package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const folk = "/console/clients/" + bakery + "/people"

// looks stores recorded views.
type looks struct {
	by    []commands.Caller
	reads []domain.AuditRead
	err   error
}

func (l *looks) RecordRead(_ context.Context, c commands.Caller, read domain.AuditRead) error {
	if l.err == nil {
		l.by, l.reads = append(l.by, c), append(l.reads, read)
	}
	return l.err
}

func TestPeopleOfAClientAndWhatTheySee(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	b.answer("GET /api/users", []readmodels.User{
		{ID: clara, Name: "Clara Holm", AccountID: bakery, Active: true}, {ID: adam, Name: "Ben Holm", AccountID: bakery, Active: true, LastLogin: new(b.now)},
	}, nil)
	b.view.SubAccountIDs = append([]readmodels.LinkedAccount{{ID: mill, Name: "Old Mill"}}, b.view.SubAccountIDs...)
	b.view.Users = append(b.view.Users, readmodels.DashboardUser{ID: jonas, Name: "Jonas Weber", Account: mill, Active: true})
	b.get(folk).says(http.StatusOK, "Harbour Bakery, Old Mill", "nothing: not on the list", "of Old Mill", `data-label="Last sign-in"><span class="quiet">never<`, `data-label="Last sign-in"><time datetime="2026-10-01`, "View as Clara Holm",
		`href="/console/clients/`+mill+`/people/`+jonas+`/sees"`)
	b.view.AllowClientDashboard = false
	b.get(folk).says(http.StatusOK, "no one at Harbour Bakery can open it", "nothing: the board is closed").lacks("View as Clara Holm")
}

func TestAPersonIsAdded(t *testing.T) {
	t.Parallel()
	b := newBoardStage(t)
	b.take("POST /api/users", map[string]any{"id": jonas})
	text := b.get(folk).Body.String()
	require.Contains(t, text, `method="post" novalidate>`, "a browser would report one field at a time")
	form := fields(t, text)
	form.Set("name", "Jonas Weber")
	form.Set("email", "jonas@bakery.example.com")
	b.post(folk, form).leadsTo(folk + "?added=" + jonas)
	require.JSONEq(t, `{"name":"Jonas Weber","email":"jonas@bakery.example.com","phone":"","account":"`+bakery+`"}`, b.sent[0].body)
	key := b.sent[0].key
	require.Equal(t, form.Get("key"), key)
	require.NotEmpty(t, key)
	b.get(folk+"?added="+jonas).says(http.StatusOK, "Jonas Weber was added.", "To let Jonas Weber open the board, ")
	require.NotContains(t, b.get(folk+"?added="+clara).Body.String(), "was added", "she is on the list")

	b.refuse("POST /api/users", http.StatusConflict, domain.CodeConflict, "See GET /api/users.",
		domain.FieldError{Field: "email", Detail: "is taken"})
	again := b.post(folk+"?added="+jonas, form)
	again.says(http.StatusOK, "already has this address", `value="Jonas Weber"`).lacks("was added")
	require.NotEqual(t, key, fields(t, again.Body.String()).Get("key"), "a corrected form is another request")

	b.refuseFields("POST /api/users", "name", "email", "phone")
	b.post(folk, form).says(http.StatusOK, "Enter a name on one line", "Enter an address like", "Enter a number on one line", `value="Jonas Weber"`)
}

// Viewing as a client user shows the user's own pages, read-only, with a banner, and only if the
// view is recorded.
func TestViewAsClientUser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.answer("GET /api/accounts", []readmodels.Account{{ID: bakery, Name: "Harbour Bakery"}}, nil)
	s.answer("GET /api/users/"+clara, readmodels.User{ID: clara, Name: "Clara Holm", AccountID: bakery}, nil)
	s.answer("GET /api/users/"+jonas, readmodels.User{ID: jonas, Name: "Jonas Weber", AccountID: mill}, nil)
	open := []readmodels.MeDashboard{{SubAccountID: bakery, SubAccountName: "Harbour Bakery"}, {SubAccountID: mill, SubAccountName: "Old Mill"}}
	var asked []api.Principal
	me := s.answers["GET /api/me"]
	s.answers["GET /api/me"] = func(p api.Principal, r *http.Request) (int, any) {
		if p.UserID != clara {
			return me(p, r)
		}
		asked = append(asked, p)
		answer := readmodels.Me{UserID: clara, Roles: []string{"client"}}
		answer.Opens.Dashboards = open
		return http.StatusOK, map[string]any{"data": answer}
	}
	s.answers["GET "+board] = func(p api.Principal, _ *http.Request) (int, any) {
		asked = append(asked, p)
		return http.StatusOK, map[string]any{"data": []readmodels.DashboardView{{
			SubAccountIDs: []readmodels.LinkedAccount{{ID: bakery, Name: "Harbour Bakery"}}, Scopes: []string{"posts"},
		}}}
	}
	b := s.signedIn("agency")
	sees := folk + "/" + clara + "/sees"
	b.get(sees).says(http.StatusOK, "What Clara Holm sees", "You are viewing this page as <strong>Clara Holm</strong>", "This view is recorded", "Old Mill", `href="`+sees+"/"+bakery+`"`)
	page := b.get(sees + "/" + bakery)
	page.says(http.StatusOK, "You are viewing this page as <strong>Clara Holm</strong>", "shows no figures on this board", "Name of "+alice).
		lacks("data-board") // only the client user is notified of the closing
	for _, p := range asked {
		require.Equal(t, api.Principal{UserID: clara, AccountID: bakery, Roles: api.Roles{api.RoleClient}, ExpiresAt: p.ExpiresAt}, p)
	}
	require.Len(t, asked, 2)
	require.Equal(t, []domain.AuditRead{
		{What: domain.AuditAsUser, Filter: domain.AuditFilter{User: clara}}, {What: domain.AuditAsUser, Dashboard: bakery, Filter: domain.AuditFilter{User: clara}},
	}, s.looks.reads)
	for _, by := range s.looks.by {
		require.NotEmpty(t, by.RequestID)
		by.RequestID = ""
		require.Equal(t, commands.Caller{ParentAccount: agency, UserID: alice, Role: "agency"}, by)
	}
	for _, call := range s.asked {
		require.True(t, strings.HasPrefix(call, "GET "), call)
	}

	// Nothing is shown without the record, or if the person belongs to another client than the one
	// in the address.
	before := len(asked)
	b.get(folk+"/"+jonas+"/sees").says(http.StatusNotFound, "There is no page")
	s.looks.err = errors.New("the log is away")
	require.Equal(t, http.StatusInternalServerError, b.get(sees).Code)
	require.Equal(t, http.StatusInternalServerError, b.get(sees+"/"+bakery).Code)
	require.Len(t, asked, before)
}

// A figures page viewed as a client user is not updated automatically, because each update would be
// recorded as a view. The API logs the client user with the request id of the record of the view.
func TestViewAsClientUserIsNotUpdated(t *testing.T) {
	t.Parallel()
	s, b := figuresStage(t, "agency")
	s.answer("GET /api/users/"+clara, readmodels.User{ID: clara, Name: "Clara Holm", AccountID: bakery}, nil)
	var named []string
	s.answers["GET "+board] = func(_ api.Principal, r *http.Request) (int, any) {
		named = append(named, r.Header.Get("X-Request-Id"))
		return http.StatusOK, map[string]any{"data": []readmodels.DashboardView{{
			SubAccountIDs: []readmodels.LinkedAccount{{ID: bakery, Name: "Harbour Bakery"}}, Scopes: []string{"analytics"},
		}}}
	}
	b.get(folk+"/"+clara+"/sees/"+bakery).says(http.StatusOK, "You are viewing this page as <strong>Clara Holm</strong>", "1,240").
		lacks("data-live", "/live.")
	require.Len(t, s.looks.by, 1)
	require.Equal(t, []string{s.looks.by[0].RequestID}, named)
	require.Contains(t, b.get("/console/clients/"+bakery+"/figures").Body.String(), "/live.")
}
