package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

type initCommand struct {
	installation
	app.Tokens
	app.People
	Agency string        `required:"" placeholder:"NAME" help:"Name of the agency."`
	Name   string        `required:"" help:"Name of the first user."`
	Email  string        `required:"" placeholder:"ADDRESS" help:"Email address of the first user."`
	For    time.Duration `default:"12h" help:"Lifetime of the token."`
	JSON   bool          `help:"Print a JSON object."`
}

type initResult struct {
	Agency    string    `json:"parent_account"`
	User      string    `json:"user_id"`
	Token     string    `json:"token,omitempty"`     // absent if others sign the tokens: LEDGERBOARD_JWT_KEYS
	ExpiresAt time.Time `json:"expires_at,omitzero"` // of the token
}

// Run returns an error if it created no agency, or if it is unknown whether it created one.
func (i initCommand) Run(ctx context.Context, std streams) (err error) {
	agency, person, err := commands.NewAgency(i.Agency, commands.NewPerson{Name: i.Name, Email: i.Email}, time.Now())
	wrong := i.Faults()
	if invalid, ok := errors.AsType[*domain.Error](err); ok {
		for _, field := range invalid.Fields {
			wrong.Add(fmt.Errorf("%s %s", field.Field, field.Detail))
		}
	}
	switch i.Directory {
	case app.DirectoryLocal:
	case app.DirectoryMainApp:
		wrong.Add(errors.New("LEDGERBOARD_DIRECTORY is main_app: accounts and users come from the main application " +
			"(POST /api/directory); init requires LEDGERBOARD_DIRECTORY=local"))
	default:
		wrong.Add(errors.New("LEDGERBOARD_DIRECTORY is not set: set it to local, as in the service"))
	}
	wrong.Unlessf(i.JWTSecret != "" || i.JWTKeys != "",
		"LEDGERBOARD_JWT_SECRET is not set: set it, or LEDGERBOARD_JWT_KEYS, as in the service")
	wrong.Unlessf(i.For > 0, "--for is %s; use more than 0", i.For)
	if err := errors.Join(wrong...); err != nil {
		return usageError{fmt.Errorf("nothing was created:\n%w", err)}
	}
	result := initResult{Agency: agency.ID, User: person.ID}
	next := "Tokens of this user come from the holder of the key for LEDGERBOARD_JWT_KEYS, " +
		"and a link to the console from 'ledgerboard sign-in-link'."
	if i.JWTSecret != "" {
		result.ExpiresAt = time.Now().Add(i.For).UTC().Truncate(time.Second)
		if result.Token, err = signToken(i.Tokens, person.ID, agency.ID, []string{"agency"}, result.ExpiresAt); err != nil {
			return err
		}
		next = fmt.Sprintf("Until %s you can use this token to add clients (POST /api/accounts) and invite users "+
			"(POST /api/users):\n%s", result.ExpiresAt.Format(time.RFC3339), result.Token)
	}
	err = withParts(i.config(i.logger(std)), func(parts *app.Parts) error {
		if err := parts.OpenLog(ctx); err != nil {
			return err
		}
		return i.makeAgency(ctx, parts.Log, agency, person)
	})
	if err != nil {
		return err
	}
	return say(std.Out, i.JSON, result, "Created agency %s (%s) and its first user %s (%s).\n%s\n",
		i.Agency, result.Agency, i.Name, result.User, next)
}

// makeAgency refuses a second agency with the same name, because init may have been run before.
func (i initCommand) makeAgency(
	ctx context.Context, log *eventlog.Log, agency domain.DirectoryAccount, person domain.DirectoryUser,
) error {
	accounts := map[string]domain.DirectoryAccount{} // latest states by key; without a name if erased
	err := app.ScanTopic(ctx, log, domain.TopicDirectory, func(r domain.Recorded, err error) {
		if account, ok := r.Data.(domain.DirectoryAccount); err == nil && (ok || r.Data == nil) {
			accounts[r.Key] = account
		}
	})
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	for _, other := range accounts {
		if other.ParentAccount == "" && strings.EqualFold(other.Name, agency.Name) {
			return usageError{fmt.Errorf("nothing was created: an agency named %q already exists (%s). "+
				"'ledgerboard token' creates a token for one of its users; use another name for another agency",
				other.Name, other.ID)}
		}
	}
	for _, draft := range commands.AgencyDrafts(agency, person, time.Now()) {
		err := log.Append(ctx, draft)
		if errors.Is(err, eventlog.ErrOutcomeUnknown) {
			return fmt.Errorf("it is unknown whether the agency was created: run init again, "+
				"which reports whether the agency exists: %w", err)
		}
		if err != nil {
			return fmt.Errorf("the agency was not created; correct the cause and run init again: append %s: %w", draft.Key, err)
		}
	}
	return nil
}

// migrateCommand is for deployments in which the database users of the services cannot create
// tables (deploy/roles.sql). In other deployments, services migrate the schemas at startup.
type migrateCommand struct {
	installation
	actionFlags
	AdoptLog bool `help:"Also make this database the owner of the log, if the database of the installation that owns it is lost."`
}

func (m migrateCommand) Run(ctx context.Context, std streams) error {
	return withParts(m.config(m.logger(std)), func(parts *app.Parts) error {
		if err := parts.Migrate(ctx); err != nil {
			return err
		}
		fmt.Fprintln(std.Out, "The schemas lb and kept match the version of this program.")
		if !m.AdoptLog {
			return nil
		}
		adopted, err := parts.AdoptLog(ctx, operatorCaller(), func(owner string) (domain.Reason, error) {
			return m.confirm(std, "make this database the owner of the log, which belongs to installation "+owner+
				". Processes of that installation do not start again on these topics")
		})
		if err != nil {
			return commandError(err)
		}
		if adopted {
			fmt.Fprintln(std.Out, "The log belongs to this database now.")
		} else {
			fmt.Fprintln(std.Out, "The log does not belong to another installation: nothing had to be adopted.")
		}
		return nil
	})
}
