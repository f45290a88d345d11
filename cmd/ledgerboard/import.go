package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

type importCommand struct {
	installation
	actionFlags
	Files        []string      `arg:"" optional:"" type:"existingfile" sep:"none" help:"JSON Lines files; - is standard input. docs/moving-in.md describes the lines."`
	Withdraw     string        `placeholder:"ID" help:"Instead of importing, withdraw the posts and readings of an import: they do not count any more. Asks for confirmation and a reason."`
	GrowthWindow time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Count a post's growth until it reaches this age."`
	SecretsKey   string        `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that encrypt tokens; required if there are any. Tokens are stored nowhere else."`
	SkipRefused  bool          `help:"Import the valid lines even if other lines are refused. By default, a refused line stops the import."`
	DryRun       bool          `help:"Read and check everything and print the same report, but append nothing."`
	JSON         bool          `help:"Print the report as a JSON object with every repair and every refused line."`
}

var errRowsLeftOut = exitError{"left out", exitLeftOut}

// importRun is one run of the command. It reads and checks all files, compares them with the log,
// and then appends what is new. If the process is killed, only complete events remain in the log, and
// repeating the import continues where it stopped.
type importRun struct {
	importCommand

	out      streams
	now      time.Time
	registry *domain.Registry
	use      commands.Import
	report   importReport

	// from the files
	files     []*importFile
	lines     int                                   // number of lines read
	entities  []keptLine                            // in their order
	tokens    []keptLine                            // in their order
	agencies  map[string][]domain.ImportedDashboard // old dashboards by agency
	documents map[string]place                      // by agency, account and document, and by agency and account
	metrics   []metricLine
	spool     *os.File // the lines of metrics
	spooled   int64    // its length

	// the installation
	parts    *app.Parts
	log      *eventlog.Log // nil if it does not exist yet (dry run)
	readings map[uuid.UUID]importedReading

	// the plan
	first   map[string]firstLine     // by the identity of the line
	erases  bool                     // whether a line erases an entity, perhaps again
	drafts  []domain.Draft           // what to append besides posts, readings and dashboards
	secrets []commands.ImportedToken // what to seal
}

// Run checks everything before it appends anything.
func (i importCommand) Run(ctx context.Context, std streams) error {
	work := &importRun{
		importCommand: i, out: std, now: time.Now(), registry: domain.NewRegistry(),
		agencies: map[string][]domain.ImportedDashboard{}, documents: map[string]place{},
		readings: map[uuid.UUID]importedReading{}, first: map[string]firstLine{},
		report: newImportReport(i.DryRun, []importNote{}),
	}
	work.use = commands.Import{
		ID: uuid.Must(uuid.NewV7()).String(), World: commands.NewImportWorld(), GrowthWindow: i.GrowthWindow,
		NoSubscriptions: i.Subscriptions == app.SubscriptionsNone, Now: work.now,
	}
	switch {
	case i.GrowthWindow <= 0:
		return usageError{fmt.Errorf("--growth-window is %s; use more than 0", i.GrowthWindow)}
	case i.Withdraw != "" && len(i.Files) > 0:
		return usageError{errors.New("--withdraw takes no files: first withdraw, then import the correct files")}
	case i.Withdraw == "" && len(i.Files) == 0:
		return usageError{errors.New("name at least one file, or - for standard input")}
	case i.Withdraw == "" && (i.Yes || i.Reason != ""):
		return usageError{errors.New("--yes and --reason are only for --withdraw")}
	}
	run := work.run
	if i.Withdraw != "" {
		run = work.withdraw
		if err := i.needLog(); err != nil {
			return err
		}
	}
	config := i.config(i.logger(std))
	config.Existing, config.SecretsKey = i.DryRun || i.Withdraw != "", i.SecretsKey
	return withParts(config, func(parts *app.Parts) error {
		work.parts = parts
		return run(ctx)
	})
}

// run imports the files.
func (i *importRun) run(ctx context.Context) (err error) {
	defer func() {
		if i.spool != nil {
			err = errors.Join(err, i.spool.Close())
		}
	}()
	for _, step := range []func(context.Context) error{i.read, i.plan} {
		if err := step(ctx); err != nil {
			return interruptedError(ctx, err, "nothing was imported")
		}
		if len(i.report.Refused) > 0 && !i.SkipRefused {
			report := newImportReport(i.DryRun, i.report.Refused)
			return errors.Join(report.print(i.importCommand, i.out), usageError{fmt.Errorf("nothing was imported: %s refused; "+
				"correct what is refused and repeat the import, or leave it out with --skip-refused",
				counted(len(i.report.Refused), "line was", "lines were"))})
		}
	}
	if !i.DryRun {
		if err := i.append(ctx); err != nil {
			return interruptedError(ctx, err, "import "+i.use.ID+" is incomplete but consistent: "+
				"each line, and each set of linked dashboards, was imported completely or not at all; "+
				"repeat the import to continue")
		}
	}
	if err := i.report.print(i.importCommand, i.out); err != nil {
		return err
	}
	if refused := len(i.report.Refused); refused > 0 {
		return fmt.Errorf("%s %w", counted(refused, "line was", "lines were"), errRowsLeftOut)
	}
	return nil
}
