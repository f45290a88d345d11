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
	"strings"
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
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type importRun struct {
	importCommand

	zone     *time.Location
	keys     vault.Keyring // nil in a dry run
	out      streams
	now      time.Time
	registry *domain.Registry
	erasures domain.Erasures // entities that must not be restored

	parts   *assembly.Parts       // nil if nothing is open
	log     *eventlog.Log         // nil if it does not exist yet (dry run)
	secrets *vault.Secrets        // nil if there is nothing to seal
	locator directory.Connections // set together with secrets

	directory *commands.ImportWorld
	inLog     map[uuid.UUID]bool // see rowsInLog; nil until read
	// see readContents; nil until read
	inContents map[string]contentState
}

// open connects to the log and, if there are secrets to seal, to the database. A dry run creates
// nothing: it treats a missing log as an empty one.
func (i *importRun) open(ctx context.Context) error {
	if len(i.KafkaBrokers) == 0 && i.DryRun {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	config := i.backends(i.logger(i.out))
	config.Existing, config.SecretsKeys = i.DryRun, i.keys
	i.parts = assembly.NewParts(config)
	var err error
	i.log, err = i.parts.Log(ctx)
	switch {
	case errors.Is(err, eventlog.ErrNoTopic) && i.DryRun:
		i.log = nil
		return nil
	case err != nil:
		return err
	}
	if !i.seals() {
		return nil
	}
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
		i.locator.Pool = tables
	}
	i.secrets, err = i.parts.Secrets(ctx)
	return err
}

func (i *importRun) checkAll(ctx context.Context) (importReport, error) {
	if i.log != nil {
		lines, err := assembly.Erasures(ctx, i.log)
		if err != nil {
			return importReport{}, err
		}
		i.erasures = domain.NewErasures(lines)
		err = assembly.ScanTopic(ctx, i.log, domain.TopicDirectory, func(recorded domain.Recorded, err error) {
			if err != nil {
				return // the projection parks it; the import does not need it
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

// rowsInLog returns the ids of the rows that earlier imports appended to topic `metrics`. Each id
// takes about 40 bytes of memory. The topic is long, so it is read only when the first row needs
// it.
func (i *importRun) rowsInLog(ctx context.Context) (map[uuid.UUID]bool, error) {
	if i.inLog != nil || i.log == nil {
		return i.inLog, nil
	}
	inLog := map[uuid.UUID]bool{}
	var mu sync.Mutex // partitions are scanned concurrently
	handle := func(_ context.Context, run eventlog.Run) error {
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
	}
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: handle})
	if err != nil {
		return nil, fmt.Errorf("read earlier imports: %w", err)
	}
	i.inLog = inLog
	return inLog, nil
}

// contentState is the state of a post's texts. It has no texts if they were erased.
type contentState struct {
	domain.CompactedRecord

	texts domain.PostTexts
}

func (i *importRun) readContents(ctx context.Context) error {
	if i.inContents != nil || i.log == nil {
		return nil
	}
	contents := map[string]contentState{}
	var mu sync.Mutex // partitions are scanned concurrently
	codec := i.log.Codec()
	handle := func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			recorded, err := codec.Decode(r)
			if _, _, badKey := domain.SplitContentKey(recorded.Key); err != nil || badKey != nil {
				continue // the projection parks it
			}
			content, _ := recorded.Data.(domain.PostContent)
			now := domain.CompactedRecord{At: recorded.Envelope.Time, Erased: recorded.Data == nil}
			mu.Lock()
			contents[recorded.Key] = contentState{now, content.PostTexts}
			mu.Unlock()
		}
		return nil
	}
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicContents, Handle: handle})
	if err != nil {
		return fmt.Errorf("read texts of posts: %w", err)
	}
	i.inContents = contents
	return nil
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

// appendAll records the import before it appends anything, and its completion at the end.
func (i *importRun) appendAll(ctx context.Context, checked importReport) (importReport, error) {
	n := checked.Imported
	if n == (importCounts{}) {
		return i.pass(ctx, i.out.Err, true)
	}
	record := domain.DataImported{
		Entities: n.Entities, Connections: n.Connections, Tokens: n.Tokens, Dashboards: n.Dashboards, Posts: n.Posts,
		AccountReadings: n.AccountReadings, PostReadings: n.PostReadings,
		Repaired: len(checked.Repairs), Refused: len(checked.Refused),
	}
	for _, path := range slices.Concat(
		i.Files, i.Preferences, i.Posts, i.AccountInsights, i.PostInsights, i.MemberAuth,
	) {
		file, err := importedFile(path)
		if err != nil {
			return checked, err
		}
		record.Files = append(record.Files, file)
	}
	draft := commands.NewDraft(domain.TopicOperations, domain.OperationsKeyAll, record, i.now)
	draft.Envelope.Audit.Actor = commands.ImportActor
	if err := i.log.Append(ctx, draft); err != nil {
		return checked, fmt.Errorf("record the import (nothing was imported): %w", err)
	}
	report, err := i.pass(ctx, i.out.Err, true)
	if err != nil {
		return report, err
	}
	done := commands.DoneDraft(draft, time.Now())
	return report, wrapError("record that the import is done", i.log.Append(ctx, done))
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
