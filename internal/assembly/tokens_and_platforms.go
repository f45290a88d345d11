package assembly

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// openPlatforms completes what calls the platforms: what reads them, takes tokens of a main application, and connects pages.
func (s *Service) openPlatforms(ctx context.Context, c FetchConfig) (err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if s.config.Fetches {
		fetch := c
		fetch.Schedule.Ready = s.fetchable
		if s.Fetcher, err = s.NewFetcher(ctx, fetch); err != nil {
			return err
		}
	}
	network, err := s.network(ctx, c)
	if err != nil {
		return err
	}
	secrets, err := s.Secrets(ctx)
	if err != nil {
		return err
	}
	if s.config.Connect != nil {
		if s.Connect, err = s.newConnect(*s.config.Connect, c, network.clients, secrets); err != nil {
			return err
		}
	}
	directory := readmodels.Connecting{Pool: s.ReadPool}
	s.mainApp = &api.MainAppDeps{
		Register: connect.Registrations{
			Directory: directory, Told: readmodels.ToldEntities{Pool: s.ReadPool, Registry: s.events}, Secrets: secrets, Log: s.Log,
			Moved: s.directoryMoved, Now: c.Now,
		},
		Tokens: collect.HandOverTokens{
			Places: readmodels.Connections{Pool: s.ReadPool}, Secrets: secrets, Now: c.Now,
			Check: &collect.CheckHandedOver{Pages: directory, Platforms: network.clients}, Look: s.wakeFetchers,
		},
	}
	return nil
}

// directoryMoved returns a channel that is closed when the directory's tables move next.
func (s *Service) directoryMoved() <-chan struct{} {
	return s.progress.Moved(projectors.Directory{}.Name(), pg.AnyKey)
}
