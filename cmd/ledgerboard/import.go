package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

type importCommand struct {
	installation
	actionFlags
	Files        []string      `arg:"" optional:"" type:"existingfile" sep:"none" help:"JSON Lines files; - is standard input. docs/moving-in.md describes the lines."`
	Withdraw     string        `placeholder:"ID" help:"Instead of importing, withdraw the posts and readings of an import: they do not count any more. Asks for confirmation and a reason."`
	GrowthWindow time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Age of a post until which its growth is counted."`
	SecretsKey   string        `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that encrypt tokens; required if there are any. Tokens are stored nowhere else."`
	SkipRefused  bool          `help:"Import the valid lines even if other lines are refused. By default, a refused line stops the import."`
	DryRun       bool          `help:"Read and check everything and print the same report, but append nothing."`
	JSON         bool          `help:"Print the report as a JSON object with every repair and every refused line."`
}

var errRowsLeftOut = errors.New("lines were left out")

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
	lines     int // number of lines read
	entities  []placed[domain.Draft]
	tokens    []placed[commands.ImportedToken]
	metrics   []metricLine
	agencies  map[string][]domain.ImportedDashboard // old dashboards by agency
	documents map[string]place                      // by agency, account and document, and by agency and account

	// the installation
	parts    *app.Parts      // nil if nothing is open
	log      *eventlog.Log   // nil if it does not exist yet (dry run)
	erasures domain.Erasures // entities that must not be restored
	erases   bool            // whether a line erases an entity, perhaps again
	readings importedReadings

	imports   map[string]int32 // numbers of imports, by id
	withdrawn map[int32]bool   // by number

	contents map[string]contentState // texts of posts by key: of the log, then also of the files

	// what to append besides posts, readings and dashboards
	drafts     []domain.Draft // of entities, and of the connections of tokens
	tombstones []domain.Draft // of the texts of posts
}

// Run checks everything before it appends anything.
func (c importCommand) Run(ctx context.Context, s streams) (err error) {
	i := &importRun{
		importCommand: c, out: s, now: time.Now(), registry: domain.NewRegistry(),
		agencies: map[string][]domain.ImportedDashboard{}, documents: map[string]place{},
		report: importReport{DryRun: c.DryRun, Repairs: []importRepair{}, Kept: []importRepair{}, Refused: []importRefusal{}},
	}
	i.use = commands.Import{
		ID: uuid.Must(uuid.NewV7()).String(), World: commands.NewImportWorld(), GrowthWindow: c.GrowthWindow,
		NoSubscriptions: c.Subscriptions == app.SubscriptionsNone, Now: i.now,
	}
	switch {
	case c.Withdraw != "" && len(c.Files) > 0:
		return usageError{errors.New("--withdraw takes no files: first withdraw, then import the correct files")}
	case c.Withdraw == "" && len(c.Files) == 0:
		return usageError{errors.New("name at least one file, or - for standard input")}
	case c.Withdraw == "" && (c.Yes || c.Reason != ""):
		return usageError{errors.New("--yes and --reason are only for --withdraw")}
	}
	if c.GrowthWindow <= 0 {
		return usageError{fmt.Errorf("--growth-window is %s; use more than 0", c.GrowthWindow)}
	}
	defer func() { err = errors.Join(err, i.close()) }()
	if c.Withdraw != "" {
		return i.withdraw(ctx)
	}
	for _, step := range []func(context.Context) error{i.read, i.plan} {
		if err := step(ctx); err != nil {
			return interruptedError(ctx, err, "nothing was imported")
		}
		if len(i.report.Refused) > 0 && !c.SkipRefused {
			return i.report.refuse(c.JSON, s.Out)
		}
	}
	if !c.DryRun {
		if err := i.append(ctx); err != nil {
			return interruptedError(ctx, err, "import "+i.use.ID+" is incomplete but consistent: "+
				"each line, and each set of linked dashboards, was imported completely or not at all; "+
				"repeat the import to continue")
		}
	}
	if err := i.report.print(c, s); err != nil {
		return err
	}
	if refused := len(i.report.Refused); refused > 0 {
		return fmt.Errorf("%d %w", refused, errRowsLeftOut)
	}
	return nil
}

func (i *importRun) close() (err error) {
	for _, f := range i.files {
		err = errors.Join(err, f.Close())
	}
	if i.parts != nil {
		err = errors.Join(err, i.parts.Close())
	}
	return err
}

// checkSecretsKey checks the keys that encrypt the tokens of the files.
func (i *importRun) checkSecretsKey() error {
	if _, err := vault.OpenKeyring(i.SecretsKey, nil); err != nil {
		return usageError{fmt.Errorf("LEDGERBOARD_SECRETS_KEY, which encrypts the tokens: %w", err)}
	}
	return nil
}

func (i *importRun) refuse(at place, reason error) {
	i.report.Refused = append(i.report.Refused, importRefusal{at, reason.Error()})
}
