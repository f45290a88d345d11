package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

type importing struct {
	importCommand

	zone     *time.Location
	keys     vault.Keys // none in a dry run
	out      streams
	now      time.Time
	registry *domain.Registry
	erasures domain.Erasures // what must not come back

	parts   *assembly.Parts        // nil: nothing is open
	log     *eventlog.Log          // nil: not created yet (dry run)
	secrets *vault.Secrets         // nil: nothing is to be sealed
	places  readmodels.Connections // with secrets

	directory *commands.ImportWorld
	inLog     map[uuid.UUID]bool // see rowsInLog; nil: not read yet

	inContents map[string]toldContent // see readContents; nil: not read yet
}

// open connects to the log, and to the database when there is something to seal. A dry run makes nothing, so a log
// that is not there yet is an empty one to it.
func (i *importing) open(ctx context.Context) error {
	if len(i.KafkaBrokers) == 0 && i.DryRun {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	at := i.backends(i.logger(i.out))
	at.Existing, at.SecretsKeys = i.DryRun, i.keys
	i.parts = assembly.NewParts(at)
	var err error
	i.log, err = i.parts.Log(ctx)
	switch {
	case errors.Is(err, eventlog.ErrNoTopic) && i.DryRun:
		i.log = nil
		return nil
	case err != nil:
		return err
	}
	if !i.secret() || i.DryRun {
		return nil
	}
	if err := i.parts.Migrate(ctx); err != nil {
		return err
	}
	tables, err := i.parts.Tables(ctx)
	if err != nil {
		return err
	}
	live, err := projections.Live(ctx, tables, projectors.All(0))
	if err != nil {
		return err
	}
	if live { // else nothing was folded yet, and no connection has a place
		i.places.Pool = tables
	}
	i.secrets, err = i.parts.Secrets(ctx)
	return err
}

// checkAll reads the directory from the log, and every file, and appends nothing.
func (i *importing) checkAll(ctx context.Context) (importReport, error) {
	if i.log != nil {
		lines, err := assembly.Erasures(ctx, i.log)
		if err != nil {
			return importReport{}, err
		}
		i.erasures = domain.NewErasures(lines)
		err = assembly.ScanDirectory(ctx, i.log, func(recorded domain.Recorded, err error) {
			if err != nil {
				return // parked by the projection; not of this import
			}
			entity, _ := recorded.Data.(domain.DirectoryEntity)
			i.directory.Stored(recorded.Key, entity, recorded.Envelope.Time)
		})
		if err != nil {
			return importReport{}, fmt.Errorf("read the directory: %w", err)
		}
	}
	return i.pass(ctx, i.out.Err, false)
}

// rowsInLog are the rows that earlier imports have appended to topic `metrics`, about 40 bytes of memory for each.
// They are read only when the first row of a file needs them: the topic is long, and an import of entities alone needs none.
func (i *importing) rowsInLog(ctx context.Context) (map[uuid.UUID]bool, error) {
	if i.inLog != nil || i.log == nil {
		return i.inLog, nil
	}
	inLog := map[uuid.UUID]bool{}
	var mu sync.Mutex // partitions come in parallel
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			if r.Header("ce_source") != commands.SourceImport {
				continue
			}
			if id, err := uuid.Parse(r.Header("ce_id")); err == nil {
				inLog[id] = true
			}
		}
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("read what was imported before: %w", err)
	}
	i.inLog = inLog
	return inLog, nil
}

// toldContent is what counts of a key of topic `contents`; texts are empty where they were erased.
type toldContent struct {
	domain.CompactedRecord

	texts domain.PostTexts
}

// readContents reads, when the first post needs it, what was last said of each post.
func (i *importing) readContents(ctx context.Context) error {
	if i.inContents != nil || i.log == nil {
		return nil
	}
	told := map[string]toldContent{}
	var mu sync.Mutex // partitions come in parallel
	codec := i.log.Codec()
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicContents, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			recorded, err := codec.Decode(r)
			if _, _, badKey := domain.SplitContentKey(recorded.Key); err != nil || badKey != nil {
				continue // parked by the projection
			}
			content, _ := recorded.Data.(domain.PostContent)
			now := toldContent{domain.CompactedRecord{At: recorded.Envelope.Time, Erased: recorded.Data == nil}, content.PostTexts}
			mu.Lock()
			told[recorded.Key] = now
			mu.Unlock()
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("read what posts say: %w", err)
	}
	i.inContents = told
	return nil
}

// stream reads an agency's dashboards from the log.
func (i *importing) stream(ctx context.Context, parent string) (commands.ImportStream, error) {
	stream := commands.ImportStream{Present: map[string]domain.PresentDashboard{}}
	if i.log == nil {
		return stream, nil
	}
	changed, problem := map[string]bool{}, ""
	opened := domain.DashboardOpened{}.EventType()
	done, err := proof.Replay(ctx, i.log, proof.ReplayConfig{Parent: parent, Yield: func(c proof.Change) error {
		if c.Problem != "" {
			problem = fmt.Sprintf("version %d: %s", c.Version, c.Problem)
		}
		if c.Event != opened {
			changed[c.Dashboard] = true
		}
		return nil
	}})
	if err != nil {
		return stream, err
	}
	if problem != "" || done.Broken != "" {
		return stream, fmt.Errorf("the stream takes no change until it is repaired (%s%s); see 'ledgerboard verify --all'", done.Broken, problem)
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

// appendAll appends what was checked, after a record of the import if there is anything to append.
func (i *importing) appendAll(ctx context.Context, checked importReport) (importReport, error) {
	n := checked.Imported
	record := domain.DataImported{
		Entities: n.Entities, Connections: n.Connections, Tokens: n.Tokens, Dashboards: n.Dashboards, Posts: n.Posts,
		AccountReadings: n.AccountReadings, PostReadings: n.PostReadings,
	}
	if n != (importCounts{}) {
		record.Repaired, record.Refused = len(checked.Repairs), len(checked.Refused)
		for _, path := range slices.Concat(i.Files, i.Preferences, i.Posts, i.AccountInsights, i.PostInsights, i.MemberAuth) {
			file, err := importedFile(path)
			if err != nil {
				return checked, err
			}
			record.Files = append(record.Files, file)
		}
		draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, record, i.now)
		draft.Envelope.Audit.Actor = commands.ImportActor
		if err := i.log.Append(ctx, draft); err != nil {
			return checked, fmt.Errorf("put the import on record (nothing was imported): %w", err)
		}
	}
	return i.pass(ctx, i.out.Err, true)
}

func importedFile(path string) (domain.ImportedFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return domain.ImportedFile{}, fmt.Errorf("open import file: %w", err)
	}
	defer file.Close()
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return domain.ImportedFile{}, fmt.Errorf("read import file: %w", err)
	}
	return domain.ImportedFile{Name: filepath.Base(path), Bytes: size, SHA256: hex.EncodeToString(digest.Sum(nil))}, nil
}
