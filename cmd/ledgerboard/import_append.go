package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// importBatch is the number of events that are appended at a time.
const importBatch = 1000

// appendAll appends what was checked: first who is who, then what belongs to them. A process that is
// killed in between leaves whole events, and the same import again goes on where it ended.
func (i *importing) appendAll(ctx context.Context) error {
	if err := i.appendRecord(ctx); err != nil {
		return err
	}
	if err := i.appendDirectory(ctx); err != nil {
		return err
	}
	if err := i.appendConnections(ctx); err != nil {
		return err
	}
	if err := i.appendPasswords(ctx); err != nil {
		return err
	}
	if err := i.appendDashboards(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		files []string
		label string
		draft func(*legacy.Row) (domain.Draft, error)
	}{
		{i.Posts, "posts", i.registration},
		{i.AccountInsights, "account readings", i.accountReading},
		{i.PostInsights, "post readings", i.postReading},
	} {
		if err := i.appendRows(ctx, step.files, step.label, step.draft); err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) appendDirectory(ctx context.Context) error {
	drafts := make([]domain.Draft, len(i.directory))
	for n, p := range i.directory {
		drafts[n] = p.Draft
		if post, ok := p.Data.(domain.PostRegistered); ok {
			registered, err := i.readings().Registered(post)
			if err != nil {
				return fmt.Errorf("%s: %w", p.place, err)
			}
			drafts[n] = registered
		}
	}
	return i.appendBatches(ctx, "entities", drafts)
}

func (i *importing) appendBatches(ctx context.Context, label string, drafts []domain.Draft) error {
	if len(drafts) == 0 {
		return nil
	}
	bar := newProgress(i.out.Err, label, len(drafts))
	for batch := range slices.Chunk(drafts, importBatch) {
		if err := i.log.AppendBulk(ctx, batch); err != nil {
			return fmt.Errorf("append after %d %s (repeating the import is safe): %w", bar.done, label, err)
		}
		bar.add(len(batch))
	}
	bar.end()
	return nil
}

// appendConnections seals tokens before it appends what refers to them.
func (i *importing) appendConnections(ctx context.Context) error {
	drafts := make([]domain.Draft, 0, len(i.auth))
	for _, row := range i.auth {
		outcome, err := i.connections().Seal(ctx, row.Connection, row)
		if err != nil {
			return err
		}
		i.countTokens(outcome)
		drafts = append(drafts, commands.EntityDraft(row.Connection, i.now))
	}
	if i.report.Imported.Connections == 0 {
		return nil // all of them are in the log as they are
	}
	return i.appendBatches(ctx, "connections", drafts)
}

// appendPasswords seals hashes before it appends the users that refer to them.
func (i *importing) appendPasswords(ctx context.Context) error {
	var drafts []domain.Draft
	for _, h := range i.hashes {
		changed, err := i.passwords().Seal(ctx, h.user, h.row)
		if err != nil {
			return err
		}
		if changed {
			i.report.Imported.Passwords++
		} else {
			i.report.Unchanged.Passwords++
		}
		if h.put {
			drafts = append(drafts, commands.EntityDraft(h.user, i.now))
		}
	}
	return i.appendBatches(ctx, "users with a password", drafts)
}

func (i *importing) appendDashboards(ctx context.Context) error {
	bar := newProgress(i.out.Err, "agencies", len(i.preferences))
	for _, parent := range slices.Sorted(maps.Keys(i.preferences)) {
		if _, err := i.dashboards().Import(ctx, i.world.Facts(parent, i.now), i.preferences[parent]); err != nil {
			return err
		}
		bar.add(1)
	}
	if len(i.preferences) > 0 {
		bar.end()
	}
	return nil
}

// appendRows reads the files once more and appends the rows that were checked and are not in the log.
func (i *importing) appendRows(ctx context.Context, files []string, label string, draft func(*legacy.Row) (domain.Draft, error)) error {
	var batch []domain.Draft
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := i.log.AppendBulk(ctx, batch); err != nil {
			return fatal{fmt.Errorf("append %s (repeating the import is safe): %w", label, err)}
		}
		batch = batch[:0]
		return nil
	}
	err := i.each(ctx, files, label, func(_ place, r *legacy.Row) error {
		d, err := draft(r)
		if err != nil {
			return err
		}
		id := uuid.MustParse(d.Envelope.ID)
		if i.rows[id] != rowChecked {
			return nil
		}
		i.rows[id] = rowInLog
		if batch = append(batch, d); len(batch) < importBatch {
			return nil
		}
		return flush()
	}, func(place, error) {}) // they were refused when they were checked
	if err != nil {
		return err
	}
	return flush()
}
