package mount_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
)

// The console is served to whom the main application has signed in, below its prefix and whichever router it uses. Others go to the
// application's own page.
func TestMountedConsole(t *testing.T) {
	t.Parallel()
	config := runBeside(t).config(api.AuthenticatorFunc(byCookie))
	config.HTTP.Prefix, config.ConsoleSignIn = "/boards", "/login"
	boards, err := mount.Open(t.Context(), config)
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- boards.Run(context.Background()) }()
	t.Cleanup(func() {
		require.NoError(t, boards.Close())
		require.NoError(t, <-ran)
	})
	require.Eventually(t, func() bool { return get(boards.Handler(), "/readyz", "").Code == http.StatusOK }, patience, often)
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
