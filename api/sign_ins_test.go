package api_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// signIns is a stub in which every user has one session.
type signIns struct {
	mu    sync.Mutex
	made  []commands.Caller
	ended []string // user and session
	err   error
}

var signedInAt = time.Date(2026, 7, 15, 9, 0, 0, 0, time.UTC)

func (s *signIns) MakeLink(_ context.Context, c commands.Caller, of directory.User, validFor time.Duration) (api.SignInLink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return api.SignInLink{}, s.err
	}
	s.made = append(s.made, c)
	return api.SignInLink{UserID: of.ID, URL: "https://boards.example/console/link/WORD", WorksUntil: signedInAt.Add(validFor)}, nil
}

func (s *signIns) Sessions(_ context.Context, of directory.User) ([]api.SignInSession, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "S-" + of.ID
	if slices.Contains(s.ended, of.ID+" "+id) {
		return nil, s.err
	}
	return []api.SignInSession{{ID: id, Way: "link", SignedInAt: signedInAt, SeenAt: signedInAt, EndsAt: signedInAt.Add(12 * time.Hour)}}, s.err
}

func (s *signIns) EndSession(_ context.Context, of directory.User, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, of.ID+" "+id)
	return s.err
}

// An agency creates links for its users and those of its clients, and ends their sessions. Other
// users give a 404.
func TestAgencyManagesSignInsOfItsPeople(t *testing.T) {
	t.Parallel()
	in := &signIns{}
	b := setupTenants(t, func(d *api.Deps) { d.SignIns = in })
	const colleague = "5a0000000000000000000001"
	b.facts.Put(t, domain.DirectoryUser{ID: colleague, AccountID: agency, Name: "Stella", Active: true})
	staff := "Authorization: Bearer " + b.agencyToken()
	for _, user := range []string{alice, colleague} {
		link := b.ask(http.MethodPost, "/api/users/"+user+"/sign-in-link", "", staff, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		require.Equal(t, http.StatusOK, link.Status, link.Body)
		require.Contains(t, link.Body, `"user_id":"`+user+`","url":"https://boards.example/console/link/WORD","works_until":"2026-07-16T09:00:00Z"`)
		require.Equal(t, "no-store", link.Header.Get("Cache-Control"))
	}
	asks := func(body string) ledgertest.Answer {
		return b.ask(http.MethodPost, "/api/users/"+alice+"/sign-in-link", body, staff, "Content-Type: application/json")
	}
	for validFor, until := range map[string]string{"15m": "2026-07-15T09:15:00Z", "168h": "2026-07-22T09:00:00Z"} {
		asks(`{"valid_for":"`+validFor+`"}`).Says(t, http.StatusOK, `"works_until":"`+until+`"`)
	}
	require.Len(t, in.made, 4)
	for _, validFor := range []string{`"14m59s"`, `"168h1s"`, `"-24h"`, `"tomorrow"`} {
		asks(`{"valid_for":`+validFor+`}`).Says(t, http.StatusBadRequest, `"field":"valid_for","detail":"must be a duration from 15m to 168h (7 days)"`)
	}
	for _, body := range []string{`{"valid_for":24}`, `{"validfor":"24h"}`} {
		require.Equal(t, http.StatusBadRequest, asks(body).Status, body)
	}
	require.Len(t, in.made, 4)
	for _, c := range in.made {
		require.Equal(t, []string{agency, alice, "agency"}, []string{c.ParentAccount, c.UserID, c.Role}, "alice is the token's subject")
		require.NotEmpty(t, c.RequestID)
	}

	b.get("/api/users/"+alice+"/sessions", b.agencyToken()).Says(t, http.StatusOK, `"id":"S-`+alice+`","way":"link","signed_in_at":"2026-07-15T09:00:00Z"`)
	b.ask(http.MethodPost, "/api/users/"+alice+"/sessions/S-"+alice+"/end", "", staff).Says(t, http.StatusOK, `"data":[]`)
	require.Equal(t, []string{alice + " S-" + alice}, in.ended)

	for _, path := range []string{"/sign-in-link", "/sessions/S1/end"} {
		require.Equal(t, http.StatusNotFound, b.ask(http.MethodPost, "/api/users/"+otherUser+path, "", staff).Status)
		require.Equal(t, http.StatusForbidden, b.ask(http.MethodPost, "/api/users/"+alice+path, "", "Authorization: Bearer "+b.token(client1, "client")).Status)
	}
	require.Len(t, in.made, 4)
	require.Len(t, in.ended, 1)
	in.err = domain.NewError(domain.CodeConflict, "This colleague has signed in before.")
	refused := b.ask(http.MethodPost, "/api/users/"+colleague+"/sign-in-link", "", staff).Says(t, http.StatusConflict)
	require.Contains(t, refused.Failure(t).Message, "has signed in before")
}
