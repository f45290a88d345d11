package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// metricKind returns the place of a kind in the order of appending, and its counter. Posts come first:
// a reading without published_at takes it from the post.
func metricKind(data domain.Data) (kind uint8, count func(*importCounts) *int) {
	switch data.(type) {
	case domain.PostRegistered:
		return 0, func(c *importCounts) *int { return &c.Posts }
	case domain.AccountRead:
		return 1, func(c *importCounts) *int { return &c.AccountReadings }
	default:
		return 2, func(c *importCounts) *int { return &c.PostReadings }
	}
}

// plan compares the lines with the log and decides what to append.
func (i *importRun) plan(ctx context.Context) error {
	if err := i.open(ctx); err != nil {
		return err
	}
	i.planEntities()
	i.planConnections()
	if err := i.sealTokens(ctx, false); err != nil {
		return err
	}
	if err := i.planMetrics(ctx); err != nil {
		return err
	}
	return i.planDashboards(ctx, false)
}

func (i *importRun) planEntities() {
	for _, e := range i.entities {
		draft, err := i.use.Entity(e.line)
		if err := cmp.Or(err, commands.RefuseErased(i.erasures, []domain.Draft{draft}, e.at)); err != nil {
			i.refuse(e.place, err)
			continue
		}
		entity, _ := draft.Data.(domain.DirectoryEntity)
		i.erases = i.erases || entity == nil
		if !i.use.World.Put(draft.Key, entity, draft.Envelope.Time) {
			i.report.Unchanged.Entities++
			continue
		}
		i.report.Imported.Entities++
		i.drafts = append(i.drafts, draft)
	}
}

// planConnections also removes refused and repeated lines from the tokens.
func (i *importRun) planConnections() {
	first := map[int64]placed[commands.ImportedToken]{} // by connection
	lines := i.tokens
	i.tokens = nil
	for _, t := range lines {
		if earlier, twice := first[t.line.ID]; twice {
			i.repeated(t.place, earlier.place, commands.SameLine(t.line, earlier.line))
			continue
		}
		first[t.line.ID] = t
		i.use.Now = t.at
		draft, err := i.use.Connection(t.line.DirectoryConnection)
		if err := cmp.Or(err, commands.RefuseErased(i.erasures, []domain.Draft{draft}, t.at)); err != nil {
			i.refuse(t.place, err)
			continue
		}
		t.line.DirectoryConnection, _ = draft.Data.(domain.DirectoryConnection)
		i.tokens = append(i.tokens, t)
		if i.use.World.Put(draft.Key, t.line.DirectoryConnection, draft.Envelope.Time) {
			i.report.Imported.Connections++
			i.drafts = append(i.drafts, draft)
		} else {
			i.report.Unchanged.Connections++
		}
	}
}

// repeated counts a line with the identity of an earlier one, or refuses it if it says something
// else, because it is unknown which of them is right.
func (i *importRun) repeated(at, first place, same bool) {
	if same {
		i.report.Repeated++
		return
	}
	i.refuse(at, fmt.Errorf("differs from %s, which has the same identity (account, post and time, or id)", first))
}

// sealTokens stores the tokens (write), or finds out what would become of them.
func (i *importRun) sealTokens(ctx context.Context, write bool) error {
	r := &i.report
	r.Imported.Tokens, r.TokensReplaced, r.TokensKept, r.TokensAbsent = 0, 0, 0, 0
	for _, t := range i.tokens {
		outcome, err := i.use.SealTokens(ctx, t.line.DirectoryConnection, t.line.Stored(), write)
		if err != nil {
			return err
		}
		switch outcome {
		case commands.SecretStored:
			r.Imported.Tokens++
		case commands.SecretReplaced:
			r.Imported.Tokens++
			r.TokensReplaced++
		case commands.SecretKept:
			r.TokensKept++
		case commands.SecretAbsent:
			r.TokensAbsent++
		}
	}
	return nil
}

// planMetrics decides which posts and readings are new.
func (i *importRun) planMetrics(ctx context.Context) error {
	i.use.Now = i.now
	if err := i.readLog(ctx); err != nil {
		return err
	}
	type event struct {
		place

		data []domain.Data
	}
	first := map[string]event{} // by id, of one account and time
	for n := range i.metrics {
		m, pos := &i.metrics[n], i.place(i.metrics[n])
		if n > 0 && (i.metrics[n-1].account != m.account || i.metrics[n-1].at != m.at) {
			clear(first)
		}
		line, err := i.again(*m)
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		drafts, err := i.use.Drafts(line)
		if err := cmp.Or(err, commands.RefuseErased(i.erasures, drafts, i.now)); err != nil {
			i.refuse(pos, err)
			continue
		}
		e := event{place: pos}
		for _, d := range drafts {
			e.data = append(e.data, d.Data)
		}
		id := drafts[0].Envelope.ID
		if earlier, twice := first[id]; twice {
			i.repeated(pos, earlier.place, commands.SameLine(earlier.data, e.data))
			continue
		}
		first[id] = e
		if err := i.planEvent(m, line.Owner, drafts); err != nil {
			i.refuse(pos, err)
			continue
		}
		i.use.World.Accept(drafts)
	}
	for key, state := range i.contents {
		post, _, _ := domain.SplitContentKey(key) // readLog and drafts give only valid keys
		if !state.Erased && i.use.World.ErasesContent(post) {
			i.tombstones = append(i.tombstones, i.use.MarkImported(commands.EraseContentDraft(key, i.now)))
		}
	}
	return nil
}

// planEvent compares a post or reading, and the texts of a post, with the log.
func (i *importRun) planEvent(m *metricLine, owner commands.ImportedOwner, drafts []domain.Draft) error {
	logged, known := i.readings[uuid.MustParse(drafts[0].Envelope.ID)]
	if known && !commands.NewImportDigest(drafts[0].Data).Same(logged.ImportDigest, owner) {
		return errors.New("differs from what an earlier import appended for the same account, post and time")
	}
	if len(drafts) > 1 {
		fresh, err := i.freshContent(drafts[1])
		if err != nil {
			return err
		}
		m.texts = fresh
	}
	m.append = !known
	_, count := metricKind(drafts[0].Data)
	if m.append || m.texts {
		*count(&i.report.Imported)++
	} else {
		*count(&i.report.Unchanged)++
	}
	return nil
}

// freshContent reports whether a draft changes the known texts of a post.
func (i *importRun) freshContent(d domain.Draft) (bool, error) {
	content, _ := d.Data.(domain.PostContent)
	before, known := i.contents[d.Key]
	now := contentState{domain.CompactedRecord{At: d.Envelope.Time}, content.PostTexts}
	switch {
	case i.use.World.ErasesContent(content.PostRef), known && now.texts == before.texts && !before.Erased:
		return false, nil
	case known && !before.Erased && now.At.Equal(before.At):
		return false, errors.New("differs from other texts of the post with the same registered_at")
	case known && !now.Replaces(before.CompactedRecord):
		return false, nil
	}
	i.contents[d.Key] = now
	return true, nil
}

// planDashboards appends the dashboards (write), or decides about them.
func (i *importRun) planDashboards(ctx context.Context, write bool) error {
	use := commands.ImportDashboards{Stream: i.stream, Now: time.Now}
	bars := io.Discard
	if write {
		use.Log, bars = i.log, i.out.Err
	}
	bar := newProgress(bars, "agencies", len(i.agencies))
	for _, parent := range slices.Sorted(maps.Keys(i.agencies)) {
		plan, err := use.Import(ctx, i.use.World.Facts(parent, i.now), i.agencies[parent])
		if err != nil {
			return err
		}
		if !write {
			i.reportDashboards(parent, plan)
		}
		bar.add(1)
	}
	if len(i.agencies) > 0 {
		bar.end()
	}
	return nil
}

func (i *importRun) reportDashboards(parent string, plan domain.ImportPlan) {
	r := &i.report
	for _, together := range plan.Sets {
		r.Imported.Dashboards += len(together)
	}
	r.Unchanged.Dashboards += plan.Unchanged
	for _, note := range plan.Refused {
		i.refuse(i.documents[parent+note.SubAccountID+note.ID], fmt.Errorf("account %s %s", note.SubAccountID, note.Reason))
	}
	for _, note := range plan.Repairs {
		r.Repairs = append(r.Repairs, importRepair{i.documents[parent+note.SubAccountID], note})
	}
	for _, note := range plan.Kept {
		r.Kept = append(r.Kept, importRepair{i.documents[parent+note.SubAccountID], note})
	}
}
