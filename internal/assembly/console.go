package assembly

import (
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SignIns say how people sign in to the console, beside one-time links and tokens.
type SignIns struct {
	PublicURL string             // where browsers find the service; "": it is not known, and agencies make no links
	Demo      []identity.Person  // as whom one may go on without more
	Provider  *identity.Provider // nil: there is no identity provider
	Staff     identity.Staff     // auditors and operators whom the provider's sign-ins are looked for in
}

// Console puts the console over the HTTP layer, which goes on to serve everything else. c has the SignIns or the Application.
func (s *Service) Console(served *api.Server, c HandlerConfig) (*console.Console, error) {
	deps := console.Deps{
		API: served, Headers: c.HTTP.Headers, Passes: pg.MayPass, Logger: s.settings.Logger, Now: time.Now, Application: c.Application,
		Looks: (&commands.Audit{Log: s.Log, Now: time.Now, Logger: s.settings.Logger}).RecordRead,
	}
	if deps.Application == nil {
		if err := s.signIns(&deps, c); err != nil {
			return nil, err
		}
	}
	return console.Handler(deps)
}

func (s *Service) signIns(deps *console.Deps, c HandlerConfig) error {
	in := c.SignIns
	kept, known := vault.Identities{Pool: s.KeptPool}, s.people()
	refused, err := signin.CountRefusals(s.registered, s.settings.Logger)
	if err != nil {
		return err
	}
	deps.Tokens, deps.Demo, deps.Refused = c.Authenticator, in.Demo, refused
	deps.Sessions = signin.Sessions{Sessions: vault.NewSessions(s.KeptPool), Log: s.Log, People: known}
	if in.Provider != nil {
		deps.Provider, deps.Identities = in.Provider, signin.Identities{Kept: kept, People: known, Staff: in.Staff}
	}
	deps.Addressless = in.PublicURL == ""
	return nil
}

// people are those whom the directory holds, and who have left.
func (s *Service) people() signin.People {
	return signin.People{People: readmodels.People{Pool: s.ReadPool}, Monitor: s.Monitor}
}
