package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// Boards of one agency: those of north, south and idle are linked and open. That of east is closed,
// and that of west is open without figures.
const (
	north, south = "c10000000000000000000011", "c10000000000000000000012"
	idle, east   = "c10000000000000000000013", "c10000000000000000000014"
	west         = "c10000000000000000000015"
)

// boardCase is a person and a board. A person who may open it by rule 11 must also be admitted.
type boardCase struct {
	name, user, account string
	board               string
	opens               bool // rule 11
	inactive            bool // the person or the account, in the directory
	withdrawn           bool // LEDGERBOARD_WITHDRAWN
	noFigures           bool // the board lacks the scope analytics
	notLinked           bool // the person's account is not linked, which the log cannot know
}

var boardCases = []boardCase{
	{name: "own board", user: "d00000000000000000000001", account: north, board: north, opens: true},
	{name: "linked board", user: "d00000000000000000000001", account: north, board: south, opens: true},
	{name: "listed through a linked client", user: "d00000000000000000000002", account: south, board: north, opens: true},
	{name: "not on the list", user: "d00000000000000000000003", account: north, board: north},
	{name: "closed", user: "d00000000000000000000004", account: east, board: east},
	{name: "on the list of a board that is not linked", user: "d00000000000000000000004", account: east, board: north, notLinked: true},
	{name: "another client's closed board", user: "d00000000000000000000001", account: north, board: east},
	{name: "without figures", user: "d00000000000000000000005", account: west, board: west, opens: true, noFigures: true},
	{name: "password reset pending", user: "d00000000000000000000006", account: north, board: north, opens: true},
	{name: "inactive person", user: "d00000000000000000000007", account: north, board: north, opens: true, inactive: true},
	{name: "inactive client", user: "d00000000000000000000008", account: idle, board: idle, opens: true, inactive: true},
	{name: "withdrawn", user: "d00000000000000000000009", account: north, board: north, opens: true, withdrawn: true},
	{name: "staff on the list, as a client", user: "d0000000000000000000000a", account: signInAgency, board: north},
	{name: "another agency", user: "d0000000000000000000000b", account: signInForeign, board: north},
}

// Every face of the service gives the same answer to the question who may open a board.
func TestOpenAndClosedBoardsAreTheSameInAllInterfaces(t *testing.T) {
	at, withdrawn := issuer.Start(t), newFile(t, "withdrawn", "")
	settings := providerSettings(t, newStorage(t), at)
	settings.Withdrawn = withdrawn
	withAddress(t, settings, func(a *process, sight func() *personsBrowser) {
		seedConsole(t, a)
		f := faces{t: t, a: a, sign: settings.sign, browsers: map[string]*personsBrowser{}, staff: sight()}
		signsIn := func(b *personsBrowser, user, account string) {
			at.Knows(user, map[string]any{"email": user + "@example.com", "email_verified": true})
			a.appendEntities(t, person(user, account))
			a.until(t, 1, "select count(*) from users where id = '"+user+"' and email <> ''")
			status, text := b.signsIn(user)
			require.Equal(t, http.StatusOK, status, text)
		}
		signsIn(f.staff, signInStaff, signInAgency)
		for i, id := range []string{north, south, idle, east, west} {
			a.appendEntities(t, domain.DirectoryAccount{ID: id, RowID: int64(10 + i), ParentAccount: signInAgency, Name: "Client " + id, Active: true})
		}
		for _, c := range boardCases {
			if f.browsers[c.user] == nil {
				f.browsers[c.user] = sight()
				signsIn(f.browsers[c.user], c.user, c.account)
			}
		}
		f.update(north, true, []string{"analytics"}, []string{south, idle}, boardCases...)
		f.update(east, false, []string{"analytics"}, nil, boardCases[4])
		f.update(west, true, []string{"posts"}, nil, boardCases[7])

		pending, inactive := person(boardCases[8].user, north), person(boardCases[9].user, north)
		pending.ResetPending, inactive.Active = true, false
		a.appendEntities(t, pending, inactive, domain.DirectoryAccount{ID: idle, RowID: 12, ParentAccount: signInAgency, Name: "Client " + idle})
		require.NoError(t, os.WriteFile(withdrawn, []byte(boardCases[11].user+"\n"), 0o600))
		a.until(t, 2, "select (select count(*) from users where id = '"+inactive.ID+"' and not active) + (select count(*) from accounts where id = '"+idle+"' and not active)")

		for _, c := range boardCases {
			admitted := c.opens && !c.inactive && !c.withdrawn
			for name, face := range map[string]struct {
				answers func(boardCase) bool
				want    bool
			}{
				"GET /api/dashboards":               {f.apiList, admitted},
				"GET /api/projects/dashboard":       {f.apiBoard, admitted},
				"GET /api/me":                       {f.apiMe, admitted},
				"figures":                           {f.figures, admitted && !c.noFigures},
				"GET /api/live":                     {f.stream, admitted && !c.noFigures},
				"console, list":                     {f.consoleList, admitted},
				"console, board":                    {f.consoleBoard, admitted},
				"console, view as":                  {f.viewAs, admitted},
				"console, people":                   {f.people, c.opens && !c.inactive},
				"GET /api/audit/access":             {f.history, c.opens && !c.inactive},
				"GET …/access on a date":            {f.accessOnDate, c.opens || c.notLinked},
				"POST …/preview of closing a board": {f.preview, c.opens},
			} {
				if c.inactive || c.withdrawn { // statuses are cached
					ledgertest.Eventually(t, func() bool { return face.answers(c) == face.want },
						"%s, %s: want %t", c.name, name, face.want)
				}
				require.Equal(t, face.want, face.answers(c), "%s, %s", c.name, name)
			}
		}
	})
}

func person(id, account string) domain.DirectoryUser {
	return domain.DirectoryUser{ID: id, AccountID: account, Name: "Person " + id, Email: id + "@example.com", Active: true}
}

// faces ask whether the person of a case can open the board.
type faces struct {
	t        *testing.T
	a        *process
	sign     func(user, account string, roles []string, expires time.Time) (string, error)
	staff    *personsBrowser
	browsers map[string]*personsBrowser // by user
}

// update changes a board and gives it the people of cases that are named by a list, as far as rule 10
// allows.
func (f faces) update(board string, allow bool, scopes, linked []string, listed ...boardCase) {
	f.t.Helper()
	users := []string{}
	for _, c := range listed {
		if c.account != signInForeign && c.name != "not on the list" && c.account != west || len(listed) == 1 {
			users = append(users, c.user)
		}
	}
	change := domain.UpdateDashboard{Primary: board, AllowClientDashboard: &allow, Users: &users, Scopes: &scopes, SubAccountIDs: &linked}
	if linked == nil {
		change.SubAccountIDs = nil
	}
	_, err := f.a.Updates.Update(f.t.Context(), commands.UpdateDashboard{Caller: f.caller(), Change: change})
	require.NoError(f.t, err)
}

func (faces) caller() commands.Caller {
	return commands.Caller{ParentAccount: signInAgency, UserID: signInStaff, Role: "agency", RequestID: "r"}
}

// ask returns the status and body of a request of the API. The body of a stream is not read.
func (f faces) ask(user, account, role, path string) (status int, body []byte) {
	f.t.Helper()
	token, err := f.sign(user, account, []string{role}, time.Now().Add(time.Hour))
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, atBoards+path, http.NoBody)
	require.NoError(f.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := f.staff.client.Transport.RoundTrip(r)
	require.NoError(f.t, err)
	defer answer.Body.Close()
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		var raw json.RawMessage
		_ = json.NewDecoder(answer.Body).Decode(&raw)
		body = raw
	}
	return answer.StatusCode, body
}

func (f faces) asClient(c boardCase, path string) (opens bool, body string) {
	status, raw := f.ask(c.user, c.account, "client", path)
	require.Contains(f.t, []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound}, status, "%s: %s", path, raw)
	return status == http.StatusOK, string(raw)
}

func (f faces) apiList(c boardCase) bool {
	opens, body := f.asClient(c, "/api/dashboards?limit=100")
	return opens && strings.Contains(body, `"sub_account_id":"`+c.board+`"`)
}

func (f faces) apiBoard(c boardCase) bool {
	opens, _ := f.asClient(c, "/api/projects/dashboard/"+c.board)
	return opens
}

func (f faces) apiMe(c boardCase) bool {
	opens, body := f.asClient(c, "/api/me")
	return opens && strings.Contains(body, `"sub_account_id":"`+c.board+`"`)
}

func (f faces) figures(c boardCase) bool {
	opens, _ := f.asClient(c, "/auth/reach/getAccountStats/0?dashboard="+c.board)
	return opens
}

func (f faces) stream(c boardCase) bool {
	opens, _ := f.asClient(c, "/api/live?dashboard="+c.board)
	return opens
}

func (f faces) consoleList(c boardCase) bool {
	status, text := f.browsers[c.user].shows("/console/", nil)
	return status == http.StatusOK && strings.Contains(text, "/console/board/"+c.board)
}

func (f faces) consoleBoard(c boardCase) bool {
	status, text := f.browsers[c.user].shows("/console/board/"+c.board, nil)
	return status == http.StatusOK && strings.Contains(text, "Client "+c.board)
}

func (f faces) viewAs(c boardCase) bool {
	status, text := f.staff.shows("/console/clients/"+c.account+"/people/"+c.user+"/sees/"+c.board, nil)
	return status == http.StatusOK && !strings.Contains(text, "cannot sign in")
}

func (f faces) people(c boardCase) bool {
	status, text := f.staff.shows("/console/clients/"+c.board+"/people", nil)
	require.Equal(f.t, http.StatusOK, status, text)
	return strings.Contains(text, "/people/"+c.user+"/sees")
}

// accessOnDate asks about a moment after all changes.
func (f faces) accessOnDate(c boardCase) bool {
	at := url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano))
	status, raw := f.ask(signInStaff, signInAgency, "auditor", "/api/projects/dashboard/"+c.board+"/access?user_id="+c.user+"&at="+at)
	var answer struct {
		Data struct {
			Access bool      `json:"access"`
			Role   *struct{} `json:"role"`
		}
	}
	if status == http.StatusNotFound { // unknown in the agency
		return false
	}
	require.Equal(f.t, http.StatusOK, status, string(raw))
	require.NoError(f.t, json.Unmarshal(raw, &answer))
	return answer.Data.Access && answer.Data.Role == nil
}

func (f faces) history(c boardCase) bool {
	status, raw := f.ask(signInStaff, signInAgency, "auditor", "/api/audit/access?dashboard="+c.board+"&user_id="+c.user)
	var answer struct {
		Data []struct {
			Role                     *struct{}
			ActiveToday, LinkedToday bool
		}
	}
	if status == http.StatusNotFound { // never on a list
		return false
	}
	require.Equal(f.t, http.StatusOK, status, string(raw))
	raw = []byte(strings.NewReplacer("active_today", "ActiveToday", "linked_today", "LinkedToday").Replace(string(raw)))
	require.NoError(f.t, json.Unmarshal(raw, &answer))
	return len(answer.Data) == 1 && answer.Data[0].Role == nil && answer.Data[0].ActiveToday && answer.Data[0].LinkedToday
}

func (f faces) preview(c boardCase) bool {
	closed := false
	p, err := f.a.Updates.Preview(f.t.Context(), commands.UpdateDashboard{
		Caller: f.caller(), Change: domain.UpdateDashboard{Primary: c.board, AllowClientDashboard: &closed},
	})
	require.NoError(f.t, err)
	return slices.ContainsFunc(p.Access, func(change domain.AccessChange) bool {
		return change.User == c.user && slices.Contains(change.Loses, c.board)
	})
}
