package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

type initCommand struct {
	storage
	logging
	tokens
	directorySettings
	Agency string        `required:"" placeholder:"NAME" help:"Name of the agency."`
	Name   string        `required:"" help:"Name of its first person."`
	Email  string        `required:"" placeholder:"ADDRESS" help:"E-mail address of that person."`
	For    time.Duration `default:"12h" help:"Lifetime of the token."`
	JSON   bool          `name:"json" help:"Print a JSON object."`
}

// initActor is who records name for an init: the command line knows no user.
const initActor = "system:init"

type begun struct {
	Agency    string    `json:"parent_account"`
	User      string    `json:"user_id"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"` // of the token
}

// Run implements the command. No agency is made when it returns an error, unless the error says that it is open.
func (c initCommand) Run(ctx context.Context, s streams) (err error) {
	agency, person, err := commands.NewAgency(c.Agency, commands.NewPerson{Name: c.Name, Email: c.Email}, time.Now())
	wrong := c.validate()
	if invalid, ok := errors.AsType[*domain.Error](err); ok {
		for _, field := range invalid.Fields {
			wrong.add(fmt.Errorf("%s %s", field.Field, field.Detail))
		}
	}
	switch c.Directory {
	case directoryLocal:
	case directoryMainApp:
		wrong.add(errors.New("LEDGERBOARD_DIRECTORY is main_app: accounts and users come from the main application, which tells them with " +
			"POST /api/directory; init is for LEDGERBOARD_DIRECTORY=local"))
	default:
		wrong.add(errors.New("LEDGERBOARD_DIRECTORY is not set: set it to local, as the service has it"))
	}
	if c.JWTSecret == "" {
		wrong.add(errors.New("LEDGERBOARD_JWT_SECRET is not set: set it to the secret that the service has; it signs the token"))
	}
	wrong.unlessf(c.For > 0, "--for is %s; use more than 0", c.For)
	if err := errors.Join(wrong...); err != nil {
		return usageError{fmt.Errorf("nothing was made:\n%w", err)}
	}
	made := begun{Agency: agency.ID, User: person.ID, ExpiresAt: time.Now().Add(c.For).UTC().Truncate(time.Second)}
	if made.Token, err = c.sign(person.ID, agency.ID, []string{"agency"}, made.ExpiresAt); err != nil {
		return err
	}
	err = withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error {
		log, err := parts.Log(ctx)
		if err != nil {
			return err
		}
		return c.makeAgency(ctx, log, agency, person)
	})
	if err != nil {
		return err
	}
	return say(s.Out, c.JSON, made, "Agency %s (%s) and its first person %s (%s) are made.\n"+
		"With this token, until %s, add clients (POST /api/accounts) and invite people (POST /api/users):\n%s\n",
		c.Agency, made.Agency, c.Name, made.User, made.ExpiresAt.Format(time.RFC3339), made.Token)
}

// makeAgency appends both, unless there is an agency of that name: then init was run already. The agency comes last, so that there is
// none without its person.
func (c initCommand) makeAgency(ctx context.Context, log *eventlog.Log, agency domain.DirectoryAccount, person domain.DirectoryUser) error {
	world := map[string]domain.DirectoryEntity{} // nil: erased
	err := assembly.ScanDirectory(ctx, log, func(r domain.Recorded, err error) {
		entity, isEntity := r.Data.(domain.DirectoryEntity)
		if err != nil || r.Data != nil && !isEntity {
			return
		}
		world[r.Key] = entity
	})
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	for _, entity := range world {
		if other, ok := entity.(domain.DirectoryAccount); ok && other.ParentAccount == "" && strings.EqualFold(other.Name, agency.Name) {
			return usageError{fmt.Errorf("nothing was made: there is an agency named %q already (%s); 'ledgerboard token' signs a token for one of "+
				"its people, and another agency needs another name", other.Name, other.ID)}
		}
	}
	for _, entity := range []domain.DirectoryEntity{person, agency} {
		draft := commands.EntityDraft(entity, time.Now())
		draft.Envelope.Audit.Actor = initActor
		err := log.Append(ctx, draft)
		if errors.Is(err, eventlog.ErrOutcomeUnknown) {
			return fmt.Errorf("it is open whether the agency was made: run init again, it says so if it was: %w", err)
		}
		if err != nil {
			return fmt.Errorf("the agency was not made, run init again: append %s: %w", draft.Key, err)
		}
	}
	return nil
}

// migrateCommand brings the schemas to this version. Services do so themselves at start; it is for deployments whose
// processes log in to the database as users that may not create tables (deploy/roles.sql).
type migrateCommand struct {
	storage
	logging
}

func (c migrateCommand) Run(ctx context.Context, s streams) error {
	if err := withParts(c.backends(c.logger(s)), func(parts *assembly.Parts) error { return parts.Migrate(ctx) }); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "The schemas lb and kept are at this version.")
	return nil
}
