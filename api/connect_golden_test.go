package api_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const connectAt = "https://boards.example"

// connectDesk returns the real use cases for connecting, with stub platforms.
func connectDesk(t *testing.T, log *ledgertest.Log, now func() time.Time) *connect.Connect {
	t.Helper()
	pool := log.Vault()
	secrets := ledgertest.Secrets(t, pool, ledgertest.Key)
	set, err := platforms.New(platforms.Config{Facebook: platforms.Endpoint{ClientID: "app", ClientSecret: "APPSECRET"}})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	return &connect.Connect{Config: connect.Config{
		Directory: directory.Connecting{Pool: log.DB.ReadOnly}, Store: vault.Connecting{Pool: pool}, Secrets: secrets,
		Places: directory.Connections{Pool: log.DB.ReadOnly}, SignIn: new(dialogs).SignIn, Log: log, Gate: func() error { return nil }, Moved: func() <-chan struct{} { return nil },
		WakeFetchers: func(context.Context, domain.FetchQueue) error { return nil },
		Meta:         set.Signed, Asked: func() {},
		PublicURL: connectAt, Apps: map[domain.Platform]string{domain.Facebook: "app"}, Now: now, Logger: ledgertest.Quiet,
	}}
}

// dialogs are stub platforms at which one person always agrees, with two pages; the name of the
// second page is markup.
type dialogs struct{ redeemed atomic.Int32 } // codes

func (d *dialogs) SignIn(domain.Platform) (platforms.SignIn, error) { return d, nil }

func (*dialogs) Address(state, redirectURI string) string {
	return "https://platform.example/dialog?" + url.Values{"state": {state}, "redirect_uri": {redirectURI}}.Encode()
}

func (d *dialogs) Redeem(context.Context, string, string) (platforms.Consent, error) {
	d.redeemed.Add(1)
	return platforms.Consent{
		PersonID: "77", Name: "Paula", Tokens: platforms.Tokens{AccessToken: "PERSONTOKEN"}, Granted: []string{"read"}, Declined: []string{"read_insights"},
		Offered: []platforms.Offered{
			{Platform: domain.Facebook, ExternalID: "1001", Name: "Bakery", AccessToken: "PAGETOKEN", MayRead: true},
			{Platform: domain.Facebook, ExternalID: "1002", Name: "<script>alert(1)</script>", AccessToken: "PAGETOKEN", MayRead: true},
		},
		NotOffered: []platforms.NotOffered{{Name: "Facebook page 103", Reason: "Facebook does not show it to this service."}},
	}, nil
}

func (*dialogs) RevokeConsent(context.Context, platforms.Tokens) error { return nil }

// chance matches random values: ids of sign-ins and links, and the secrets in their URLs.
var chance = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|/connect/(start|link)/[A-Z2-7]{26}`)

// The responses of connecting are frozen, except for random values.
func TestConnectResponsesMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	log := tenants(t)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	deps := mainAppDeps(t, log, onePage)
	deps.Register.Now, deps.Tokens.Now = now, now
	b := setup(t, func(d *api.Deps) {
		d.Connect, d.MainApp = connectDesk(t, log, now), deps
	})
	golden := func(name, method, path, role, body string) map[string]any {
		t.Helper()
		got := b.ask(method, path, body, "Authorization: Bearer "+b.tokenOf(role)).Says(t, http.StatusOK)
		requireGolden(t, name, chance.ReplaceAllString(got.Body, "CHANCE"))
		data, _ := got.Object(t)["data"].(map[string]any)
		return data
	}
	begun := golden("connect_begun", http.MethodPost, "/api/connect", "agency", forClient1)
	status := "/api/connect/" + begun["id"].(string)
	golden("connect_status_begun", http.MethodGet, status, "agency", "")
	browser := &visitor{b: b}
	choose := browser.visit(atPlatform(t, browser.visit(begun["start_url"].(string), nil)), nil).Header.Get("Location")
	golden("connect_status_choosing", http.MethodGet, status, "agency", "")
	browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1001")).Says(t, http.StatusSeeOther)
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

// said returns a form that Meta sends about a person.
func said(person string, at time.Time) string {
	payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"algorithm":"HMAC-SHA256","user_id":%q,"issued_at":%d}`, person, at.Unix()))
	mac := hmac.New(sha256.New, []byte("APPSECRET"))
	mac.Write([]byte(payload))
	return url.Values{"signed_request": {base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload}}.Encode()
}

func TestMetaDeauthorizeAndDeletionCallbacks(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	start, _ := b.begun("agency", forClient1)
	browser := &visitor{b: b}
	choose := browser.visit(atPlatform(t, browser.visit(start, nil)), nil).Header.Get("Location")
	require.Equal(t, http.StatusSeeOther, browser.visit(choose, ticked(browser.visit(choose, nil), "1.0.1001")).Status)
	call := func(path, form string) ledgertest.Answer {
		return b.ask(http.MethodPost, path, form, "Content-Type: application/x-www-form-urlencoded")
	}
	issued := time.Now().Add(time.Minute)
	require.Equal(t, http.StatusOK, call("/connect/meta/deauthorize", said("77", issued)).Status)
	page := b.get(fmt.Sprintf("/api/platforms/%d", domain.ComputedSocialAccount(agency, domain.Facebook, 0, "1001")), b.agencyToken())
	require.Contains(t, page.Body, "removed our app")
	require.Contains(t, browser.visit(choose, nil).Body, "<h1>Sign in again</h1>")

	known, unknown := call("/connect/meta/delete", said("77", issued)), call("/connect/meta/delete", said("78", issued))
	for _, got := range []ledgertest.Answer{known, unknown} {
		require.Equal(t, http.StatusOK, got.Status, got.Body)
		told := got.Object(t)
		require.Len(t, told, 2, "Meta's members alone")
		browser.visit(told["url"].(string), nil).Says(t, http.StatusOK, "is being deleted")
		require.True(t, strings.HasSuffix(told["url"].(string), told["confirmation_code"].(string)))
	}
	require.Equal(t, known.Body, call("/connect/meta/delete", said("77", issued)).Body)
	nothing := browser.visit("/connect/meta/delete/0123456789abcdef0123456789abcdef", nil).Says(t, http.StatusNotFound, "<h1>Unknown deletion request</h1>", "A code has 32 characters")
	for _, path := range []string{"/connect/meta/deauthorize", "/connect/meta/delete"} {
		forged := call(path, "signed_request=e30.e30").Says(t, http.StatusBadRequest)
		require.Equal(t, forged.Failure(t).Message, call(path, "").Failure(t).Message)
		require.Equal(t, http.StatusRequestEntityTooLarge, call(path, "signed_request="+strings.Repeat("x", 200<<10)).Status)
	}
	require.NotContains(t, b.logged(), "APPSECRET")
	without := &visitor{b: setup(t, func(d *api.Deps) {
		d.Connect = connectDesk(t, b.facts, time.Now)
		d.Connect.Meta = nil
	})}
	require.Equal(t, nothing.Status, without.visit("/connect/meta/delete/x", nil).Status)
	require.Contains(t, without.visit("/connect/meta/delete/x", nil).Body, "A code has 32 characters")
}
