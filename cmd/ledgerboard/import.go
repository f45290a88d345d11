package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// importCommand appends the main application's reference entities ([commands.EntityLine]), and takes over
// legacy data.
type importCommand struct {
	storage
	logging
	Files           []string      `arg:"" optional:"" type:"existingfile" sep:"none" help:"JSON Lines files of entities: {\"type\":\"directory.account.v1\",\"data\":{…}} a line."`
	Preferences     []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Dashboard preferences as mongoexport writes them, one document a line or one array."`
	Posts           []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSPosts, CSV or JSON Lines."`
	AccountInsights []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSAccountIns, CSV or JSON Lines."`
	PostInsights    []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSPostInsights, CSV or JSON Lines."`
	MemberAuth      []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tMemberAuth, CSV or JSON Lines; tokens are sealed in the database and appear nowhere else."`
	TimeZone        string        `default:"UTC" placeholder:"ZONE" help:"Zone of times in old tables that name none."`
	GrowthWindow    time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Age up to which a post's growth counts."`
	SecretsKey      string        `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that seal tokens; needed with --member-auth."`
	ReplaceTokens   bool          `help:"Take the tokens of --member-auth in the place of stored ones. Without it stored ones stay, unless their connection waits for a sign-in."`
	SkipRefused     bool          `help:"Import the good rows although others are refused. Without it one refused row stops everything."`
	DryRun          bool          `help:"Read and check everything, print the same report, append nothing."`
	JSON            bool          `name:"json" help:"Print the report as a JSON object, with every repair and every refused row."`
}

// errRowsLeftOut tells that an import is done but for the rows that were refused.
var errRowsLeftOut = errors.New("rows were left out")

// Run implements the command: everything is checked before anything is appended.
func (c importCommand) Run(ctx context.Context, s streams) (err error) {
	i := &importing{importCommand: c, out: s, now: time.Now(), registry: domain.NewRegistry(), directory: commands.NewImportWorld()}
	if err := i.check(); err != nil {
		return err
	}
	defer func() {
		if i.parts != nil {
			err = errors.Join(err, i.parts.Close())
		}
	}()
	if !c.legacy() && !c.SkipRefused { // nothing need be opened to refuse a line
		report, err := i.pass(ctx, io.Discard, false)
		switch {
		case err != nil:
			return interrupted(ctx, err, "nothing was imported")
		case len(report.Refused) > 0:
			return report.refuse(c.JSON, s.Out)
		}
	}
	if err := i.open(ctx); err != nil {
		return err
	}
	report, err := i.checkAll(ctx)
	if err != nil {
		return interrupted(ctx, err, "nothing was imported")
	}
	if len(report.Refused) > 0 && !c.SkipRefused {
		return report.refuse(c.JSON, s.Out)
	}
	if !c.DryRun {
		if report, err = i.appendAll(ctx, report); err != nil {
			return interrupted(ctx, err, "a part is imported, whole rows and sets; the same import again goes on where this one ended")
		}
	}
	if err := report.print(c, s); err != nil {
		return err
	}
	if refused := len(report.Refused); refused > 0 {
		return fmt.Errorf("%d %w", refused, errRowsLeftOut)
	}
	return nil
}

// legacy tells whether anything but entities is to be imported.
func (c importCommand) legacy() bool {
	return len(c.Preferences)+len(c.Posts)+len(c.AccountInsights)+len(c.PostInsights)+len(c.MemberAuth) > 0
}

func (c importCommand) secret() bool { return len(c.MemberAuth) > 0 }

func (i *importing) check() (err error) {
	if len(i.Files) == 0 && !i.legacy() {
		return usageError{errors.New("name what to import: files of entities, or " +
			"--preferences, --posts, --account-insights, --post-insights, --member-auth")}
	}
	if i.zone, err = time.LoadLocation(i.TimeZone); err != nil || i.TimeZone == "Local" {
		return usageError{fmt.Errorf("--time-zone %q is not an IANA time zone, for example Europe/Berlin", i.TimeZone)}
	}
	if i.GrowthWindow <= 0 {
		return usageError{fmt.Errorf("--growth-window is %s; use more than 0", i.GrowthWindow)}
	}
	if i.secret() && !i.DryRun {
		if i.keys, err = vault.ParseKeys(i.SecretsKey); err != nil {
			return usageError{fmt.Errorf("LEDGERBOARD_SECRETS_KEY, which seals what --member-auth brings: %w", err)}
		}
	}
	if i.ReplaceTokens && len(i.MemberAuth) == 0 {
		return usageError{errors.New("--replace-tokens says what becomes of the tokens of --member-auth, which is not given")}
	}
	return nil
}
