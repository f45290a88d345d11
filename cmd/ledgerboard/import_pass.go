package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// importBatch is the number of events that are appended at a time.
const importBatch = 1000

// importPass reads all files once. A dry pass checks and counts; a real one does the same, and seals and appends
// what is new. A process that is killed in between leaves whole events, and the same import again goes on where
// this one ended.
type importPass struct {
	*importing
	commands.Import

	real      bool
	bars      io.Writer
	report    importReport
	batch     []domain.Draft
	seen      map[uuid.UUID]bool                    // rows of the metrics, by event id
	agencies  map[string][]domain.ImportedDashboard // their legacy dashboards
	documents map[string]place                      // by agency, account and document; and by agency and account
}

// importer is a kind of input: files, what a row of them becomes, and where that is counted.
type importer struct {
	name  string
	files []string
	count func(*importCounts) *int
	read  func(io.Reader, *time.Location) legacy.Rows
	row   func(place, *legacy.Row) (drafted, error) // the error refuses the row
}

// drafted is what a row becomes.
type drafted struct {
	domain.Draft                             // without a key: nothing by itself
	seal         func(context.Context) error // stores the row's secret, before the draft is appended; nil: it has none
}

// importers are the kinds of input in the order in which they are appended: first who is who, then what belongs to
// them.
func (p *importPass) importers() []importer {
	read := legacy.Read
	return []importer{
		{"entities", p.Files, func(c *importCounts) *int { return &c.Entities }, legacy.ReadLines, row(p.entityLine, p.Entity, nil)},
		{"connections", p.MemberAuth, func(c *importCounts) *int { return &c.Connections }, read, row((*legacy.Row).MemberAuth, p.Connection, p.sealTokens)},
		{"users with a password", p.Passwords, func(c *importCounts) *int { return &c.Users }, read, row((*legacy.Row).Password, p.User, p.sealPassword)},
		{"dashboards", p.Preferences, nil, read, p.preference},
		{"posts", p.importCommand.Posts, posts, read, row((*legacy.Row).Post, p.Post, nil)},
		{"account readings", p.AccountInsights, func(c *importCounts) *int { return &c.AccountReadings }, read, row((*legacy.Row).AccountReading, p.AccountReading, nil)},
		{"post readings", p.PostInsights, func(c *importCounts) *int { return &c.PostReadings }, read, row((*legacy.Row).PostReading, p.PostReading, nil)},
	}
}

func posts(c *importCounts) *int { return &c.Posts }

// row puts together what the row holds, the event that it becomes, and the sealing of its secret.
func row[T any](
	decode func(*legacy.Row) (T, error), draft func(T) (domain.Draft, error), seal func(context.Context, T, domain.Draft) error,
) func(place, *legacy.Row) (drafted, error) {
	return func(_ place, r *legacy.Row) (drafted, error) {
		values, err := decode(r)
		if err != nil {
			return drafted{}, err
		}
		d, err := draft(values)
		if err != nil || seal == nil {
			return drafted{Draft: d}, err
		}
		return drafted{d, func(ctx context.Context) error { return seal(ctx, values, d) }}, nil
	}
}

// pass reads everything; the report says what it did or would do.
func (i *importing) pass(ctx context.Context, bars io.Writer, real bool) (importReport, error) {
	p := &importPass{
		importing: i, real: real, bars: bars,
		Import: commands.Import{World: i.directory.Clone(), ReplaceAll: i.ReplaceTokens, GrowthWindow: i.GrowthWindow, Now: i.now},
		report: importReport{DryRun: i.DryRun, Repairs: []importRepair{}, Kept: []importRepair{}, Refused: []importRefusal{}},
		seen:   map[uuid.UUID]bool{}, agencies: map[string][]domain.ImportedDashboard{}, documents: map[string]place{},
	}
	if real && i.secrets != nil {
		p.Secrets, p.Places = i.secrets, i.places
	}
	for _, in := range p.importers() {
		if err := p.each(ctx, in); err != nil {
			return p.report, err
		}
		if err := p.flush(ctx, in); err != nil {
			return p.report, err
		}
	}
	return p.report, p.dashboards(ctx)
}

// each takes the rows of an importer's files. What is wrong with a row refuses it; another error ends the pass.
func (p *importPass) each(ctx context.Context, in importer) error {
	if len(in.files) == 0 {
		return nil
	}
	label, size := "check", 0
	if p.real {
		label = in.name
	}
	for _, path := range in.files {
		if info, err := os.Stat(path); err == nil {
			size += int(info.Size())
		}
	}
	bar := newProgress(p.bars, label+" (bytes)", size)
	for _, path := range in.files {
		if err := p.file(ctx, in, path, bar); err != nil {
			return err
		}
	}
	bar.end()
	return nil
}

func (p *importPass) file(ctx context.Context, in importer, path string, bar *progress) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open import file: %w", err)
	}
	defer file.Close()
	for r, err := range in.read(&countingReader{file, bar}, p.zone) {
		if bad, ok := errors.AsType[*legacy.RowError](err); ok {
			p.refuse(place{path, bad.Line}, bad.Err)
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		} else if err := p.take(ctx, in, place{path, r.Line}, r); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// countingReader moves a progress bar by what is read.
type countingReader struct {
	in  io.Reader
	bar *progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.bar.add(n)
	return n, err
}

// take counts what a row becomes, seals its secret, and has it appended if it is new.
func (p *importPass) take(ctx context.Context, in importer, at place, r *legacy.Row) error {
	d, err := in.row(at, r)
	if err != nil {
		p.refuse(at, err)
		return nil
	}
	if d.Key == "" {
		return nil
	}
	if d.seal != nil && (p.real || p.DryRun) { // whether a secret is here already a dry run cannot say: it opens no database
		if err := d.seal(ctx); err != nil {
			return err
		}
	}
	count := in.count
	if _, post := d.Data.(domain.PostRegistered); post {
		count = posts // also among the entities
	}
	switch fresh, err := p.fresh(ctx, d.Draft); {
	case err != nil:
		return err
	case !fresh:
		*count(&p.report.Unchanged)++
		return nil
	}
	*count(&p.report.Imported)++
	if p.batch = append(p.batch, d.Draft); len(p.batch) < importBatch {
		return nil
	}
	return p.flush(ctx, in)
}

// fresh tells whether an event is neither in the log nor in the files before.
func (p *importPass) fresh(ctx context.Context, d domain.Draft) (bool, error) {
	if d.Topic == domain.TopicDirectory {
		entity, _ := d.Data.(domain.DirectoryEntity)
		return p.World.Put(d.Key, entity), nil
	}
	inLog, err := p.rowsInLog(ctx)
	if err != nil {
		return false, err
	}
	id := uuid.MustParse(d.Envelope.ID)
	known := inLog[id] || p.seen[id]
	p.seen[id] = true
	return !known, nil
}

// flush appends the batch; a dry pass drops it.
func (p *importPass) flush(ctx context.Context, in importer) error {
	batch := p.batch
	p.batch = p.batch[:0]
	if len(batch) == 0 || !p.real {
		return nil
	}
	if err := p.log.AppendBulk(ctx, batch); err != nil {
		return fmt.Errorf("append %s (repeating the import is safe): %w", in.name, err)
	}
	return nil
}

func (p *importPass) refuse(at place, reason error) {
	p.report.Refused = append(p.report.Refused, importRefusal{at, reason.Error()})
}

func (p *importPass) entityLine(r *legacy.Row) (domain.Draft, error) {
	return commands.EntityLine(r.Raw, p.registry, p.now)
}

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

func (p *importPass) sealPassword(ctx context.Context, row legacy.Password, d domain.Draft) error {
	user, _ := d.Data.(domain.DirectoryUser)
	outcome, err := p.SealPassword(ctx, user, row)
	switch {
	case err != nil:
		return err
	case outcome == commands.SecretStored:
		p.report.Imported.Passwords++
	default:
		p.report.Unchanged.Passwords++
	}
	return nil
}

// preference notes a legacy dashboard: those of an agency are decided together.
func (p *importPass) preference(at place, r *legacy.Row) (drafted, error) {
	d, err := r.Preference()
	if err == nil {
		p.agencies[d.ParentAccount] = append(p.agencies[d.ParentAccount], d.ImportedDashboard)
		p.documents[d.ParentAccount+d.SubAccountID+d.DocumentID] = at
		p.documents[d.ParentAccount+d.SubAccountID] = at
	}
	return drafted{}, err
}

// dashboards decides what becomes of the legacy dashboards, agency by agency, and appends it.
func (p *importPass) dashboards(ctx context.Context) error {
	use := commands.ImportDashboards{Stream: p.stream, Now: time.Now}
	bars := io.Discard
	if p.real {
		use.Log, bars = p.log, p.bars
	}
	bar := newProgress(bars, "agencies", len(p.agencies))
	for _, parent := range slices.Sorted(maps.Keys(p.agencies)) {
		plan, err := use.Import(ctx, p.World.Facts(parent, p.now), p.agencies[parent])
		if err != nil {
			return err
		}
		for _, together := range plan.Sets {
			p.report.Imported.Dashboards += len(together)
		}
		p.report.Unchanged.Dashboards += plan.Unchanged
		for _, note := range plan.Refused {
			p.refuse(p.documents[parent+note.SubAccountID+note.ID], fmt.Errorf("account %s %s", note.SubAccountID, note.Reason))
		}
		for _, note := range plan.Repairs {
			p.report.Repairs = append(p.report.Repairs, importRepair{p.documents[parent+note.SubAccountID], note})
		}
		for _, note := range plan.Kept {
			p.report.Kept = append(p.report.Kept, importRepair{p.documents[parent+note.SubAccountID], note})
		}
		bar.add(1)
	}
	if len(p.agencies) > 0 {
		bar.end()
	}
	return nil
}
