package mount_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

const accessEnded = "Your access has ended. Ask your agency."

// bySession accepts the cookie "<user>/<account>/<role>" for hours.
func bySession(r *http.Request) (api.Principal, error) {
	session, err := r.Cookie("session")
	if err != nil {
		return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in.")
	}
	is := strings.Split(session.Value, "/")
	return api.Principal{UserID: is[0], AccountID: is[1], Roles: api.Roles{api.Role(is[2])}, ExpiresAt: time.Now().Add(12 * time.Hour)}, nil
}

// refused reports whether a session no longer has access.
func refused(handler http.Handler, session string) bool {
	w := get(handler, "/api/stats", session)
	return w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), accessEnded)
}

// A session whose user has lost access is refused. TestEndedAccessIsRefusedEverywhere (api) tests
// all entry points.
func TestMountedEndedAccessIsRefused(t *testing.T) {
	t.Parallel()
	r := runBeside(t)
	config := r.config(api.AuthenticatorFunc(bySession))
	handlers := map[string]http.Handler{"known": open(t, config).Handler()}
	config.UnknownUsers = true
	handlers["allowing"] = open(t, config).Handler()

	users := map[string]domain.DirectoryUser{}
	sessions := map[string]string{}
	for i, fate := range []string{"active", "erased", "unknown"} {
		users[fate] = domain.DirectoryUser{ID: fmt.Sprintf("d%023x", i), AccountID: agency, Active: true}
		sessions[fate] = users[fate].ID + "/" + agency + "/agency"
		require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{commands.EntityDraft(users[fate], time.Now())}))
	}
	for _, handler := range handlers {
		for fate, session := range sessions {
			require.Eventually(t, func() bool { return get(handler, "/api/stats", session).Code == http.StatusOK }, patience, often, fate)
		}
	}
	require.NoError(t, r.log.AppendBulk(t.Context(), []domain.Draft{
		commands.NewDraft(domain.TopicOperations, agency, domain.PersonErased{User: users["erased"].ID}, time.Now()),
		commands.EraseDraft(domain.KindUser, users["erased"].ID, time.Now()), commands.EraseDraft(domain.KindUser, users["unknown"].ID, time.Now()),
	}))
	for name, handler := range handlers {
		require.Eventually(t, func() bool { return refused(handler, sessions["erased"]) }, patience, often, name)
		require.Equal(t, http.StatusOK, get(handler, "/api/stats", sessions["active"]).Code, name)
	}
	require.Eventually(t, func() bool { return refused(handlers["known"], sessions["unknown"]) }, patience, often)
	require.Equal(t, http.StatusOK, get(handlers["allowing"], "/api/stats", sessions["unknown"]).Code)
}
