package api_test

import (
	"context"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const connectAt = "https://boards.example"

// connectDesk is the real use cases of connecting over a log's tables; the platforms are a test's.
func connectDesk(t *testing.T, log *foldtest.Log, now func() time.Time) *connect.Connect {
	t.Helper()
	pool, secrets := openVault(t, log)
	desk, err := connect.New(connect.Config{
		Directory: readmodels.Connecting{Pool: log.DB.ReadOnly}, Store: vault.NewConnecting(pool), Secrets: secrets,
		Places: readmodels.Connections{Pool: log.DB.ReadOnly}, SignIns: &dialogs{}, Log: log, Moved: func() <-chan struct{} { return nil },
		Look: func(context.Context, domain.FetchQueue) error { return nil },
		Meta: metaApp(t), Asked: func() {},
		PublicURL: connectAt, Apps: map[domain.Platform]string{domain.Facebook: "app"}, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return desk
}

// metaApp is what Meta's calls are known by.
func metaApp(t *testing.T) *platforms.Set {
	t.Helper()
	set, err := platforms.New(platforms.Config{Facebook: platforms.Endpoint{ClientID: "app", ClientSecret: "APPSECRET"}})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	return set
}

// dialogs are those of platforms where one person always agrees, with two pages; the name of the second is markup.
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
	}, nil
}

func (*dialogs) GiveBack(context.Context, platforms.Tokens) error { return nil }
