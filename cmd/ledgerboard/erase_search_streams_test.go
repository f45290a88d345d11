package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// changing are the answers to requests that are no GET, as far as a role may send them and they change nothing: the list of a dashboard as it
// stands, a ticket, and what the directory knew better already.
func changing(t *testing.T, base, role, token string) map[string][]byte {
	t.Helper()
	answers := map[string][]byte{}
	for of, asked := range map[string][]struct{ method, path, kind, body string }{
		"agency":   {{http.MethodPut, "/api/projects/dashboard/" + eraseClient, "application/json", `{"allow_client_dashboard":true}`}},
		"client":   {{http.MethodPost, "/api/notices/ticket", "", ""}},
		"main_app": {{http.MethodPost, "/api/directory", "application/x-ndjson", `{"type":"directory.user.v1","updated_at":"2025-01-01T00:00:00Z","data":{"id":"` + erased + `","account_id":"` + eraseClient + `","name":"Nobody"}}`}},
	} {
		if of != role {
			continue
		}
		for _, ask := range asked {
			request, err := http.NewRequestWithContext(t.Context(), ask.method, base+ask.path, strings.NewReader(ask.body))
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+token)
			if ask.kind != "" {
				request.Header.Set("Content-Type", ask.kind)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Less(t, response.StatusCode, http.StatusMultipleChoices, "%s %s: %s", ask.method, ask.path, body)
			answers[ask.method+" "+ask.path] = body
		}
	}
	return answers
}

// heardOn is all that streams and sockets say to staff and a client user: earlier notices, and what comes while they are open. They send ids
// alone, so that no search finds a text before; that each has heard something is demanded instead.
func heardOn(t *testing.T, a *process, base string) map[string][]byte {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	tokens, heard := a.someTokens(t), map[string]*lockedBuffer{}
	for _, role := range []string{"agency", "client"} {
		for _, path := range []string{"/api/notices", "/api/live"} {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+tokens[role])
			if path == "/api/notices" {
				request.Header.Set("Last-Event-ID", eraseAgency+".0")
			}
			response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request) //nolint:bodyclose // closed below, when the stream ends
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode, path)
			said := &lockedBuffer{}
			heard["stream "+path+" as "+role] = said
			go func() {
				defer response.Body.Close()
				_, _ = io.Copy(said, response.Body) // it ends with the context
			}()
		}
		heard["socket as "+role] = socketOf(t, base, tokens[role])
	}
	hears := func(want string, places ...string) {
		for _, place := range places {
			require.Eventually(t, func() bool { return strings.Contains(heard[place].String(), want) }, patience, 10*time.Millisecond, "%s: %s", place, heard[place])
		}
	}
	hears(`40{"sid":`, "socket as agency", "socket as client") // before access is lost for a moment
	tenant, now := domain.Tenant{ParentAccount: eraseAgency, AccountID: eraseClient, MemberID: 8, SocialAccount: 702702702}, time.Now()
	require.NoError(t, a.Log.Append(t.Context(), commands.NewDraft(domain.TopicMetrics, tenant.Key(), domain.PostRead{
		Tenant: tenant, Platform: domain.LinkedIn, ExternalID: "p", CapturedAt: now, Counts: domain.Counts{Likes: new(int64(9))},
	}, now)))
	hears(eraseClient, "stream /api/live as agency", "stream /api/live as client")
	for _, users := range [][]string{{}, {stays}} { // the client user who stays loses access, and gets a notice; staff loses nothing
		_, err := a.Updates.Update(t.Context(), commands.UpdateDashboard{
			Caller: commands.Caller{ParentAccount: eraseAgency, UserID: eraseStaff, Role: "agency", RequestID: "r"},
			Change: domain.UpdateDashboard{Primary: eraseClient, Users: &users},
		})
		require.NoError(t, err)
	}
	hears(stays, "stream /api/notices as client", "socket as client")
	hears(": connected", "stream /api/notices as agency")
	evidence := map[string][]byte{}
	for place, said := range heard {
		evidence[place] = []byte(said.String())
	}
	return evidence
}

// socketOf connects as the stock Socket.IO client does with websockets alone, and keeps what it hears.
func socketOf(t *testing.T, base, token string) *lockedBuffer {
	t.Helper()
	socket, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(base, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	t.Cleanup(func() { socket.Close() })
	require.NoError(t, socket.WriteMessage(websocket.TextMessage, []byte(`40{"token":"`+token+`","offset":"`+eraseAgency+`.0"}`)))
	said := &lockedBuffer{}
	go func() {
		for {
			_, raw, err := socket.ReadMessage()
			if err != nil {
				return
			}
			_, _ = said.Write(raw)
		}
	}()
	return said
}

// statisticsOf are the values that the planner keeps of columns, fresh ones.
func statisticsOf(t *testing.T, a *process) []byte {
	t.Helper()
	_, err := a.KeptPool.Exec(t.Context(), "analyze")
	require.NoError(t, err)
	var all string
	require.NoError(t, a.KeptPool.QueryRow(t.Context(), `select string_agg(s::text, E'\n') from pg_stats s where schemaname !~ '^pg_'`).Scan(&all))
	require.Contains(t, all, eraseClient, "it keeps some")
	return []byte(all)
}
