package mount_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// People connect pages under the prefix; the main application registers pages and hands over
// tokens.
func testConnecting(t *testing.T, r running) {
	sim := simulator.New(simulator.Config{Seed: 7, ClientID: "app", ClientSecret: "APPSECRET"})
	sim.AddPeople(time.Now().AddDate(0, 0, -7))
	platform, mux := ledgertest.Serve(t, sim), http.NewServeMux()
	public := strings.Replace(ledgertest.Serve(t, mux), "127.0.0.1", "localhost", 1) + "/boards" // where browsers keep secure cookies

	config := r.config(api.AuthenticatorFunc(byCookie))
	config.HTTP.Prefix = "/boards"
	config.SecretsKey, config.PublicURL = strings.Repeat("ab", 32), public
	config.FacebookAppID, config.FacebookAppSecret, config.PlatformsURL = "app", "APPSECRET", platform
	boards := open(t, config)
	mux.Handle("/boards/", boards.Handler())

	ask := func(method, path, body string, by http.Handler, into any) int {
		t.Helper()
		answer := served(func() ledgertest.Answer {
			return ledgertest.Ask(t, by, method, "/boards"+path, body, "Cookie: session=alice's")
		})
		answer.Data(t, into)
		return answer.Status
	}
	staff := boards.Handler()
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		staff.ServeHTTP(w, r.WithContext(api.WithPrincipal(r.Context(), api.Principal{UserID: "my-app", Roles: api.Roles{api.RoleMainApp}})))
	})

	var begun struct {
		ID       string `json:"id"`
		StartURL string `json:"start_url"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodPost, "/api/connect", `{"platform":1,"account":"`+client+`"}`, staff, &begun))
	require.True(t, strings.HasPrefix(begun.StartURL, public+"/connect/start/"), begun.StartURL)
	offered := ledgertest.SignIn(t, begun.StartURL, simulator.Mara, "90011").Says(t, http.StatusOK, "Harbour Bakery")
	require.Contains(t, offered.Request, public+"/connect/choose/"+begun.ID, "it comes back below the prefix, and is led on to the choice")
	var status struct {
		Step    string `json:"step"`
		Outcome struct {
			Connected []struct {
				Name string `json:"name"`
			} `json:"connected"`
		} `json:"outcome"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/api/connect/"+begun.ID, "", staff, &status))
	require.Equal(t, "done", status.Step)
	require.Equal(t, "Harbour Bakery", status.Outcome.Connected[0].Name)

	// Who wants to be forgotten is erased by the mounted handler alone.
	at := ledgertest.EraseAtMeta(t, platform, simulator.Mara, public)
	ledgertest.Eventually(t, func() bool {
		return strings.Contains(ledgertest.Send(ledgertest.Once, http.MethodGet, at, "").Body, "Your data has been deleted")
	})
	var left []struct {
		Status string `json:"status"`
		Text   string `json:"text"`
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/api/platforms", "", staff, &left))
	require.Contains(t, fmt.Sprint(left), "{disconnected The person who connected it asked the platform to delete their data.")

	var page struct {
		Connection int64 `json:"connection_id"`
	}
	registers := `{"account":"` + client + `","platform":1,"external_id":"90012","name":"Catering"}`
	require.Equal(t, http.StatusOK, ask(http.MethodPost, "/api/platforms", registers, app, &page))
	own := func(token string) string { return fmt.Sprintf(`{"access_token":%q}`, token) }
	tokens := fmt.Sprintf("/api/connections/%d/tokens", page.Connection)
	invented := func() int { return ask(http.MethodPut, tokens, own("invented"), app, &struct{}{}) }
	for until := time.Now().Add(patience); invented() == http.StatusNotFound && time.Now().Before(until); { // its record is not folded yet
		time.Sleep(often)
	}
	require.Equal(t, http.StatusUnprocessableEntity, invented())
	require.Equal(t, http.StatusOK, ask(http.MethodPut, tokens, own(sim.Tokens(1, "90012").Access), app, &struct{}{}))
	require.Equal(t, http.StatusForbidden, ask(http.MethodPut, tokens, own("invented"), staff, &struct{}{}))
}
