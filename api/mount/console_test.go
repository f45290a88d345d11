package mount_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

// The main application's people find the console below its prefix, whichever router it uses. Others go to the application's own page.
func testConsole(t *testing.T, r running) {
	config := r.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.Prefix, config.ConsoleSignIn = "/boards", "/login"
	boards := open(t, config)
	plain, routed := http.NewServeMux(), chi.NewRouter()
	plain.Handle("/boards/", boards.Handler())
	routed.Mount("/boards", boards.Handler())
	require.Equal(t, http.StatusNotFound, get(plain, "/boards/boards/api/accounts", "alice's").Code, "where a rule of the application for a path would not look")
	for name, router := range map[string]http.Handler{"net/http": plain, "chi": routed, "stripped": http.StripPrefix("/boards", boards.Handler())} {
		var page *httptest.ResponseRecorder
		served(func() int { page = get(router, "/boards/console/clients", "alice's"); return page.Code })
		require.Equal(t, http.StatusOK, page.Code, "%s: %s", name, page.Body)
		require.Contains(t, page.Body.String(), `href="/boards/console/clients/`+client, name)
		require.NotContains(t, page.Body.String(), `"/console`, name)
		require.Empty(t, page.Result().Cookies(), name)
		served(func() int { page = get(router, "/boards/api/accounts", "alice's"); return page.Code })
		require.Equal(t, http.StatusOK, page.Code, name)

		page = get(router, "/boards/console/history?q=x", "nobody's")
		require.Equal(t, http.StatusSeeOther, page.Code, name)
		require.Equal(t, "/login?"+url.Values{"to": {"/boards/console/history?q=x"}}.Encode(), page.Header().Get("Location"), name)
		served(func() int { page = get(router, "/boards/console/sign-in", "alice's"); return page.Code })
		require.Equal(t, http.StatusNotFound, page.Code, name)
		served(func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/boards/console/sessions/end", strings.NewReader("all=1"))
			r.AddCookie(&http.Cookie{Name: "session", Value: "alice's"})
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			page = httptest.NewRecorder()
			router.ServeHTTP(page, r)
			return page.Code
		})
		require.Equal(t, http.StatusForbidden, page.Code, name)
		require.Contains(t, page.Body.String(), "by a page of another site", name)
	}
}
