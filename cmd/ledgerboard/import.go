package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

type importCommand struct {
	installation
	Files           []string      `arg:"" optional:"" type:"existingfile" sep:"none" help:"JSON Lines files of entities, one {\"type\":\"directory.account.v1\",\"data\":{…}} per line."`
	Preferences     []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Dashboard preferences exported by mongoexport: one document per line, or one array."`
	Posts           []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSPosts, CSV or JSON Lines."`
	AccountInsights []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSAccountIns, CSV or JSON Lines."`
	PostInsights    []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tSPostInsights, CSV or JSON Lines."`
	MemberAuth      []string      `type:"existingfile" sep:"none" placeholder:"FILE" help:"Table tMemberAuth, CSV or JSON Lines. Tokens are encrypted in the database and stored nowhere else."`
	TimeZone        string        `default:"UTC" placeholder:"ZONE" help:"Time zone of the times in old tables that do not name a time zone."`
	GrowthWindow    time.Duration `env:"LEDGERBOARD_GROWTH_WINDOW" default:"168h" help:"Age of a post until which its growth is counted."`
	SecretsKey      string        `env:"LEDGERBOARD_SECRETS_KEY" placeholder:"SECRET" help:"Keys that encrypt tokens; required with --member-auth."`
	ReplaceTokens   bool          `help:"Replace stored tokens with those of --member-auth. By default, a stored token is kept unless its connection requires a new sign-in."`
	SkipRefused     bool          `help:"Import the valid rows even if other rows are refused. By default, a refused row stops the import."`
	DryRun          bool          `help:"Read and check everything and print the same report, but append nothing."`
	JSON            bool          `help:"Print the report as a JSON object with every repair and every refused row."`
}

var errRowsLeftOut = errors.New("rows were left out")

// Run checks everything before it appends anything.
func (c importCommand) Run(ctx context.Context, s streams) (err error) {
	i := &importRun{
		importCommand: c, out: s, now: time.Now(),
		registry: domain.NewRegistry(), directory: commands.NewImportWorld(),
	}
	if err := i.check(); err != nil {
		return err
	}
	defer func() {
		if i.parts != nil {
			err = errors.Join(err, i.parts.Close())
		}
	}()
	// Invalid lines can be refused without opening the log or the database.
	if !c.legacy() && !c.SkipRefused {
		report, err := i.pass(ctx, io.Discard, false)
		switch {
		case err != nil:
			return interruptedError(ctx, err, "nothing was imported")
		case len(report.Refused) > 0:
			return report.refuse(c.JSON, s.Out)
		}
	}
	if err := i.open(ctx); err != nil {
		return err
	}
	report, err := i.checkAll(ctx)
	if err != nil {
		return interruptedError(ctx, err, "nothing was imported")
	}
	if len(report.Refused) > 0 && !c.SkipRefused {
		return report.refuse(c.JSON, s.Out)
	}
	if !c.DryRun {
		if report, err = i.appendAll(ctx, report); err != nil {
			return interruptedError(ctx, err, "the import is incomplete but consistent: "+
				"each row, and each set of linked dashboards, was imported completely or not at all; "+
				"repeat the import to continue")
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

func (c importCommand) legacy() bool {
	return len(c.Preferences)+len(c.Posts)+len(c.AccountInsights)+len(c.PostInsights)+len(c.MemberAuth) > 0
}

// seals reports whether there are secrets to encrypt.
func (c importCommand) seals() bool { return len(c.MemberAuth) > 0 && !c.DryRun }

func (i *importRun) check() (err error) {
	if len(i.Files) == 0 && !i.legacy() {
		return usageError{errors.New("name what to import: files of entities, " +
			"--preferences, --posts, --account-insights, --post-insights or --member-auth")}
	}
	if i.zone, err = domain.LoadTimeZone(i.TimeZone); err != nil {
		return usageError{fmt.Errorf("--time-zone %q is not an IANA time zone, for example Europe/Berlin", i.TimeZone)}
	}
	if i.GrowthWindow <= 0 {
		return usageError{fmt.Errorf("--growth-window is %s; use more than 0", i.GrowthWindow)}
	}
	if i.seals() {
		if i.keys, err = vault.OpenKeyring(i.SecretsKey, nil); err != nil {
			err = fmt.Errorf("LEDGERBOARD_SECRETS_KEY, which encrypts the tokens of --member-auth: %w", err)
			return usageError{err}
		}
	}
	if i.ReplaceTokens && len(i.MemberAuth) == 0 {
		return usageError{errors.New("--replace-tokens requires --member-auth")}
	}
	return nil
}

type importer struct {
	name  string
	files []string
	// counters of the report
	imported, unchanged *int

	read func(io.Reader, *time.Location) legacy.Rows
	row  func(place, *legacy.Row) (rowDraft, error) // an error refuses the row
}

type rowDraft struct {
	domain.Draft // if it has no key, there is no event for the row
	// texts of a post, or tombstones for the texts of an erased account's posts
	contents []domain.Draft
	// seal stores the row's secret before the draft is appended; nil if the row has no secret.
	seal func(context.Context) error
}

// importers returns the importers in the order of appending: entities come before the records that
// belong to them. The importer of dashboards only collects them: [importPass.dashboards] imports
// them at the end, agency by agency.
func (p *importPass) importers() []importer {
	read := legacy.Read
	// A method value would capture the current p.Now instead of the time of each row.
	connection := func(row legacy.MemberAuth) (domain.Draft, error) { return p.Connection(row) }
	imported, unchanged := &p.report.Imported, &p.report.Unchanged
	return []importer{
		{"entities", p.Files, &imported.Entities, &unchanged.Entities, legacy.ReadLines, p.entity},
		{
			"connections", p.MemberAuth, &imported.Connections, &unchanged.Connections, read,
			row((*legacy.Row).MemberAuth, connection, p.sealTokens),
		},
		{"dashboards", p.Preferences, nil, nil, read, p.preference},
		{"posts", p.Posts, &imported.Posts, &unchanged.Posts, read, p.post},
		{
			"account readings", p.AccountInsights, &imported.AccountReadings, &unchanged.AccountReadings, read,
			row((*legacy.Row).AccountReading, p.AccountReading, nil),
		},
		{
			"post readings", p.PostInsights, &imported.PostReadings, &unchanged.PostReadings, read,
			row((*legacy.Row).PostReading, p.PostReading, nil),
		},
	}
}

func row[T any](
	decode func(*legacy.Row) (T, error), draft func(T) (domain.Draft, error),
	seal func(context.Context, T, domain.Draft) error,
) func(place, *legacy.Row) (rowDraft, error) {
	return func(_ place, r *legacy.Row) (rowDraft, error) {
		values, err := decode(r)
		if err != nil {
			return rowDraft{}, err
		}
		d, err := draft(values)
		if err != nil || seal == nil {
			return rowDraft{Draft: d}, err
		}
		return rowDraft{Draft: d, seal: func(ctx context.Context) error { return seal(ctx, values, d) }}, nil
	}
}

func (p *importPass) entity(_ place, r *legacy.Row) (d rowDraft, err error) {
	lines, err := commands.EntityLine(r.Raw, p.registry, p.Now)
	if err != nil {
		return d, err
	}
	for _, content := range lines[1:] {
		d.contents = append(d.contents, p.MarkImported(content))
	}
	d.Draft, err = p.Entity(lines[0])
	return d, err
}

func (p *importPass) post(_ place, r *legacy.Row) (d rowDraft, err error) {
	values, err := r.Post()
	if err != nil {
		return d, err
	}
	var content domain.Draft
	d.Draft, content, err = p.Post(values)
	d.contents = []domain.Draft{content}
	return d, err
}

// sealTokens stores the tokens of a connection, and counts them separately from the connection.
func (p *importPass) sealTokens(ctx context.Context, row legacy.MemberAuth, d domain.Draft) error {
	connection, _ := d.Data.(domain.DirectoryConnection)
	outcome, err := p.SealTokens(ctx, connection, row)
	switch outcome {
	case commands.SecretStored:
		p.report.Imported.Tokens++
	case commands.SecretReplaced:
		p.report.Imported.Tokens++
		p.report.TokensReplaced++
	case commands.SecretKept:
		p.report.TokensKept++
	case commands.SecretAbsent:
		p.report.TokensAbsent++
	}
	return err
}

// preference collects a legacy dashboard. The dashboards of an agency are decided together.
func (p *importPass) preference(pos place, r *legacy.Row) (rowDraft, error) {
	d, err := r.Preference()
	if err == nil {
		p.agencies[d.ParentAccount] = append(p.agencies[d.ParentAccount], d.ImportedDashboard)
		p.documents[d.ParentAccount+d.SubAccountID+d.DocumentID] = pos
		p.documents[d.ParentAccount+d.SubAccountID] = pos
	}
	return rowDraft{}, err
}
