package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// open connects to the log and, if there are tokens to encrypt, to the database, and reads the
// directory. A dry run creates nothing: it treats a missing log as an empty one.
func (i *importRun) open(ctx context.Context) (err error) {
	seals := len(i.tokens) > 0 && !i.DryRun
	config := i.config(i.logger(i.out))
	config.Existing = i.DryRun
	if seals {
		if err := i.checkSecretsKey(); err != nil {
			return err
		}
		config.SecretsKey = i.SecretsKey
	}
	if len(i.KafkaBrokers) == 0 && i.DryRun {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	i.parts = app.NewParts(config)
	i.log, err = i.parts.Log(ctx)
	switch {
	case errors.Is(err, eventlog.ErrNoTopic) && i.DryRun:
		i.log = nil
		return nil
	case err != nil:
		return err
	}
	if seals {
		if err := i.openSecrets(ctx); err != nil {
			return err
		}
	}
	return i.readDirectory(ctx)
}

func (i *importRun) openSecrets(ctx context.Context) error {
	if err := i.parts.Migrate(ctx); err != nil {
		return err
	}
	tables, err := i.parts.Tables(ctx)
	if err != nil {
		return err
	}
	live, err := projections.Live(ctx, tables, projectors.All())
	if err != nil {
		return err
	}
	if live { // otherwise nothing has been folded yet, and no connection is known
		i.use.Places = directory.Connections{Pool: tables}
	}
	secrets, err := i.parts.Secrets(ctx)
	if err == nil {
		i.use.Secrets = secrets
	}
	return err
}

func (i *importRun) readDirectory(ctx context.Context) error {
	lines, err := app.Erasures(ctx, i.log)
	if err != nil {
		return err
	}
	i.erasures = domain.NewErasures(lines)
	err = app.ScanTopic(ctx, i.log, domain.TopicDirectory, func(recorded domain.Recorded, err error) {
		if err != nil {
			return // it is a dead letter; the import does not need it
		}
		entity, _ := recorded.Data.(domain.DirectoryEntity)
		i.use.World.Stored(recorded.Key, entity, recorded.Envelope.Time)
	})
	return wrapError("read the directory", err)
}

// importedReadings holds what earlier imports appended to topic metrics, by event id. Each entry
// takes about 70 bytes of memory.
type importedReadings map[uuid.UUID]importedReading

type importedReading struct {
	commands.ImportDigest

	of int32 // number of its import
}

// number returns a number for the id of an import.
func (i *importRun) number(id string) int32 {
	n, known := i.imports[id]
	if !known {
		n = int32(len(i.imports))
		i.imports[id] = n
	}
	return n
}

// contentState is the state of a post's texts. It has no texts if they were erased.
type contentState struct {
	domain.CompactedRecord

	texts domain.PostTexts
}

// readLog reads the topics metrics and contents, which are long, if a line needs them.
func (i *importRun) readLog(ctx context.Context) error {
	i.readings, i.contents = importedReadings{}, map[string]contentState{}
	i.imports, i.withdrawn = map[string]int32{}, map[int32]bool{}
	i.use.Withdrawn = func(event uuid.UUID) bool {
		r, known := i.readings[event]
		return known && i.withdrawn[r.of]
	}
	if i.log == nil || len(i.metrics) == 0 && !i.erases {
		return nil
	}
	var mu sync.Mutex
	err := i.scanImports(ctx, "", func(of string, recorded domain.Recorded) {
		if e, ok := recorded.Data.(domain.ImportWithdrawn); ok {
			mu.Lock()
			defer mu.Unlock()
			i.withdrawn[i.number(e.Import)] = true
			return
		}
		id, err := uuid.Parse(recorded.Envelope.ID)
		if err != nil {
			return // no import has made it
		}
		digest := commands.NewImportDigest(recorded.Data)
		mu.Lock()
		defer mu.Unlock()
		i.readings[id] = importedReading{digest, i.number(of)}
	})
	if err != nil {
		return err
	}
	err = app.ScanTopic(ctx, i.log, domain.TopicContents, func(recorded domain.Recorded, err error) {
		if _, _, badKey := domain.SplitContentKey(recorded.Key); err != nil || badKey != nil {
			return // it is a dead letter
		}
		content, _ := recorded.Data.(domain.PostContent)
		now := domain.CompactedRecord{At: recorded.Envelope.Time, Erased: recorded.Data == nil}
		i.contents[recorded.Key] = contentState{now, content.PostTexts}
	})
	return wrapError("read texts of posts", err)
}

func (i *importRun) stream(ctx context.Context, parent string) (commands.ImportStream, error) {
	stream := commands.ImportStream{Present: map[string]domain.PresentDashboard{}}
	if i.log == nil {
		return stream, nil
	}
	changed, problems := map[string]bool{}, []string{}
	opened := domain.DashboardOpened{}.EventType()
	done, err := proof.Replay(ctx, i.log, proof.ReplayConfig{Parent: parent, Yield: func(c proof.Change) error {
		if c.Problem != "" {
			problems = append(problems, fmt.Sprintf("version %d: %s", c.Version, c.Problem))
		}
		if c.Event != opened {
			changed[c.Dashboard] = true
		}
		return nil
	}})
	if err != nil {
		return stream, err
	}
	if len(problems) > 0 || done.Broken != "" {
		return stream, fmt.Errorf("the stream must be repaired first (%s%s); see 'ledgerboard verify --all'",
			done.Broken, strings.Join(problems, "; "))
	}
	for _, d := range done.State {
		stream.Present[d.SubAccountID] = domain.PresentDashboard{Dashboard: d, OnlyOpened: !changed[d.SubAccountID]}
	}
	hash, err := hex.DecodeString(done.Hash)
	if err != nil {
		return stream, fmt.Errorf("read the head: %w", err)
	}
	stream.Head = domain.StreamHead{Version: done.Version, Time: done.Time}
	copy(stream.Head.Hash[:], hash)
	return stream, nil
}

const importBatch = 1000

// append records the import before it appends anything, and its completion at the end.
func (i *importRun) append(ctx context.Context) error {
	n := i.report.Imported
	if n == (importCounts{}) && len(i.tombstones) == 0 {
		return nil
	}
	record := domain.DataImported{
		Entities: n.Entities, Connections: n.Connections, Tokens: n.Tokens, Dashboards: n.Dashboards, Posts: n.Posts,
		AccountReadings: n.AccountReadings, PostReadings: n.PostReadings,
		Repaired: len(i.report.Repairs), Refused: len(i.report.Refused),
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

func (i *importRun) appendDrafts(ctx context.Context) error {
	n := i.report.Imported
	batch := slices.Concat(i.drafts, i.tombstones)
	bar := newProgress(i.out.Err, "append", len(batch)+n.Posts+n.AccountReadings+n.PostReadings)
	bar.add(len(batch))
	for at := 0; len(batch) > 0 || at < len(i.metrics); {
		for chunk := range slices.Chunk(batch, importBatch) {
			if err := i.log.AppendBulk(ctx, chunk); err != nil {
				return fmt.Errorf("append (repeating the import is safe): %w", err)
			}
		}
		for batch = batch[:0]; at < len(i.metrics) && len(batch) < importBatch; at++ {
			drafts, err := i.freshDrafts(i.metrics[at])
			if err != nil {
				return err
			}
			batch = append(batch, drafts...)
			bar.add(min(len(drafts), 1))
		}
	}
	bar.end()
	return nil
}

// freshDrafts returns those of the drafts of a post or reading that are new.
func (i *importRun) freshDrafts(m metricLine) (fresh []domain.Draft, err error) {
	if !m.append && !m.texts {
		return nil, nil
	}
	line, err := i.again(m)
	if err != nil {
		return nil, err
	}
	drafts, err := i.use.Drafts(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.place(m), err)
	}
	if m.append {
		fresh = drafts[:1]
	}
	if m.texts {
		fresh = append(fresh, drafts[1])
	}
	return fresh, nil
}
