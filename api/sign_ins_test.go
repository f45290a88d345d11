package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

var signedInAt = time.Date(2026, 7, 15, 9, 0, 0, 0, time.UTC)

// beginSessions signs in alice and a user of the other agency.
func beginSessions(t testing.TB, kept *signin.Sessions) {
	t.Helper()
	for i, p := range []signin.Person{{UserID: alice, AccountID: client1, Role: "client"}, {UserID: otherUser, AccountID: otherClient, Role: "client"}} {
		require.NoError(t, kept.Begin(t.Context(), signin.Session{
			Person: p, ID: "S-" + p.UserID, Way: "link", BegunAt: signedInAt, SeenAt: signedInAt, ExpiresAt: time.Now().Add(time.Hour),
		}, slices.Repeat([]byte{byte(i)}, 32), nil))
	}
}

// An agency creates links for its users and those of its clients, and ends their sessions. Other
// users give a 404.
func TestAgencyManagesSignInsOfItsPeople(t *testing.T) {
	t.Parallel()
	in := &apitest.Operators{Now: signedInAt}
	b := setupTenants(t, func(d *api.Deps) { d.Operators = in })
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
	made := in.Acts()
	require.Len(t, made, 4)
	for i, account := range []string{client1, agency, client1, client1} {
		require.Contains(t, made[i].What, account, "a user who has moved meanwhile gets no link of another account")
	}
	for _, validFor := range []string{`"14m59s"`, `"168h1s"`, `"-24h"`, `"tomorrow"`} {
		asks(`{"valid_for":`+validFor+`}`).Says(t, http.StatusBadRequest, `"field":"valid_for","detail":"must be a duration from 15m to 168h (7 days)"`)
	}
	for _, body := range []string{`{"valid_for":24}`, `{"validfor":"24h"}`} {
		require.Equal(t, http.StatusBadRequest, asks(body).Status, body)
	}
	require.Len(t, in.Acts(), 4)
	for _, act := range made {
		require.Equal(t, []string{agency, alice, "agency"}, []string{act.By.ParentAccount, act.By.UserID, act.By.Role}, "alice is the token's subject")
		require.NotEmpty(t, act.By.RequestID)
		require.Equal(t, domain.Reason{Code: domain.ReasonCustomerRequest}, act.Reason)
	}

	b.get("/api/users/"+alice+"/sessions", b.agencyToken()).Says(t, http.StatusOK, `"id":"S-`+alice+`","way":"link","signed_in_at":"2026-07-15T09:00:00Z"`)
	b.ask(http.MethodPost, "/api/users/"+alice+"/sessions/S-"+alice+"/end", "", staff).Says(t, http.StatusOK, `"data":[]`)

	for _, path := range []string{"/sign-in-link", "/sessions/S-" + otherUser + "/end"} {
		require.Equal(t, http.StatusNotFound, b.ask(http.MethodPost, "/api/users/"+otherUser+path, "", staff).Status)
		require.Equal(t, http.StatusForbidden, b.ask(http.MethodPost, "/api/users/"+alice+path, "", "Authorization: Bearer "+b.token(client1, "client")).Status)
	}
	require.Len(t, in.Acts(), 4)
	still, err := b.facts.SignIns(t).Kept.Of(t.Context(), otherUser, time.Now())
	require.NoError(t, err)
	require.Len(t, still, 1)
	b.facts.Put(t, domain.DirectorySession{ID: "S1", UserID: colleague, LoginAt: signedInAt})
	refused := b.ask(http.MethodPost, "/api/users/"+colleague+"/sign-in-link", "", staff).Says(t, http.StatusConflict)
	require.Contains(t, refused.Failure(t).Message, "has signed in before")
}
