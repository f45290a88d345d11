package app

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// ConnectConfig configures how people connect accounts in a browser.
type ConnectConfig struct {
	PublicURL     string   // of this service
	ReturnOrigins []string // other origins that a result page may link to
}

func (s *Service) newConnect(
	c ConnectConfig, fetch FetchConfig, clients *platforms.Set, secrets *vault.Secrets,
) *connect.Connect {
	at := fetch.Platforms
	config := connect.Config{
		Directory: directory.Connecting{Pool: s.ReadPool}, Store: vault.Connecting{Pool: s.KeptPool}, Secrets: secrets,
		Places: directory.Connections{Pool: s.ReadPool}, SignIn: clients.SignIn, Log: s.Log,
		Gate:         func() error { return s.Monitor.MayWrite(projectors.Directory.Name) },
		Moved:        s.directoryMoved,
		WakeFetchers: s.wakeFetchers,
		PublicURL:    c.PublicURL, ReturnOrigins: c.ReturnOrigins,
		Apps: map[domain.Platform]string{
			domain.Facebook: at.Facebook.ClientID, domain.Instagram: at.Instagram.ClientID,
			domain.LinkedIn: at.LinkedIn.ClientID, domain.TikTok: at.TikTok.ClientID,
		},
		Now: fetch.Now, Logger: s.settings.Logger,
	}
	if clients.ReceivesMetaRequests() {
		config.Meta, config.Asked = clients.Signed, s.Asked
	}
	return &connect.Connect{Config: config}
}

// CheckPublicURL returns an error if platforms cannot redirect people to base. Platforms redirect
// only to HTTPS URLs; for a loopback host, HTTP is valid too, because the simulator accepts it. An
// empty base is valid.
func CheckPublicURL(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.HasSuffix(base, "/") {
		return fmt.Errorf("%q must have the form https://host, without a trailing slash", base)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%q must begin with https://: platforms redirect people only to HTTPS URLs", base)
	}
	return nil
}

func (s *Service) openPlatforms(ctx context.Context, c FetchConfig) (err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if s.config.Fetches {
		fetch := c
		fetch.Collect.Ready = s.fetchable
		if s.Fetcher, err = s.NewFetcher(ctx, fetch); err != nil {
			return err
		}
	}
	network, err := s.network(ctx, c)
	if err != nil {
		return err
	}
	s.versions = network.clients.Versions
	secrets, err := s.Secrets(ctx)
	if err != nil {
		return err
	}
	if s.config.Connect != nil {
		s.Connect = s.newConnect(*s.config.Connect, c, network.clients, secrets)
	}
	connecting := directory.Connecting{Pool: s.ReadPool}
	s.mainApp = &api.MainAppDeps{
		Register: connect.Registrations{
			Directory: connecting, EntitiesByKey: s.entities().EntitiesByKey, Secrets: secrets, Log: s.Log,
			Moved: s.directoryMoved, Now: c.Now,
		},
		Tokens: collect.HandOverTokens{
			Places: directory.Connections{Pool: s.ReadPool}, Secrets: secrets, Now: c.Now,
			Pages: connecting, Consent: network.clients.ConsentOf, WakeFetchers: s.wakeFetchers,
		},
	}
	return nil
}

func (s *Service) directoryMoved() <-chan struct{} {
	return s.progress.Changed(projectors.Directory.Name, pg.AnyKey)
}
