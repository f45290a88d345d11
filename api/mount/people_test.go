package mount_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

const accessEnded = "Your access has ended. Ask your agency."

// bySession believes the cookie "<user>/<account>/<role>" for hours.
func bySession(r *http.Request) (api.Principal, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in.")
	}
	is := strings.Split(session.Value, "/")
	return api.Principal{UserID: is[0], AccountID: is[1], Roles: api.Roles{api.Role(is[2])}, ExpiresAt: time.Now().Add(12 * time.Hour)}, nil
}

// mounted is a handler in a main application that serves it.
type mounted struct {
	t       *testing.T
	handler http.Handler
	url     string
}

func serveMounted(t *testing.T, config mount.Config) mounted {
	t.Helper()
	boards := open(t, config)
	server := httptest.NewServer(boards.Handler())
	t.Cleanup(func() {
		boards.EndStreams()
		server.Close()
	})
	return mounted{t, boards.Handler(), server.URL}
}

// refused tells whether a session has no rights any more.
func (m mounted) refused(session string) bool {
	w := get(m.handler, "/api/stats", session)
	return w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), accessEnded)
}

// opened opens one stream of the hub, and returns a channel that is closed at its end.
func (m mounted) opened(session string) <-chan struct{} {
	m.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, m.url+"/api/notices", http.NoBody)
	require.NoError(m.t, err)
	r.AddCookie(&http.Cookie{Name: "session", Value: session})
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) //nolint:bodyclose // at the stream's end
	require.NoError(m.t, err)
	lines := bufio.NewScanner(response.Body)
	require.True(m.t, lines.Scan())
	require.NotContains(m.t, lines.Text(), "refused", session)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer response.Body.Close()
		for lines.Scan() {
		}
	}()
	return ended
}

// Sessions outlive rights: who has left is out. TestWhoLeftIsOutEverywhere (api) tries all ways.
func TestMountedWhoLeftIsOut(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	config := r.config(api.AuthenticatorFunc(bySession))
	handlers := map[string]mounted{"known": serveMounted(t, config)}
	config.UnknownUsers = true
	handlers["allowing"] = serveMounted(t, config)

	users := map[string]domain.DirectoryUser{}
	sessions := map[string]string{}
	for i, fate := range []string{"active", "erased", "unknown"} {
		users[fate] = domain.DirectoryUser{ID: fmt.Sprintf("d%023x", i), AccountID: agency, Active: true}
		sessions[fate] = users[fate].ID + "/" + agency + "/agency"
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(users[fate], time.Now())}))
	}
	streams := map[string]<-chan struct{}{}
	for name, m := range handlers {
		for fate, session := range sessions {
			require.Eventually(t, func() bool { return get(m.handler, "/api/stats", session).Code == http.StatusOK }, patience, often, fate)
			streams[fate+" "+name] = m.opened(session)
		}
	}
	require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{
		commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: users["erased"].ID}, time.Now()),
		commands.EraseDraft(domain.KindUser, users["erased"].ID, time.Now()), commands.EraseDraft(domain.KindUser, users["unknown"].ID, time.Now()),
	}))
	for name, m := range handlers {
		for fate, session := range sessions {
			if fate == "active" || fate == "unknown" && name == "allowing" {
				continue
			}
			require.Eventually(t, func() bool { return m.refused(session) }, patience, often, "%s %s", fate, name)
			select {
			case <-streams[fate+" "+name]:
			case <-time.After(patience):
				require.Fail(t, "a stream of somebody who has left goes on", "%s %s", fate, name)
			}
			delete(streams, fate+" "+name)
		}
	}
	require.Len(t, streams, 3)
	for stays, ended := range streams {
		fate, name, _ := strings.Cut(stays, " ")
		require.Equal(t, http.StatusOK, get(handlers[name].handler, "/api/stats", sessions[fate]).Code, stays)
		select {
		case <-ended:
			require.Fail(t, "a stream ended", stays)
		default:
		}
	}
}
