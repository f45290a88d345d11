package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// importing is the command at work.
type importing struct {
	assembly.Closers
	importCommand

	zone     *time.Location
	keys     vault.Keys // none in a dry run
	out      streams
	now      time.Time
	registry *domain.Registry
	log      *eventlog.Log // nil: there is none yet (dry run)
	secrets  *vault.Secrets
	tables   *pgxpool.Pool // with secrets
	world    *commands.ImportWorld
	report   importReport

	directory     []placed // entities and erasures, and posts that the main application registers
	registrations int      // of those, the posts
	auth          []legacy.MemberAuth
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

func newImporting(c importCommand, s streams, zone *time.Location, keys vault.Keys) *importing {
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
		row   func(place, *legacy.Row) error
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
