package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// holders says what tokens read; a token that it does not know is refused.
type holders map[string]platforms.Consent

func (h holders) Holds(_ context.Context, p domain.Platform, t platforms.Target) (platforms.Consent, error) {
	consent, known := h[t.AccessToken]
	if !known {
		return consent, &platforms.Error{Reason: domain.StatusRefused, Platform: p, Op: "sign_in_who", PlatformMessage: "the person's name stands here"}
	}
	return consent, nil
}

// onePage is of a person who may have its page read.
var onePage = holders{"PAGESTOKEN": {PersonID: "90011", Offered: []platforms.Offered{
	{Platform: domain.Facebook, ExternalID: "90011", AccessToken: "PAGESTOKEN", MayRead: true},
}}}

func secretsOf(t *testing.T, log *ledgertest.Log) *vault.Secrets {
	t.Helper()
	return ledgertest.Secrets(t, log.Vault(), ledgertest.Key)
}

// mainAppDeps are the real use cases over a log's tables; the platforms are a test's.
func mainAppDeps(t *testing.T, log *ledgertest.Log, at holders) *api.MainAppDeps {
	t.Helper()
	secrets, connecting := secretsOf(t, log), connectDesk(t, log, time.Now)
	return &api.MainAppDeps{
		Register: connect.Registrations{
			Connect: connecting, EntitiesByKey: directory.Lookup{Pool: log.DB.ReadOnly, Registry: domain.NewRegistry()}.EntitiesByKey,
		},
		Tokens: collect.HandOverTokens{
			Places: directory.Connections{Pool: log.DB.ReadOnly}, Secrets: secrets, Now: time.Now,
			Pages: connecting.Directory, Consent: at.Holds, WakeFetchers: func(context.Context, domain.FetchQueue) error { return nil },
		},
	}
}

// registered registers a page and returns what the answer says.
func (b *bundle) registered(body string) (ledgertest.Answer, connect.Registered) {
	b.t.Helper()
	a, done := b.ask(http.MethodPost, "/api/platforms", body, "Authorization: Bearer "+b.tokenOf("main_app")), connect.Registered{}
	a.Data(b.t, &done)
	return a, done
}

func (b *bundle) handOver(connection int64, body string) ledgertest.Answer {
	b.t.Helper()
	return b.ask(http.MethodPut, fmt.Sprintf("/api/connections/%d/tokens", connection), body, "Authorization: Bearer "+b.tokenOf("main_app"))
}

const registersPage = `{"account":"` + client1 + `","platform":1,"external_id":"90011","name":"Harbour Bakery"}`

// A main application that signs people in itself registers a page and hands its token over: sealed,
// and nowhere else.
func TestMainAppRegistersPageAndHandsOverToken(t *testing.T) {
	t.Parallel()
	const person, page = "PERSONSSECRETWORD", "PAGESSECRETWORD"
	log := tenants(t)
	deps := mainAppDeps(t, log, holders{person: {PersonID: "7001", Offered: []platforms.Offered{
		{Platform: domain.Facebook, ExternalID: "90011", AccessToken: page, MayRead: true},
	}}})
	b := setup(t, func(d *api.Deps) { d.MainApp = deps })
	a, done := b.registered(registersPage)
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	require.Equal(t, connect.Registered{
		SocialAccountID: domain.ComputedSocialAccount(agency, domain.Facebook, 0, "90011"), ConnectionID: domain.HandedOverGrant(domain.PageRef{Platform: domain.Facebook, ExternalID: "90011"}).ConnectionID(agency),
		MemberID: done.MemberID, Connected: true, Changed: true, Subscribed: true,
	}, done)
	again, same := b.registered(registersPage)
	done.Changed = false
	require.Equal(t, done, same, again.Body)

	records := func() (all string) {
		for _, topic := range []string{domain.TopicDirectory, domain.TopicOperations, domain.TopicMetrics} {
			for _, r := range log.Records(topic) {
				all += string(r.Value)
			}
		}
		return all
	}
	stored := func() (tokens commands.StoredTokens, err error) {
		raw, err := secretsOf(t, log).Get(t.Context(), domain.HandedOverRef(done.ConnectionID))
		if err == nil {
			err = json.Unmarshal(raw, &tokens)
		}
		return tokens, err
	}
	for body, want := range map[string]struct {
		status int
		says   string
	}{
		`{"access_token":"SOMEBODYELSES"}`: {http.StatusUnprocessableEntity, "refused access_token"},
		`{"access_token":""}`:              {http.StatusBadRequest, "is empty"},
		`{}`:                               {http.StatusBadRequest, "is empty"},
		`{"access_token":7}`:               {http.StatusBadRequest, "access_token cannot be read"},
		`{"access_token":"PERSONSSECRETWORD","expires_in":60}`:                     {http.StatusBadRequest, "unknown"},
		`{"access_token":"PERSONSSECRETWORD","PERSONSSECRETWORD":1}`:               {http.StatusBadRequest, "unknown"},
		`{"access_token":"PERSONSSECRETWORD","expires_at":"tomorrow"}`:             {http.StatusBadRequest, "RFC 3339"},
		`{"access_token":"PERSONSSECRETWORD","expires_at":"2020-01-01T00:00:00Z"}`: {http.StatusBadRequest, "in the past"},
		`{"access_token":"PERSONSSECRETWORD","instagram_login":true}`:              {http.StatusBadRequest, "instagram_login"},
		`{"access_token":"` + strings.Repeat("x", api.MaxBody) + `"}`:              {http.StatusRequestEntityTooLarge, "larger than"},
		`["PERSONSSECRETWORD"]`: {http.StatusBadRequest, "JSON object"},
	} {
		refused := b.handOver(done.ConnectionID, body)
		refused.Says(t, want.status, want.says).Lacks(t, "SECRETWORD", "stands here") // the platform's words name people
		_, err := stored()
		require.ErrorIs(t, err, vault.ErrNoSecret, body)
	}
	require.Equal(t, http.StatusNotFound, b.handOver(999, `{"access_token":"`+person+`"}`).Status)

	taken := b.handOver(done.ConnectionID, `{"access_token":"`+person+`","expires_at":"2099-01-01T00:00:00Z"}`).Says(t, http.StatusOK, `"replaced":false,"unchanged":false`)
	tokens, err := stored()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"90011": page}, tokens.Pages)
	for where, text := range map[string]string{"answer": taken.Body, "log": records(), "log lines": b.log.String()} {
		require.NotContains(t, text, "SECRETWORD", where)
	}

	a, ended := b.registered(strings.Replace(registersPage, "}", `,"connected":false}`, 1))
	require.Equal(t, http.StatusOK, a.Status, a.Body)
	require.Equal(t, []bool{false, true}, []bool{ended.Connected, ended.Changed})
	_, err = stored()
	require.ErrorIs(t, err, vault.ErrNoSecret)
	a, ended = b.registered(strings.Replace(registersPage, "}", `,"connected":false}`, 1))
	require.False(t, ended.Changed, a.Body)
	_, back := b.registered(registersPage)
	require.Equal(t, done.SocialAccountID, back.SocialAccountID)
	require.True(t, back.Connected && back.Changed)
}

// What cannot be registered says why, and nothing is appended.
func TestInvalidRegistrationAppendsNothing(t *testing.T) {
	t.Parallel()
	b := setupTenants(t)
	log := b.facts
	log.Put(t,
		domain.DirectoryConnection{ID: domain.FirstComputedID + 5, MemberID: 7, Platform: domain.Facebook, SecretRef: "grant/abc"},
		domain.DirectorySocialAccount{
			ID: domain.FirstComputedID + 6, ParentAccount: agency, AccountID: client1, MemberID: 7, ConnectionID: domain.FirstComputedID + 5,
			Platform: domain.Facebook, ExternalID: "777", Name: "Signed in here", Connected: true,
		},
		domain.DirectoryConnection{ID: 55, MemberID: 7, Platform: domain.Facebook, SecretRef: "grant/abc"},
		domain.DirectorySocialAccount{
			ID: 56, ParentAccount: agency, AccountID: client2, MemberID: 9, ConnectionID: 55, Platform: domain.Facebook, ExternalID: "778", Name: "Held", Connected: true,
		},
	)
	before := len(log.Records(domain.TopicDirectory))
	for body, want := range map[string]struct {
		status int
		says   string
	}{
		`{}`: {http.StatusBadRequest, "account"},
		`{"account":"x","platform":1,"external_id":"1","name":"n"}`:                                    {http.StatusBadRequest, "24 hex digits"},
		`{"account":"ffffffffffffffffffffffff","platform":1,"external_id":"1","name":"n"}`:             {http.StatusNotFound, "account"},
		`{"account":"` + client1 + `","platform":2,"external_id":"1","name":"n"}`:                      {http.StatusBadRequest, "platform"},
		`{"account":"` + client1 + `","platform":"facebook","external_id":"1","name":"n"}`:             {http.StatusBadRequest, "platform"},
		`{"account":"` + client1 + `","platform":4,"external_id":"1","name":"n"}`:                      {http.StatusBadRequest, "a_type"},
		`{"account":"` + client1 + `","platform":1,"a_type":1,"external_id":"1","name":"n"}`:           {http.StatusBadRequest, "a_type"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1 2","name":"n"}`:                    {http.StatusBadRequest, "external_id"},
		`{"account":"` + client1 + `","platform":1,"external_id":"","name":"n"}`:                       {http.StatusBadRequest, "external_id"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":" "}`:                      {http.StatusBadRequest, "name"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":"Mara\u202egnp"}`:          {http.StatusBadRequest, "text direction"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":"n","user":"bob"}`:         {http.StatusBadRequest, "user"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":"n","user":"` + bob + `"}`: {http.StatusUnprocessableEntity, "not an active user"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":"n","tokens":1}`:           {http.StatusBadRequest, "unknown member"},
		`{"account":"` + client1 + `","platform":1,"external_id":"777","name":"n"}`:                    {http.StatusConflict, "sign-in in ledgerboard"},
		`{"account":"` + client1 + `","platform":1,"external_id":"778","name":"n"}`:                    {http.StatusConflict, "Another client"},
		`{"account":"` + client1 + `","platform":1,"external_id":"1","name":"n","connected":false}`:    {http.StatusNotFound, "not registered"},
	} {
		a, _ := b.registered(body)
		require.Equal(t, want.status, a.Status, "%s: %s", body, a.Body)
		require.Contains(t, a.Body, want.says)
	}
	require.Len(t, log.Records(domain.TopicDirectory), before)
	for _, ofSignIn := range []int64{domain.FirstComputedID + 5, 55} { // a caller that names the place of a consent's tokens
		b.handOver(ofSignIn, `{"access_token":"STOLEN"}`).Says(t, http.StatusConflict)
	}
	// The main application's own page keeps its id and connection.
	a, own := b.registered(`{"account":"` + client2 + `","platform":1,"external_id":"778","name":"Held"}`)
	require.Equal(t, []int64{56, 55}, []int64{own.SocialAccountID, own.ConnectionID}, a.Body)
	// LinkedIn's id is one, with and without what makes a URN of it.
	_, plain := b.registered(`{"account":"` + client1 + `","platform":4,"a_type":2,"external_id":"90041","name":"Page","user":"` + alice + `"}`)
	_, urn := b.registered(`{"account":"` + client1 + `","platform":4.0,"a_type":2.0,"external_id":"urn:li:organization:90041","name":"Page","user":"` + alice + `"}`)
	require.False(t, urn.Changed)
	require.Equal(t, plain.SocialAccountID, urn.SocialAccountID)
	// So it is where the main application has told the page as a URN: its record stays the one of
	// this page.
	log.Put(t, domain.DirectorySocialAccount{
		ID: 57, ParentAccount: agency, AccountID: client1, MemberID: 7, ConnectionID: 58, Platform: domain.LinkedIn, AccountType: domain.LinkedInCompanyPage,
		ExternalID: "urn:li:organization:90042", Name: "Told", Connected: true,
	})
	a, told := b.registered(`{"account":"` + client1 + `","platform":4,"a_type":2,"external_id":"90042","name":"Told"}`)
	require.Equal(t, []int64{57, 58}, []int64{told.SocialAccountID, told.ConnectionID}, a.Body)
}
