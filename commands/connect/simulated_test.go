package connect_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// network is a stage whose platforms are the simulated ones, over HTTP.
type network struct {
	*stage

	set    *platforms.Set
	client *http.Client
}

func newNetwork(t *testing.T) network {
	t.Helper()
	s := newStage(t)
	sim := simulator.New(simulator.Config{Seed: 1, ClientID: "app", ClientSecret: "APPSECRET", Clock: func() time.Time { return s.now }})
	sim.AddPeople(today.AddDate(0, -1, 0))
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	at := func(path string) platforms.Endpoint {
		base := server.URL + path
		return platforms.Endpoint{BaseURL: base, AuthURL: base, DialogURL: base, ClientID: "app", ClientSecret: "APPSECRET"}
	}
	set, err := platforms.New(platforms.Config{
		Facebook: at(simulator.PathFacebook), Instagram: at(simulator.PathInstagram), LinkedIn: at(simulator.PathLinkedIn), TikTok: at(simulator.PathTikTok),
		HTTPClient: &http.Client{Transport: &http.Transport{}}, Now: func() time.Time { return s.now },
	})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	s.SignIns = set
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return network{s, set, client}
}

var ticked = regexp.MustCompile(`name="(scope|page)" value="([^"]+)" checked`)

// consent signs somebody in with everything ticked but some pages, and comes back to the choice.
func (n network) consent(p domain.Platform, person string, without ...string) (string, connect.View) {
	n.t.Helper()
	begun, err := n.Begin(n.t.Context(), connect.Request{ConnectRequester: ofAgency(north), Platform: p}, n.still)
	require.NoError(n.t, err)
	opened, err := n.Open(n.t.Context(), begun.StartURL[len(public+"/connect/start/"):], browser, n.still)
	require.NoError(n.t, err)
	dialog := opened.Address + "&as=" + person
	form := url.Values{"decision": {"consent"}}
	for _, box := range ticked.FindAllStringSubmatch(n.get(dialog), -1) {
		if len(without) == 0 || box[2] != without[0] {
			form.Add(box[1], box[2])
		}
	}
	response, err := n.client.PostForm(dialog, form) //nolint:noctx // of the test's own server
	require.NoError(n.t, err)
	defer response.Body.Close()
	back, err := response.Location()
	require.NoError(n.t, err)
	id, err := n.CallBack(n.t.Context(), connect.CameBack{
		Platform: p, State: back.Query().Get("state"), Code: back.Query().Get("code"), Error: back.Query().Get("error"), Cookie: browser,
	}, n.still)
	require.NoError(n.t, err)
	view, err := n.View(n.t.Context(), id, browser, n.still)
	require.NoError(n.t, err)
	return id, view
}

func (n network) get(address string) string {
	n.t.Helper()
	response, err := n.client.Get(address) //nolint:noctx // of the test's own server
	require.NoError(n.t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(n.t, err)
	return string(page)
}

// read reads an account with what fetchers find of it.
func (n network) read(account int64) error {
	n.t.Helper()
	page, err := n.Directory.Page(n.t.Context(), agency, account)
	require.NoError(n.t, err)
	place, err := readmodels.Connections{Pool: n.log.DB.ReadOnly}.TokenPlace(n.t.Context(), page.ConnectionID)
	require.NoError(n.t, err)
	raw, err := n.secrets.Get(n.t.Context(), place.SecretRef)
	require.NoError(n.t, err)
	var stored commands.StoredTokens
	require.NoError(n.t, json.Unmarshal(raw, &stored))
	client, err := n.set.For(page.Platform)
	require.NoError(n.t, err)
	_, err = client.Account(n.t.Context(), platforms.Target{
		AccessToken: stored.AccessToken, ExternalID: page.ExternalID, AccountType: page.AccountType, InstagramLogin: stored.InstagramLogin,
	}, platforms.AccountRequest{})
	return err
}

// Each of the five kinds, and Instagram behind a page: what was chosen is read with what is stored.
func TestEveryPlatformIsConnectedAndRead(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	for p, want := range map[domain.Platform]int{domain.Facebook: 3, domain.Instagram: 1, domain.LinkedIn: 3, domain.TikTok: 1} {
		id, view := n.consent(p, simulator.Mara)
		require.NotNil(t, view.Choice, "%s: %v", p, view.Outcome)
		var keys []string
		for _, offer := range view.Choice.Pages {
			if offer.Missing == "" {
				keys = append(keys, offer.Key)
			}
		}
		outcome := n.choose(id, view, keys...)
		require.Len(t, outcome.Connected, want, "%s: %v", p, view.Choice.Pages)
		for _, connected := range outcome.Connected {
			require.NoError(t, n.read(connected.SocialAccountID), "%s %s", p, connected.Name)
		}
	}
	n.silent("APPSECRET")
}

// On Facebook the platform itself ends the token of a page that a second consent leaves out: it is named before, and waits afterwards.
func TestSimulatedPageThatIsLeftOut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	id, view := n.consent(domain.Facebook, simulator.Mara)
	n.choose(id, view, "1.0.90011", "1.0.90012")
	left := domain.ComputedSocialAccount(agency, domain.Facebook, 0, "90012")
	require.NoError(t, n.read(left))
	n.now = n.now.Add(time.Hour)
	id, view = n.consent(domain.Facebook, simulator.Mara, "90012")
	require.Equal(t, []string{"Harbour Bakery Catering (North)"}, view.Choice.FallsAway)
	require.Equal(t, platforms.ClassReconnect, platforms.ClassOf(n.read(left)))
	n.choose(id, view, "1.0.90011")
	require.NotContains(t, n.due(domain.Facebook), left)
	require.NoError(t, n.read(domain.ComputedSocialAccount(agency, domain.Facebook, 0, "90011")))
}
