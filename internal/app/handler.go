package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/bearer"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// Handler creates the HTTP layer, and the handler that also serves the console if there is one.
// metrics serves /metrics; nil: there is no such route.
func (s *Service) Handler(ctx context.Context, metrics http.Handler) (*api.Server, http.Handler, error) {
	c := s.config
	callers := c.Authenticator
	if callers == nil {
		tokens := c.bearer()
		tokens.Logger = c.Logger
		var err error
		if callers, err = bearer.New(ctx, tokens); err != nil {
			return nil, nil, err
		}
	}
	withdrawn, err := api.OpenWithdrawnSubjects(c.Withdrawn, c.Logger)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.setting("Withdrawn"), err)
	}
	entities := s.entities()
	audited := &history.History{Pool: s.ReadPool}
	deps := api.Deps{
		Config:            c.HTTP,
		Authenticator:     callers,
		ParentAccount:     readmodels.Accounts{Pool: s.ReadPool}.ParentAccount,
		People:            s.people(),
		UnknownUsers:      c.Users == UsersUnknownAllowed,
		Withdrawn:         withdrawn,
		PeopleKnown:       s.Monitor.PeopleKnown,
		Dashboards:        s.Dashboards,
		DashboardCommands: s.Updates,
		NamedPreview:      audited.NamedPreview,
		Scope:             readmodels.Scopes{Pool: s.ReadPool}.Scope,
		Analytics:         &analytics.Analytics{Pool: s.ReadPool},
		Entities:          &directory.Entities{Pool: s.ReadPool},
		Audit: &api.AuditDeps{
			History: audited,
			Records: s.audit(),
			Proofs:  proof.NewProver(s.Log, c.CheckpointVerifiers),
		},
		Directory: &api.DirectoryDeps{
			Feed: commands.FeedDirectory{
				Append: s.Log.AppendBatch, Tables: entities, Registry: s.events, Local: c.Directory == DirectoryLocal, Now: time.Now,
			},
			Entities: entities,
			Local:    s.localDirectory(),
		},
		MainApp:   s.mainApp,
		Connect:   s.Connect,
		Operators: s.operators,
		Streams:   s.streams,
		// A main application may have middlewares that change what is written, or count requests.
		HijackStreams: !c.mounted(),
		TicketKey:     s.ticketKey,
		Ready:         func() error { return s.Monitor.MayRead() },
		IsTemporary:   pg.IsTemporary,
		Remedy:        pg.Remedy,
		Health:        s.Health(),
		Metrics:       metrics,
		Registerer:    s.registered,
		Logger:        s.config.Logger,
	}
	provider := c.provider()
	known := s.identities(provider)
	withdrawn.LookUp(known.Named, known.Unknown)
	if !c.mounted() {
		s.operators.PublicURL, s.operators.Issuer = c.PublicURL, known.Issuer
		deps.SignIns = &signin.Agency{
			Kept: signin.NewSessions(s.KeptPool, s.keys), People: s.people(), PublicURL: c.PublicURL, Provider: provider != nil,
		}
	}
	// Without keys, this process cannot decrypt pictures.
	if s.keys != nil {
		deps.Picture = vault.NewPictures(s.KeptPool, s.keys).Picture
	}
	served, err := api.Handler(deps)
	if err != nil || c.mounted() && c.ConsoleSignIn == "" {
		return served, served, err
	}
	pages, err := s.console(served, callers, provider)
	return served, pages, err
}

// console returns the console, which calls the operations of the HTTP layer.
func (s *Service) console(served *api.Server, callers api.Authenticator, provider *signin.Provider) (http.Handler, error) {
	c := s.config
	deps := console.Deps{
		API: served, Headers: c.HTTP.Headers, IsTemporary: pg.IsTemporary, Logger: c.Logger, Now: time.Now,
		RecordView: s.audit().RecordRead,
	}
	if s.Connect != nil {
		deps.Platforms = s.Connect.Platforms()
	}
	if c.mounted() {
		application, err := c.application()
		deps.Application = application
		return console.Handler(deps), err
	}
	deps.Tokens, deps.Demo, deps.NoPublicURL = callers, c.Demo, c.PublicURL == ""
	sessions := signin.NewSessions(s.KeptPool, s.keys)
	sessions.People, sessions.Record = s.people(), s.recordSignIn
	deps.Sessions = sessions
	if provider != nil {
		deps.Provider, deps.Identities = provider, s.identities(provider)
	}
	if s.First = s.firstAgency(); s.First != nil {
		deps.Empty, deps.CreateFirst = s.First.Wanted, s.First.Create
	}
	var err error
	deps.Refused, err = signin.CountRefusals(s.registered, c.Logger)
	return console.Handler(deps), err
}

func (s *Service) recordSignIn(ctx context.Context, session domain.DirectorySession, by domain.Audit) error {
	draft := commands.EntityDraft(session, session.LoginAt)
	draft.Envelope.Audit = by
	return s.Log.Append(ctx, draft)
}

func (s *Service) localDirectory() commands.LocalDirectory {
	return commands.LocalDirectory{
		Log: s.Log, Tables: s.entities(), Local: s.config.Directory == DirectoryLocal, Now: time.Now,
		Gate: func() error { return s.Monitor.MayWrite(projectors.Directory.Name) },
		Reserve: func(ctx context.Context, key, id string) (bool, error) {
			return vault.Reserve(ctx, s.KeptPool, key, id)
		},
	}
}

func (s *Service) entities() directory.Lookup {
	return directory.Lookup{Pool: s.ReadPool, Registry: s.events, Progress: s.progress}
}

// firstAgency returns who creates the first agency of a local directory, or nil if there is a main
// application, or no secret that all processes share: processes with the same secret accept the same
// code.
func (s *Service) firstAgency() *commands.FirstAgency {
	shared, err := secret.Read(cmp.Or(s.config.SecretsKey, s.config.JWTSecret))
	if s.config.Directory != DirectoryLocal || shared == "" || err != nil { // settings were validated
		return nil
	}
	local := s.localDirectory()
	return &commands.FirstAgency{
		Code: commands.FirstAgencyCode([]byte(shared)), Directory: local,
		Known: func() error { return cmp.Or(local.Gate(), s.Monitor.PeopleKnown()) },
	}
}

// identities returns the people whom the identity provider knows; provider may be nil.
func (s *Service) identities(provider *signin.Provider) signin.Identities {
	known := signin.Identities{Federated: signin.FederatedIdentities{Pool: s.KeptPool}, People: s.people()}
	if provider != nil {
		known.Staff, _ = signin.ParseStaff(s.config.OIDCStaff) // settings were validated
		known.Issuer = provider.Issuer()
	}
	return known
}

func (s *Service) people() signin.People {
	return signin.People{Directory: directory.People{Pool: s.ReadPool}, Monitor: s.Monitor}
}

func (t Tokens) bearer() bearer.Config {
	return bearer.Config{Secret: t.JWTSecret, Keys: t.JWTKeys, Issuer: t.JWTIssuer, Audience: t.JWTAudience}
}

// provider returns the identity provider with which people sign in to the console; nil: none.
func (c Config) provider() *signin.Provider {
	if c.OIDCIssuer == "" || c.mounted() {
		return nil
	}
	return signin.NewProvider(signin.ProviderConfig{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, TrustEmail: c.OIDCTrustEmail,
		ClientSecret: secret.Text(c.OIDCClientSecret),
		RedirectURL:  c.PublicURL + console.ReturnPath,
		Logger:       c.Logger,
	})
}

// application returns the main application whose sessions the console uses; nil: there is no console.
func (c Config) application() (*console.Application, error) {
	if c.ConsoleSignIn == "" {
		return nil, nil //nolint:nilnil // absent
	}
	u, err := url.Parse(c.ConsoleSignIn)
	isWeb := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	if isPath := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"); !isWeb && !isPath {
		return nil, fmt.Errorf("%q must be https://… or a path that starts with a slash", c.ConsoleSignIn)
	}
	return &console.Application{Callers: c.Authenticator, SignIn: u, Prefix: c.HTTP.Prefix}, nil
}
