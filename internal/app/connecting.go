package app

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

func (s *Service) newConnect(now func() time.Time, clients *platforms.Set, secrets *vault.Secrets) *connect.Connect {
	config := connect.Config{
		Directory: directory.Connecting{Pool: s.ReadPool}, Store: vault.Connecting{Pool: s.KeptPool}, Secrets: secrets,
		Places: directory.Connections{Pool: s.ReadPool}, SignIn: clients.SignIn, Log: s.Log,
		Gate:         func() error { return s.Monitor.MayWrite(projectors.Directory.Name) },
		Moved:        s.directoryMoved,
		WakeFetchers: s.wakeFetchers,
		PublicURL:    s.config.PublicURL, ReturnOrigins: s.config.returnOrigins(),
		Apps: s.config.appIDs(),
		Now:  now, Logger: s.config.Logger,
	}
	if clients.ReceivesMetaRequests() {
		config.Meta, config.Asked = clients.Signed, s.Asked
	}
	return &connect.Connect{Config: config}
}

func (s *Service) openPlatforms(ctx context.Context) error {
	c, err := s.config.Fetch()
	if err != nil {
		return err
	}
	network, err := s.openNetwork(ctx, c)
	if err != nil {
		return err
	}
	s.versions = network.clients.Versions
	if s.config.Has(RoleFetcher) {
		fetch := c
		fetch.Collect.Ready = s.fetchable
		if s.Fetcher, err = s.newFetcher(fetch, network); err != nil {
			return err
		}
	}
	connecting := s.newConnect(c.Now, network.clients, s.secrets)
	if s.config.Connects() {
		s.Connect = connecting
	}
	s.mainApp = &api.MainAppDeps{
		Register: connect.Registrations{Connect: connecting, EntitiesByKey: s.entities().EntitiesByKey},
		Tokens: collect.HandOverTokens{
			Places: connecting.Places, Secrets: s.secrets, Now: c.Now,
			Pages: connecting.Directory, Consent: network.clients.ConsentOf, WakeFetchers: s.wakeFetchers,
		},
	}
	return nil
}

func (s *Service) directoryMoved() <-chan struct{} {
	return s.progress.Changed(projectors.Directory.Name, pg.AnyKey)
}
