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
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/kept"
	"github.com/ledgerboard/ledgerboard/internal/oldsystem"
	"github.com/ledgerboard/ledgerboard/internal/service"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// importing is the command at work.
type importing struct {
	service.Closers
	importCommand

	zone     *time.Location
	keys     kept.Keys // none in a dry run
	out      streams
	now      time.Time
	registry *domain.Registry
	log      *eventlog.Log // nil: there is none yet (dry run)
	secrets  *kept.Secrets
	tables   *pgxpool.Pool // with secrets
	world    *commands.ImportWorld
	report   importReport

	directory     []placed // entities and erasures, and posts that the main application registers
	registrations int      // of those, the posts
	auth          []oldsystem.MemberAuth
	hashes        []hashOf
	preferences   map[string][]domain.ImportedDashboard // by agency
	documents     map[string]place                      // by agency and document
	published     map[postOf]time.Time
	rows          map[uuid.UUID]rowState // of the metrics' rows, by event id
}

// placed is a draft and where it comes from.
type placed struct {
	place
	domain.Draft
}

type postOf struct {
	socialAccount int64
	externalID    string
}

// rowState says what is known of a row's event.
type rowState uint8

const (
	rowInLog   rowState = iota + 1
	rowChecked          // to be appended
)

func newImporting(c importCommand, s streams, zone *time.Location, keys kept.Keys) *importing {
	return &importing{
		importCommand: c, zone: zone, keys: keys, out: s, now: time.Now(), registry: domain.NewRegistry(), world: commands.NewImportWorld(),
		report:      importReport{DryRun: c.DryRun, Repairs: []importRepair{}, Kept: []importRepair{}, Refused: []importRefusal{}},
		preferences: map[string][]domain.ImportedDashboard{}, documents: map[string]place{},
		published: map[postOf]time.Time{}, rows: map[uuid.UUID]rowState{},
	}
}

func (i *importing) refused(at place, reason error) {
	i.report.Refused = append(i.report.Refused, importRefusal{at, reason.Error()})
}

// checkAll reads every file and the log, and appends nothing.
func (i *importing) checkAll(ctx context.Context) error {
	if err := i.loadWorld(ctx); err != nil {
		return err
	}
	if err := i.loadImported(ctx); err != nil {
		return err
	}
	i.checkDirectory()
	for _, step := range []struct {
		files []string
		row   func(place, *oldsystem.Row) error
	}{
		{i.MemberAuth, i.checkAuth},
		{i.Passwords, i.checkPassword},
		{i.Preferences, i.checkPreference},
		{i.Posts, i.checkPost},
		{i.AccountInsights, i.checkAccountReading},
		{i.PostInsights, i.checkPostReading},
	} {
		if err := i.each(ctx, step.files, "check", step.row, i.refused); err != nil {
			return err
		}
	}
	return i.plan(ctx)
}

// each hands the rows of files over. A row function's error refuses the row; a context that ends, the file.
func (i *importing) each(ctx context.Context, files []string, label string, row func(place, *oldsystem.Row) error, refuse func(place, error)) error {
	bar := newProgress(i.out.Err, label+" (bytes)", sizeOf(files))
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("open import file: %w", err)
		}
		err = oldsystem.Read(&countingReader{file, bar}, oldsystem.Handler{
			Zone: i.zone,
			Row: func(r *oldsystem.Row) error {
				at := place{path, r.Line}
				if err := row(at, r); errors.As(err, new(fatal)) {
					return err
				} else if err != nil {
					refuse(at, err)
				}
				return ctx.Err()
			},
			Bad: func(e *oldsystem.RowError) error {
				refuse(place{path, e.Line}, e.Err)
				return ctx.Err()
			},
		})
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	if len(files) > 0 {
		bar.end()
	}
	return nil
}

// fatal is an error of a row function that is not the row's fault.
type fatal struct{ error }

func sizeOf(files []string) (size int) {
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			size += int(info.Size())
		}
	}
	return size
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

// checkDirectory compares the entities of the files with what the log holds.
func (i *importing) checkDirectory() {
	readings := i.readings()
	i.directory = slices.DeleteFunc(i.directory, func(p placed) bool {
		if post, ok := p.Data.(domain.PostRegistered); ok {
			draft, err := readings.Registered(post)
			if err != nil {
				i.refused(p.place, err)
				return true
			}
			return !i.take(draft, &i.report.Imported.Posts, &i.report.Unchanged.Posts)
		}
		if entity, ok := p.Data.(domain.DirectoryEntity); ok {
			return !i.changes(p.Key, i.world.Keeping(entity))
		}
		return !i.changes(p.Key, nil)
	})
	for n, p := range i.directory {
		if entity, ok := p.Data.(domain.DirectoryEntity); ok {
			i.directory[n].Data = i.world.Keeping(entity)
		}
	}
}

// changes notes the state of an entity and counts it.
func (i *importing) changes(key string, entity domain.DirectoryEntity) bool {
	if i.world.Put(key, entity) {
		i.report.Imported.Entities++
		return true
	}
	i.report.Unchanged.Entities++
	return false
}

// take notes a row of the metrics; false when it is in the log, or in the files before.
func (i *importing) take(d domain.Draft, imported, unchanged *int) bool {
	id := uuid.MustParse(d.Envelope.ID)
	if _, known := i.rows[id]; known {
		*unchanged++
		return false
	}
	i.rows[id] = rowChecked
	*imported++
	return true
}

func (i *importing) readings() commands.ImportReadings {
	return commands.ImportReadings{
		World: i.world, Now: i.now, GrowthWindow: i.GrowthWindow,
		Published: func(socialAccount int64, externalID string) (time.Time, bool) {
			at, ok := i.published[postOf{socialAccount, externalID}]
			return at, ok
		},
	}
}

func (i *importing) connections() commands.ImportConnections {
	c := commands.ImportConnections{World: i.world, Now: i.now, Replace: i.ReplaceTokens, NoSecret: noSecret}
	if i.secrets != nil {
		c.Secrets, c.Places = i.secrets, readmodels.Connections{Pool: i.tables}
	}
	return c
}

func (i *importing) checkAuth(_ place, r *oldsystem.Row) error {
	row, err := r.MemberAuth()
	if err != nil {
		return err
	}
	draft, connection, err := i.connections().Draft(row)
	if err != nil {
		return err
	}
	row.Connection = connection
	if i.world.Put(draft.Key, connection) {
		i.report.Imported.Connections++
	} else {
		i.report.Unchanged.Connections++
	}
	if i.DryRun { // whether tokens are here already only the database could say, which a dry run leaves alone
		outcome, _ := i.connections().Seal(context.Background(), connection, row)
		i.countTokens(outcome)
	}
	i.auth = append(i.auth, row)
	return nil
}

// hashOf is a password hash and the user that it belongs to.
type hashOf struct {
	user domain.DirectoryUser
	row  oldsystem.Password
	put  bool // the user's entity changes
}

func (i *importing) passwords() commands.ImportPasswords {
	c := i.connections()
	return commands.ImportPasswords{World: i.world, Secrets: c.Secrets, NoSecret: c.NoSecret, Now: i.now}
}

func (i *importing) checkPassword(_ place, r *oldsystem.Row) error {
	row, err := r.Password()
	if err != nil {
		return err
	}
	user, err := i.passwords().User(row)
	if err != nil {
		return err
	}
	put := i.world.Put(domain.DirectoryKey(user.EntityKind(), user.EntityID()), user)
	i.hashes = append(i.hashes, hashOf{user, row, put})
	if i.DryRun {
		i.report.Imported.Passwords++
	}
	return nil
}

func (i *importing) countTokens(outcome commands.TokenOutcome) {
	switch outcome {
	case commands.TokenStored:
		i.report.Imported.Tokens++
	case commands.TokenReplaced:
		i.report.Imported.Tokens++
		i.report.TokensReplaced++
	case commands.TokenKept:
		i.report.TokensKept++
	case commands.TokenAbsent:
		i.report.TokensAbsent++
	}
}

func (i *importing) checkPreference(at place, r *oldsystem.Row) error {
	p, err := r.Preference()
	if err != nil {
		return err
	}
	i.preferences[p.ParentAccount] = append(i.preferences[p.ParentAccount], p.ImportedDashboard)
	i.documents[documentKey(p.ParentAccount, p.SubAccountID, p.DocumentID)] = at
	i.documents[documentKey(p.ParentAccount, p.SubAccountID, "")] = at
	return nil
}

func documentKey(parent, sub, document string) string { return parent + sub + document }

func (i *importing) checkPost(_ place, r *oldsystem.Row) error {
	row, err := r.Post()
	if err != nil {
		return err
	}
	draft, err := i.readings().Registration(row)
	if err != nil {
		return err
	}
	if row.PublishedAt != nil {
		i.published[postOf{row.SocialAccount, row.ExternalID}] = *row.PublishedAt
	}
	i.take(draft, &i.report.Imported.Posts, &i.report.Unchanged.Posts)
	return nil
}

func (i *importing) checkAccountReading(_ place, r *oldsystem.Row) error {
	draft, err := i.accountReading(r)
	if err == nil {
		i.take(draft, &i.report.Imported.AccountReadings, &i.report.Unchanged.AccountReadings)
	}
	return err
}

func (i *importing) checkPostReading(_ place, r *oldsystem.Row) error {
	draft, err := i.postReading(r)
	if err == nil {
		i.take(draft, &i.report.Imported.PostReadings, &i.report.Unchanged.PostReadings)
	}
	return err
}

func (i *importing) accountReading(r *oldsystem.Row) (domain.Draft, error) {
	row, err := r.AccountReading()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Account(row)
}

func (i *importing) postReading(r *oldsystem.Row) (domain.Draft, error) {
	row, err := r.PostReading()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Post(row)
}

func (i *importing) registration(r *oldsystem.Row) (domain.Draft, error) {
	row, err := r.Post()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Registration(row)
}

// dashboards is the use case over the open log.
func (i *importing) dashboards() commands.ImportDashboards {
	return commands.ImportDashboards{Stream: i.stream, Log: i.log, Now: time.Now}
}

// plan decides what becomes of the old dashboards, agency by agency.
func (i *importing) plan(ctx context.Context) error {
	for _, parent := range slices.Sorted(maps.Keys(i.preferences)) {
		plan, err := i.dashboards().Plan(ctx, i.world.Facts(parent, i.now), i.preferences[parent])
		if err != nil {
			return err
		}
		for _, together := range plan.Sets {
			i.report.Imported.Dashboards += len(together)
		}
		i.report.Unchanged.Dashboards += plan.Unchanged
		for _, note := range plan.Refused {
			i.report.Refused = append(i.report.Refused, importRefusal{
				i.documents[documentKey(parent, note.SubAccountID, note.ID)], fmt.Sprintf("account %s %s", note.SubAccountID, note.Reason),
			})
		}
		i.report.Repairs = append(i.report.Repairs, i.placedNotes(parent, plan.Repairs)...)
		i.report.Kept = append(i.report.Kept, i.placedNotes(parent, plan.Kept)...)
	}
	return nil
}

func (i *importing) placedNotes(parent string, notes []domain.ImportNote) []importRepair {
	repairs := make([]importRepair, len(notes))
	for n, note := range notes {
		repairs[n] = importRepair{i.documents[documentKey(parent, note.SubAccountID, "")], note}
	}
	return repairs
}
