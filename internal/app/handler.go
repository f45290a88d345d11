package app

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// HandlerConfig configures the HTTP layer.
type HandlerConfig struct {
	HTTP          api.Config
	Authenticator api.Authenticator
	UnknownUsers  bool // accepts users who are not in the directory
	// LocalDirectory is true if accounts and users are managed here instead of in a main
	// application.
	LocalDirectory bool
	Withdrawn      *api.WithdrawnSubjects // subjects without access; nil: none
	SignIns        *SignIns               // nil: the console has no sign-in page
	// Application is the main application whose sessions the console uses. Its Callers must be the
	// Authenticator. nil: no main application.
	Application *console.Application
	Metrics     http.Handler // serves /metrics; nil: no such route

	// CheckpointKeys returns the public keys of checkpoints. It is called for every proof, because
	// the signer may publish its key later. If it is nil or returns nil, no proofs are served over
	// HTTP.
	CheckpointKeys func() (note.Verifiers, error)
}

// Handler creates the HTTP layer.
func (s *Service) Handler(c HandlerConfig) (*api.Server, error) {
	entities := s.entities()
	audited := &history.History{Pool: s.ReadPool}
	deps := api.Deps{
		Config:            c.HTTP,
		Authenticator:     c.Authenticator,
		ParentAccount:     readmodels.Accounts{Pool: s.ReadPool}.ParentAccount,
		People:            s.people(),
		UnknownUsers:      c.UnknownUsers,
		Withdrawn:         c.Withdrawn,
		PeopleKnown:       s.Monitor.PeopleKnown,
		Dashboards:        s.Dashboards,
		DashboardCommands: s.Updates,
		NamedPreview:      audited.NamedPreview,
		Scope:             readmodels.Scopes{Pool: s.ReadPool}.Scope,
		Analytics:         &analytics.Analytics{Pool: s.ReadPool},
		Entities:          &directory.Entities{Pool: s.ReadPool},
		Audit: &api.AuditDeps{
			History: audited,
			Records: s.audit(s.Log),
			Proofs:  proof.NewProver(s.Log, c.CheckpointKeys),
		},
		Directory: &api.DirectoryDeps{
			Feed: commands.FeedDirectory{
				Append: s.Log.AppendBatch, Tables: entities, Registry: s.events, Local: c.LocalDirectory, Now: time.Now,
			},
			Entities: entities,
			Local: commands.LocalDirectory{
				Log: s.Log, Tables: entities, Local: c.LocalDirectory, Now: time.Now,
				Gate:    func() error { return s.Monitor.MayWrite(projectors.Directory.Name) },
				Reserve: s.reserve,
			},
		},
		MainApp:     s.mainApp,
		Connect:     s.Connect,
		Operators:   s.operators,
		Streams:     s.streams,
		TicketKey:   s.ticketKey,
		Ready:       func() error { return s.Monitor.MayRead() },
		IsTemporary: pg.IsTemporary,
		Remedy:      pg.Remedy,
		Health:      s.Health(),
		Metrics:     c.Metrics,
		Registerer:  s.registered,
		Logger:      s.settings.Logger,
	}
	known := s.identities(c.SignIns)
	c.Withdrawn.LookUp(known.Named, known.Unknown)
	if in := c.SignIns; in != nil {
		if s.operators.PublicURL = in.PublicURL; in.Provider != nil {
			s.operators.Issuer = in.Provider.Issuer()
		}
		deps.SignIns = signin.Agency{
			Make: s.operators.MakeSignInLink, Kept: vault.NewSessions(s.KeptPool, s.settings.SecretsKeys), People: s.people(),
			PublicURL: in.PublicURL, Provider: in.Provider != nil,
		}
	}
	// Without keys, this process cannot decrypt pictures.
	if keys := s.settings.SecretsKeys; keys != nil {
		deps.Picture = vault.NewPictures(s.KeptPool, keys).Picture
	}
	return api.Handler(deps)
}

// SignIns configures how people sign in to the console, in addition to one-time links and tokens.
type SignIns struct {
	PublicURL string             // public URL of the service; if empty, agencies cannot create links
	Demo      []identity.Person  // users as whom a browser can sign in without credentials
	Provider  *identity.Provider // nil: no identity provider
	// First creates the first agency in the console; nil: the console cannot create it.
	First *signin.FirstAgency
	Staff identity.Staff // auditors and operators who sign in with the provider
}

// Console returns the console, which calls the handlers of the HTTP layer. Either SignIns or
// Application of c must be set.
func (s *Service) Console(served *api.Server, c HandlerConfig) (*console.Console, error) {
	deps := console.Deps{
		API: served, Headers: c.HTTP.Headers, IsTemporary: pg.IsTemporary, Logger: s.settings.Logger, Now: time.Now,
		Application: c.Application, RecordView: s.audit(s.Log).RecordRead,
	}
	if s.Connect != nil {
		deps.Platforms = s.Connect.Platforms()
	}
	if deps.Application == nil {
		if err := s.signIns(&deps, c); err != nil {
			return nil, err
		}
	}
	return console.Handler(deps), nil
}

func (s *Service) entities() directory.Lookup {
	return directory.Lookup{Pool: s.ReadPool, Registry: s.events, Progress: s.progress}
}

// FirstAgency returns a [signin.FirstAgency], which creates the first agency of a local directory.
// Processes with the same secret accept the same code.
func (s *Service) FirstAgency(secret []byte) *signin.FirstAgency {
	return &signin.FirstAgency{
		Code:      signin.FirstAgencyCode(secret),
		Directory: commands.LocalDirectory{Log: s.Log, Tables: s.entities(), Local: true, Now: time.Now, Reserve: s.reserve},
		Known: func() error {
			if err := s.Monitor.MayWrite(projectors.Directory.Name); err != nil {
				return err
			}
			return s.Monitor.PeopleKnown()
		},
	}
}

func (s *Service) signIns(deps *console.Deps, c HandlerConfig) (err error) {
	in := c.SignIns
	deps.Tokens, deps.Demo, deps.NoPublicURL = c.Authenticator, in.Demo, in.PublicURL == ""
	deps.Sessions = signin.Sessions{Sessions: vault.NewSessions(s.KeptPool, s.settings.SecretsKeys), Log: s.Log, People: s.people()}
	if in.Provider != nil {
		deps.Provider = in.Provider
		deps.Identities = s.identities(in)
	}
	if in.First != nil {
		deps.Empty, deps.CreateFirst = in.First.Wanted, in.First.Create
	}
	deps.Refused, err = signin.CountRefusals(s.registered, s.settings.Logger)
	return err
}

// identities returns the people whom the identity provider knows; in may be nil.
func (s *Service) identities(in *SignIns) signin.Identities {
	known := signin.Identities{Kept: vault.Identities{Pool: s.KeptPool}, People: s.people()}
	if in != nil && in.Provider != nil {
		known.Staff, known.Issuer = in.Staff, in.Provider.Issuer()
	}
	return known
}

func (s *Service) reserve(ctx context.Context, key, id string) (bool, error) {
	return vault.Reserve(ctx, s.KeptPool, key, id)
}

func (s *Service) people() signin.People {
	return signin.People{People: directory.People{Pool: s.ReadPool}, Monitor: s.Monitor}
}
