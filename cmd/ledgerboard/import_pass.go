package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

const importBatch = 1000

// importPass reads all files once. A dry pass checks and counts; a real pass also stores new
// secrets and appends new data. If the process is killed, only complete events remain in the log,
// and repeating the import continues where it stopped.
type importPass struct {
	*importRun
	commands.Import

	real         bool
	bars         io.Writer
	report       importReport
	batch        []domain.Draft
	seen         map[uuid.UUID]bool      // rows of topic metrics, by event id
	fileContents map[string]contentState // latest texts of posts in the files, by key
	// keys of post contents by directory key of the social account and of the agency; nil before
	// the first erasure
	contents  map[string][]string
	agencies  map[string][]domain.ImportedDashboard // legacy dashboards by agency
	documents map[string]place                      // by agency, account and document, and by agency and account
}

func (i *importRun) pass(ctx context.Context, bars io.Writer, real bool) (importReport, error) {
	p := &importPass{
		importRun: i, real: real, bars: bars,
		Import: commands.Import{
			World: i.directory.Clone(), ReplaceAll: i.ReplaceTokens, GrowthWindow: i.GrowthWindow,
			NoSubscriptions: i.Subscriptions == subscriptionsNone, Now: i.now,
		},
		report: importReport{
			DryRun: i.DryRun, Repairs: []importRepair{}, Kept: []importRepair{}, Refused: []importRefusal{},
		},
		seen: map[uuid.UUID]bool{}, fileContents: map[string]contentState{},
		agencies: map[string][]domain.ImportedDashboard{}, documents: map[string]place{},
	}
	if i.secrets != nil {
		p.Secrets = i.secrets
		if !real {
			p.Looked = map[string][sha256.Size]byte{}
		}
		if i.locator.Pool != nil {
			p.Places = i.locator
		}
	}
	for _, in := range p.importers() {
		if err := p.each(ctx, in); err != nil {
			return p.report, err
		}
		if err := p.flush(ctx, in); err != nil {
			return p.report, err
		}
	}
	err := p.dashboards(ctx) // it adds to the report
	return p.report, err
}

// each reads the files of an importer. It refuses invalid rows; any other error ends the pass.
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

type countingReader struct {
	in  io.Reader
	bar *progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.bar.add(n)
	return n, err
}

func (p *importPass) take(ctx context.Context, in importer, pos place, r *legacy.Row) error {
	// A later row must have a later time: the latest state of an entity is valid, and a file may
	// contain several of its states.
	p.Now = p.Now.Add(time.Microsecond)
	d, err := in.row(pos, r)
	if err != nil {
		p.refuse(pos, err)
		return nil
	}
	if d.Key == "" {
		return nil
	}
	if err := commands.RefuseErased(p.erasures, slices.Concat([]domain.Draft{d.Draft}, d.contents), p.Now); err != nil {
		p.refuse(pos, err)
		return nil
	}
	// A dry pass only checks whether the secret is stored. With --dry-run the database is not open,
	// and each secret is counted as new.
	if d.seal != nil {
		if err := d.seal(ctx); err != nil {
			return err
		}
	}
	imported, unchanged := in.imported, in.unchanged
	if _, post := d.Data.(domain.PostRegistered); post { // posts also occur among the entities
		imported, unchanged = &p.report.Imported.Posts, &p.report.Unchanged.Posts
	}
	before := len(p.batch)
	erased, err := p.erasedContents(ctx, d.Draft)
	if err != nil {
		return err
	}
	for _, draft := range slices.Concat([]domain.Draft{d.Draft}, d.contents, erased) {
		fresh, err := p.fresh(ctx, draft)
		if err != nil {
			return err
		}
		if fresh {
			p.batch = append(p.batch, draft)
		}
	}
	if len(p.batch) == before {
		*unchanged++
		return nil
	}
	*imported++
	if len(p.batch) < importBatch {
		return nil
	}
	return p.flush(ctx, in)
}

// fresh reports whether an event is neither in the log nor earlier in the files.
func (p *importPass) fresh(ctx context.Context, d domain.Draft) (bool, error) {
	if d.Topic == domain.TopicDirectory {
		entity, _ := d.Data.(domain.DirectoryEntity)
		return p.World.Put(d.Key, entity, d.Envelope.Time), nil
	}
	if d.Topic == domain.TopicContents {
		return p.freshContent(ctx, d)
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

// freshContent reports whether a draft changes the known texts of a post.
func (p *importPass) freshContent(ctx context.Context, d domain.Draft) (bool, error) {
	if err := p.readContents(ctx); err != nil {
		return false, err
	}
	now := contentState{CompactedRecord: domain.CompactedRecord{At: d.Envelope.Time, Erased: d.Data == nil}}
	if content, ok := d.Data.(domain.PostContent); ok {
		now.texts = content.PostTexts
	}
	before, known := p.content(d.Key)
	switch {
	case now.Erased:
		if !known || before.Erased {
			return false, nil
		}
	case known && !now.Replaces(before.CompactedRecord), now.texts == before.texts:
		return false, nil
	}
	p.fileContents[d.Key] = now
	if !known && p.contents != nil {
		p.index(d.Key)
	}
	return true, nil
}

func (p *importPass) content(key string) (contentState, bool) {
	if content, known := p.fileContents[key]; known {
		return content, true
	}
	content, known := p.inContents[key]
	return content, known
}

// index adds the key of a content under the directory keys of its social account and its agency: if
// one of these is erased, the content is erased.
func (p *importPass) index(key string) {
	post, _, _ := domain.SplitContentKey(key) // readContents and drafts give only valid keys
	for _, owner := range []string{
		domain.DirectoryKey(domain.KindSocialAccount, strconv.FormatInt(post.SocialAccount, 10)),
		domain.DirectoryKey(domain.KindAccount, post.ParentAccount),
	} {
		p.contents[owner] = append(p.contents[owner], key)
	}
}

func (p *importPass) erasedContents(ctx context.Context, d domain.Draft) (tombstones []domain.Draft, err error) {
	kind, _, _ := strings.Cut(d.Key, ":")
	if d.Topic != domain.TopicDirectory || d.Data != nil ||
		kind != domain.KindSocialAccount && kind != domain.KindAccount {
		return nil, nil
	}
	if err := p.readContents(ctx); err != nil {
		return nil, err
	}
	if p.contents == nil {
		p.contents = map[string][]string{}
		for key := range p.inContents {
			p.index(key)
		}
		for key := range p.fileContents {
			p.index(key)
		}
	}
	for _, key := range slices.Compact(slices.Sorted(slices.Values(p.contents[d.Key]))) {
		if state, _ := p.content(key); !state.Erased {
			tombstones = append(tombstones, p.MarkImported(commands.EraseContentDraft(key, p.now)))
		}
	}
	return tombstones, nil
}

func (p *importPass) flush(ctx context.Context, in importer) error {
	batch := p.batch
	p.batch = p.batch[:0]
	if len(batch) == 0 || !p.real {
		return nil
	}
	return wrapError("append "+in.name+" (repeating the import is safe)", p.log.AppendBulk(ctx, batch))
}

func (p *importPass) refuse(pos place, reason error) {
	p.report.Refused = append(p.report.Refused, importRefusal{pos, reason.Error()})
}

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
			p.refuse(p.documents[parent+note.SubAccountID+note.ID],
				fmt.Errorf("account %s %s", note.SubAccountID, note.Reason))
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
