package platforms_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// inspected answers each path with a text, and fails the test for any other.
func inspected(t *testing.T, answers map[string]string) (*platforms.Set, *[]*http.Request) {
	t.Helper()
	var asked []*http.Request
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = append(asked, r)
		answer, known := answers["/"+strings.SplitN(r.URL.Path, "/", 3)[2]] // below the platform's own path
		if !known {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answer))
	})
	return b.set, &asked
}

func inspector(t *testing.T, set *platforms.Set, p domain.Platform) platforms.Inspector {
	t.Helper()
	client, err := set.For(p)
	require.NoError(t, err)
	return client.(platforms.Inspector)
}

// Meta says of a token what was granted, to which pages, and until when; a scope that was granted for other pages only is none.
func TestMetaTellsWhatATokenMayDo(t *testing.T) {
	t.Parallel()
	set, asked := inspected(t, map[string]string{
		"/v26.0/debug_token": `{"data":{"app_id":"app","type":"PAGE","is_valid":true,"expires_at":0,"data_access_expires_at":1803859200,"user_id":"7",
			"profile_id":"100","scopes":["read_insights","pages_show_list","pages_read_engagement","instagram_basic"],
			"granular_scopes":[{"scope":"pages_show_list"},{"scope":"read_insights","target_ids":["200"]},
			{"scope":"pages_read_engagement","target_ids":["200","100"]},{"scope":"instagram_basic","target_ids":["900"]}]}}`,
	})
	facebook := inspector(t, set, domain.Facebook)
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
	require.True(t, facebook.Inspects(page))
	facts, err := facebook.Inspect(t.Context(), page)
	require.NoError(t, err)
	require.Equal(t, platforms.TokenFacts{
		Granted: []string{"instagram_basic", "pages_read_engagement", "pages_show_list"}, DataAccessUntil: time.Unix(1803859200, 0).UTC(),
	}, facts)
	call := (*asked)[0]
	require.Equal(t, "Tok3n", call.Form.Get("input_token"))
	require.Equal(t, "Bearer app|"+clientSecret, call.Header.Get("Authorization"), "in our app's name")

	behind, err := inspector(t, set, domain.Instagram).Inspect(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "901"})
	require.NoError(t, err)
	require.Equal(t, []string{"pages_read_engagement", "pages_show_list", "read_insights"}, behind.Granted, "pages are not told from accounts")
	require.False(t, inspector(t, set, domain.Instagram).Inspects(platforms.Target{InstagramLogin: true}))
}

// That our app is refused must kill no connection; that the token is dead does.
func TestRefusedAppIsNoDeadToken(t *testing.T) {
	t.Parallel()
	refusing, _ := inspected(t, map[string]string{
		"/v26.0/debug_token": `{"error":{"message":"Invalid OAuth access token signature.","type":"OAuthException","code":190,"fbtrace_id":"x"}}`,
	})
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "100"}
	_, err := inspector(t, refusing, domain.Facebook).Inspect(t.Context(), page)
	requireClass(t, platforms.ClassInvalid, err)
	require.ErrorContains(t, err, "id or secret")
	require.NotContains(t, err.Error(), "Tok3n")

	dead, _ := inspected(t, map[string]string{
		"/v26.0/debug_token":        `{"data":{"app_id":"app","is_valid":false,"error":{"code":190,"subcode":460,"message":"x"},"scopes":[]}}`,
		"/oauth/v2/introspectToken": `{"active":false,"status":"revoked"}`,
	})
	_, err = inspector(t, dead, domain.Facebook).Inspect(t.Context(), page)
	requireClass(t, platforms.ClassReconnect, err)
	_, err = inspector(t, dead, domain.LinkedIn).Inspect(t.Context(), platforms.Target{AccessToken: "Tok3n", AccountType: domain.LinkedInProfile})
	requireClass(t, platforms.ClassReconnect, err)
}

// LinkedIn parts granted scopes by commas and counts in seconds. TikTok does not say what a token may do.
func TestLinkedInTellsWhatATokenMayDo(t *testing.T) {
	t.Parallel()
	set, asked := inspected(t, map[string]string{
		"/oauth/v2/introspectToken": `{"active":true,"client_id":"app","status":"active","scope":"rw_organization_admin,r_basicprofile","expires_at":1803859200}`,
	})
	page := platforms.Target{AccessToken: "Tok3n", ExternalID: "5501", AccountType: domain.LinkedInCompanyPage}
	linkedIn := inspector(t, set, domain.LinkedIn)
	facts, err := linkedIn.Inspect(t.Context(), page)
	require.NoError(t, err)
	require.Equal(t, platforms.TokenFacts{
		Granted: []string{"r_basicprofile", "rw_organization_admin"}, ExpiresAt: time.Unix(1803859200, 0).UTC(),
	}, facts)
	require.Equal(t, "Tok3n", (*asked)[0].PostForm.Get("token"))
	require.False(t, inspector(t, set, domain.TikTok).Inspects(platforms.Target{}))
}
