package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"

	"github.com/stretchr/testify/require"
)

// chance is what is another one each time: ids of sign-ins and links, and what their addresses end in.
var chance = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|/connect/(start|link)/[A-Z2-7]{26}`)

// The answers of connecting are frozen as those of the figures are, but for what is left to chance.
func TestConnectGoldenAnswers(t *testing.T) {
	t.Parallel()
	log := setupTenants(t).facts
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	deps := mainAppDeps(t, log, holders{"PAGESTOKEN": {PersonID: "90011", Offered: []platforms.Offered{
		{Platform: domain.Facebook, ExternalID: "90011", AccessToken: "PAGESTOKEN", MayRead: true},
	}}})
	register, tokens := deps.Register.(connect.Registrations), deps.Tokens.(collect.HandOverTokens)
	register.Now, tokens.Now = now, now
	b := setup(t, func(d *api.Deps) {
		d.Connect, d.MainApp = connectDesk(t, log, now), &api.MainAppDeps{Register: register, Tokens: tokens}
	})
	golden := func(name, method, path, role, body string) map[string]any {
		t.Helper()
		got := b.ask(method, path, body, "Authorization: Bearer "+b.tokenOf(role))
		require.Equal(t, http.StatusOK, got.status, got.body)
		requireGolden(t, name, chance.ReplaceAllString(got.body, "CHANCE"))
		data, _ := got.object(t)["data"].(map[string]any)
		return data
	}
	begun := golden("connect_begun", http.MethodPost, "/api/connect", "agency", forClient1)
	status := "/api/connect/" + begun["id"].(string)
	golden("connect_status_begun", http.MethodGet, status, "agency", "")
	browser := &visitor{b: b}
	choose := browser.visit(atPlatform(t, browser.visit(begun["start_url"].(string), nil)), nil).header.Get("Location")
	golden("connect_status_choosing", http.MethodGet, status, "agency", "")
	chosen := browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1001"))
	require.Equal(t, http.StatusSeeOther, chosen.status, chosen.body)
	golden("connect_status_done", http.MethodGet, status, "agency", "")
	page := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")
	golden("connect_disconnected", http.MethodPost, fmt.Sprintf("/api/platforms/%d/disconnect", page), "agency", "")

	link := golden("connect_link_made", http.MethodPost, "/api/connect/links", "agency", `{"platforms":[4,1],"days":14,"account":"`+client1+`"}`)
	golden("connect_links", http.MethodGet, "/api/connect/links", "agency", "")
	golden("connect_link_revoked", http.MethodPost, "/api/connect/links/"+link["id"].(string)+"/revoke", "agency", "")

	registered := golden("main_app_page", http.MethodPost, "/api/platforms", "main_app", registersPage)
	golden("main_app_tokens", http.MethodPut, fmt.Sprintf("/api/connections/%.0f/tokens", registered["connection_id"]), "main_app",
		`{"access_token":"PAGESTOKEN","expires_at":"2027-01-01T00:00:00Z"}`)
}
