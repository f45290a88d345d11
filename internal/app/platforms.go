package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/pictures"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// FetchConfig configures how platforms are read: quotas, addresses and intervals. This package sets
// the stores, loggers and metrics of its parts.
type FetchConfig struct {
	Quota     collect.GateConfig
	Platforms platforms.Config
	Collect   collect.Config

	// Pictures configures where pictures of posts may be loaded from.
	Pictures pictures.Config

	Now func() time.Time
}

// NewFetcher returns a fetcher with platform clients and quotas of its own, which does nothing until
// [collect.Collector.Run].
func (p *Parts) NewFetcher(ctx context.Context, c FetchConfig) (*collect.Collector, error) {
	if err := p.OpenLog(ctx); err != nil {
		return nil, err
	}
	if _, err := p.Secrets(ctx); err != nil {
		return nil, err
	}
	network, err := p.openNetwork(ctx, c)
	if err != nil {
		return nil, err
	}
	return p.newFetcher(c, network)
}

// newFetcher returns a fetcher of open parts.
func (p *Parts) newFetcher(c FetchConfig, network *network) (*collect.Collector, error) {
	c.Collect.Registerer, c.Collect.Client, c.Collect.Budget = p.registered, network.clients.For, network.gate
	states := vault.Fetching{Pool: network.states}
	c.Collect.Connections, c.Collect.States, c.Collect.Secrets = directory.Connections{Pool: p.ReadPool}, states, p.secrets
	c.Collect.Log, c.Collect.Operations = p.Log, p.Log
	c.Collect.Now, c.Collect.Logger = c.Now, p.config.Logger
	c.Collect.Woken = func(queue domain.FetchQueue) <-chan struct{} {
		return p.progress.Changed(vault.WakeName(queue), pg.AnyKey)
	}
	c.Collect.Pauses = vault.Pauses{Pool: p.KeptPool}.List
	job := &pictureJob{
		kept: vault.NewPictures(network.states, p.keys), contents: readmodels.Contents{Pool: p.ReadPool},
		taker: pictures.New(c.Pictures), now: c.Now, log: p.config.Logger,
	}
	c.Collect.Pictures = job.take
	return collect.New(c.Collect), p.registered.Register(readingAges(states.ReadingAges, p.config.Logger))
}

// network contains the platform clients and the quotas, which fetchers and sign-ins share.
type network struct {
	// states is a pool of schema kept for the frequent writes of fetchers. A crash of the database may
	// lose the last of these writes.
	states  *pgxpool.Pool
	clients *platforms.Set
	gate    *collect.Gate
}

func (p *Parts) openNetwork(ctx context.Context, c FetchConfig) (*network, error) {
	states, err := p.openPool(ctx, "fetching", vault.OpenFetching)
	if err != nil {
		return nil, err
	}
	c.Quota.Store, c.Quota.Registerer = vault.Budgets{Pool: states}, p.registered
	gate := collect.NewGate(c.Quota)
	c.Platforms.Admit, c.Platforms.Now, c.Platforms.Observe = gate.Admit, c.Now, observeCalls(p.registered)
	if c.Platforms.Logger == nil {
		c.Platforms.Logger = p.config.Logger
	}
	clients, err := platforms.New(c.Platforms)
	if err != nil {
		return nil, err
	}
	p.Add(func() error { clients.Close(); return nil })
	return &network{states, clients, gate}, nil
}

// fetchable reports whether accounts may be read. This requires all tables except those of the
// dashboards, whose projection may be stopped.
func (s *Service) fetchable() bool {
	var names []string
	for _, engine := range s.engines {
		if name := engine.Name(); name != projectors.Dashboards.Name {
			names = append(names, name)
		}
	}
	return s.Monitor.MayCommand(names...) == nil
}

func (s *Service) wakeFetchers(ctx context.Context, queue domain.FetchQueue) error {
	return vault.Wake(ctx, s.KeptPool, queue)
}

func (s *Service) newConnect(clients *platforms.Set) *connect.Connect {
	config := connect.Config{
		Directory: directory.Connecting{Pool: s.ReadPool}, Store: vault.Connecting{Pool: s.KeptPool}, Secrets: s.secrets,
		Places: directory.Connections{Pool: s.ReadPool}, SignIn: clients.SignIn, Log: s.Log,
		Gate:         func() error { return s.Monitor.MayWrite(projectors.Directory.Name) },
		Moved:        s.directoryMoved,
		WakeFetchers: s.wakeFetchers,
		PublicURL:    s.config.PublicURL, ReturnOrigins: s.config.returnOrigins(),
		Apps: s.config.appIDs(),
		Now:  time.Now, Logger: s.config.Logger,
	}
	if clients.ReceivesMetaRequests() {
		config.Meta, config.Asked = clients.Signed, s.signalDeletion
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
	connecting := s.newConnect(network.clients)
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

const (
	// A report about last month contains posts that are up to 61 days old. The platforms' URLs of
	// older pictures have expired.
	maxPictureAge = 62 * 24 * time.Hour
	// picturesAtOnce is the maximum number of pictures per round. The next round continues.
	picturesAtOnce = 500
)

type pictureJob struct {
	kept     *vault.Pictures
	contents readmodels.Contents
	taker    *pictures.Taker
	now      func() time.Time
	log      *slog.Logger
}

// take deletes pictures that were erased or are too old, then loads missing ones of platforms, newest
// first.
func (p *pictureJob) take(ctx context.Context, from []domain.Platform) error {
	erased, err := p.contents.ErasedPictures(ctx)
	if err == nil {
		err = p.kept.Forget(ctx, erased)
	}
	if err == nil {
		err = p.kept.ForgetOld(ctx, p.now())
	}
	if err != nil {
		return err
	}
	wanted, err := p.contents.PicturesWanted(ctx, readmodels.PicturesQuery{
		Since: p.now().Add(-maxPictureAge), Now: p.now(), Platforms: from,
		Keys: p.kept.KeyIDs(), Limit: picturesAtOnce,
	})
	if err != nil {
		return err
	}
	missing := 0
	for _, one := range wanted {
		if ctx.Err() != nil {
			break
		}
		taken, err := p.one(ctx, one)
		if err != nil {
			return err
		}
		if !taken {
			missing++
		}
	}
	if missing > 0 {
		p.log.InfoContext(ctx, "cannot load pictures of posts; placeholders are shown",
			"wanted", len(wanted), "missing", missing)
	}
	return ctx.Err()
}

// one loads one picture. It returns an error only if this service is at fault.
func (p *pictureJob) one(ctx context.Context, wanted readmodels.PictureWanted) (taken bool, err error) {
	started, err := p.kept.Begin(ctx, wanted.PostRef, p.now())
	if err != nil || !started {
		return !started, err
	}
	picture, err := p.taker.Take(ctx, wanted.MediaURL)
	if err == nil {
		return true, p.kept.Keep(ctx, wanted.PostRef, picture)
	}
	if ctx.Err() != nil { // the round was canceled; the picture may be fine
		return false, ctx.Err()
	}
	p.log.DebugContext(ctx, "cannot load picture",
		"social_account", wanted.SocialAccount, "platform", wanted.Platform.String(), "error", err)
	if pictures.IsPermanent(err) {
		return false, p.kept.GiveUp(ctx, wanted.PostRef)
	}
	return false, nil
}
