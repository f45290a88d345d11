package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// Under a prefix everything is where it is at the root, and what an answer says of addresses is right.
func TestEverythingWorksUnderAPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.Prefix = "/main/boards"
	})
	b.meta = analytics.Meta{NextCursor: "next"}
	mux := http.NewServeMux()
	mux.Handle("/main/boards/", b.server)
	stripping := http.NewServeMux()
	stripping.Handle("/main/boards/", http.StripPrefix("/main/boards", b.server))
	router := chi.NewRouter()
	router.Mount("/main/boards", b.server)
	for name, application := range map[string]http.Handler{"left in": mux, "net/http": stripping, "chi": router} {
		get := func(path string, headers ...string) answer {
			return ask(t, application, http.MethodGet, "/main/boards"+path, "", append(headers, "Authorization: Bearer "+b.agencyToken())...)
		}
		var document struct{ Servers []struct{ URL string } }
		require.NoError(t, json.Unmarshal([]byte(get("/openapi.json").body), &document), name)
		require.Equal(t, "/main/boards/", document.Servers[0].URL, name)
		page := get(insightsPath+"?tz=UTC", "Accept: text/csv")
		require.Equal(t, `<?cursor=next&tz=UTC>; rel="next"`, page.header.Get("Link"), "relative to the request: %s", name)
		require.Equal(t, http.StatusOK, get(insightsPath+"/").status, name)
		require.Equal(t, http.StatusOK, get("/socket.io/?EIO=4&transport=polling").status, name)
		require.Equal(t, "not_found", get("/nowhere").failure(t).Code, name)
		require.Equal(t, http.StatusNoContent, ask(t, application, http.MethodOptions, "/main/boards/healthz", "").status, name)
	}
	for _, prefix := range []string{"boards", "/boards/", "/"} {
		_, err := api.Handler(api.Deps{Config: api.Config{Prefix: prefix}})
		require.ErrorContains(t, err, "Config.Prefix", prefix)
	}
}

// The documents are made once and say each reader where it is.
func TestDocumentsSayWhereTheyWereRead(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) { d.Config.Prefix = "/main/boards" })
	for _, base := range []string{"", "/main/boards", ""} {
		var routes struct{ Servers []struct{ URL string } }
		require.NoError(t, json.Unmarshal([]byte(ask(t, b.server, http.MethodGet, base+"/openapi.json", "").body), &routes))
		require.Equal(t, base+"/", routes.Servers[0].URL)
		var events asyncDocument
		require.NoError(t, json.Unmarshal([]byte(ask(t, b.server, http.MethodGet, base+"/asyncapi.json", "").body), &events))
		require.Equal(t, base+"/", events.Servers["http"].Pathname)
	}
}
