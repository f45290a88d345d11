package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// firstLine is the first line with an identity.
type firstLine struct {
	place

	digest uint64
}

// plan compares the lines with the log and decides what to append.
func (i *importRun) plan(ctx context.Context) error {
	if err := i.open(ctx); err != nil {
		return err
	}
	for _, kept := range slices.Concat(i.entities, i.tokens) {
		i.use.Now = kept.at
		drafts, fresh := i.planLine(kept.place, kept.line)
		if fresh > 0 {
			i.drafts = append(i.drafts, drafts...)
		}
		i.erases = i.erases || drafts != nil && drafts[0].Data == nil
		if line, ok := kept.line.(commands.ImportedToken); ok && drafts != nil {
			line.DirectoryConnection, _ = drafts[0].Data.(domain.DirectoryConnection)
			i.secrets = append(i.secrets, line)
		}
	}
	i.use.Now = i.now
	if err := i.sealTokens(ctx, false); err != nil {
		return err
	}
	if err := i.readReadings(ctx); err != nil {
		return err
	}
	for n := range i.metrics {
		m := &i.metrics[n]
		if n > 0 && (i.metrics[n-1].account != m.account || i.metrics[n-1].at != m.at) {
			clear(i.first)
		}
		line, err := i.spooledLine(*m)
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		_, m.fresh = i.planLine(i.place(int(m.file), int(m.number)), line)
	}
	for _, key := range i.use.World.ErasedContents() {
		erased := commands.EraseContentDraft(key, i.now)
		erased.Envelope.Source = domain.SourceImport
		i.drafts = append(i.drafts, erased)
	}
	return i.planDashboards(ctx, false)
}

// planLine counts a line. It returns its events, and which of them are new, a bit for each; nil if the
// line is refused or repeats an earlier one.
func (i *importRun) planLine(at place, line any) (drafts []domain.Draft, fresh uint8) {
	drafts, err := i.use.Drafts(line)
	if err != nil {
		i.refuse(at, err)
		return nil, 0
	}
	imported, unchanged := i.report.counters(line)
	id, says := drafts[0].Envelope.ID, []any{}
	if token, ok := line.(commands.ImportedToken); ok {
		id, says = drafts[0].Key, []any{token}
	}
	for _, d := range drafts {
		says = append(says, d.Data)
	}
	first, repeats := i.first[id]
	digest := commands.Digest(says)
	switch {
	case repeats && first.digest == digest:
		i.report.Repeated++
		return nil, 0
	case repeats: // it is unknown which of them is right
		err = fmt.Errorf("differs from %s, which has the same identity (account, post and time, or id)", first)
	default:
		i.first[id] = firstLine{at, digest}
		fresh, err = i.fresh(line, drafts)
	}
	switch {
	case err != nil:
		i.refuse(at, err)
		return nil, 0
	case fresh > 0:
		*imported++
	default:
		*unchanged++
	}
	i.use.World.Accept(drafts[0].Data)
	return drafts, fresh
}

// fresh reports which of the events of a line are new, a bit for each.
func (i *importRun) fresh(line any, drafts []domain.Draft) (fresh uint8, err error) {
	for n, d := range drafts {
		var changed bool
		if metric, ok := line.(commands.MetricLine); ok && d.Topic == domain.TopicMetrics {
			logged, known := i.readings[uuid.MustParse(d.Envelope.ID)]
			if known && !commands.NewImportDigest(d.Data).Same(logged.ImportDigest, metric.Owner) {
				return 0, errors.New("differs from what an earlier import appended for the same account, post and time")
			}
			changed = !known
		} else if changed, err = i.use.World.Admit(d); err != nil {
			return 0, err
		}
		if changed {
			fresh |= 1 << n
		}
	}
	return fresh, nil
}

// sealTokens stores the tokens (write), or finds out what would become of them.
func (i *importRun) sealTokens(ctx context.Context, write bool) error {
	r := &i.report
	r.Imported.Tokens, r.TokensReplaced, r.TokensKept, r.TokensAbsent = 0, 0, 0, 0
	for _, line := range i.secrets {
		outcome, err := i.use.SealTokens(ctx, line.DirectoryConnection, line.Stored(), write)
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

// planDashboards appends the dashboards (write), or decides about them.
func (i *importRun) planDashboards(ctx context.Context, write bool) error {
	use := commands.ImportDashboards{Stream: i.stream, Now: time.Now}
	if write {
		use.Log = i.log
	}
	for _, parent := range slices.Sorted(maps.Keys(i.agencies)) {
		plan, err := use.Import(ctx, i.use.World.Facts(parent, i.now), i.agencies[parent])
		if err != nil {
			return err
		}
		if !write {
			i.reportDashboards(parent, plan)
		}
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
		r.Refused = append(r.Refused, importNote{i.documents[parent+note.SubAccountID+note.ID], note})
	}
	for _, note := range plan.Repairs {
		r.Repairs = append(r.Repairs, importNote{i.documents[parent+note.SubAccountID], note})
	}
	for _, note := range plan.Kept {
		r.Kept = append(r.Kept, importNote{i.documents[parent+note.SubAccountID], note})
	}
}

const importBatch = 1000

// append records the import before it appends anything, and its completion at the end.
func (i *importRun) append(ctx context.Context) error {
	if i.report.Imported == (domain.ImportCounts{}) && len(i.drafts) == 0 {
		return nil
	}
	record := domain.DataImported{
		ImportCounts: i.report.Imported, Repaired: len(i.report.Repairs), Refused: len(i.report.Refused),
	}
	for _, f := range i.files {
		record.Files = append(record.Files, f.record())
	}
	draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, record, time.Now())
	draft.Envelope.ID = i.use.ID
	draft.Envelope.Audit.Actor = domain.ImportActor
	if err := i.log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record the import (nothing was imported): %w", err)
	}
	i.report.ID = i.use.ID
	if err := i.sealTokens(ctx, true); err != nil {
		return err
	}
	if err := i.appendDrafts(ctx); err != nil {
		return err
	}
	if err := i.planDashboards(ctx, true); err != nil {
		return err
	}
	return wrapError("record that the import is done", i.log.Append(ctx, commands.DoneDraft(draft, time.Now())))
}

// appendDrafts appends entities first, and then posts and readings in their order.
func (i *importRun) appendDrafts(ctx context.Context) error {
	bar := newProgress(i.out.Err, "append", len(i.drafts)+len(i.metrics))
	for chunk := range slices.Chunk(i.drafts, importBatch) {
		if err := i.appendBatch(ctx, chunk); err != nil {
			return err
		}
		bar.add(len(chunk))
	}
	for chunk := range slices.Chunk(i.metrics, importBatch) {
		var batch []domain.Draft
		for _, m := range chunk {
			if m.fresh == 0 {
				continue
			}
			line, err := i.spooledLine(m)
			if err != nil {
				return err
			}
			drafts, err := i.use.Drafts(line)
			if err != nil {
				return fmt.Errorf("%s: %w", i.place(int(m.file), int(m.number)), err)
			}
			for n, d := range drafts {
				if m.fresh&(1<<n) != 0 {
					batch = append(batch, d)
				}
			}
		}
		if err := i.appendBatch(ctx, batch); err != nil {
			return err
		}
		bar.add(len(chunk))
	}
	bar.end()
	return nil
}

func (i *importRun) appendBatch(ctx context.Context, batch []domain.Draft) error {
	return wrapError("append (repeating the import is safe)", i.log.AppendBulk(ctx, batch))
}
