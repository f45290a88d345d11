package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// open connects to what the import needs: the log, and the database when there is something to seal. A dry run makes
// nothing, so a log that is not there yet is an empty one to it.
func (i *importing) open(ctx context.Context) error {
	logger := i.logger(i.out)
	b := &backends{brokers: i.KafkaBrokers, databaseURL: i.DatabaseURL}
	i.Add(b.Close)
	var err error
	if b.topics, err = assembly.Topics(); err != nil {
		return err
	}
	if len(b.brokers) == 0 {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) && i.DryRun {
			return nil
		}
		if err := b.startBroker(ctx, i.storage, logger); err != nil {
			return err
		}
	}
	i.log, err = connectLog(ctx, i.storage, b, i.registry, logger, i.DryRun)
	switch {
	case errors.Is(err, eventlog.ErrNoTopic) && i.DryRun:
		i.log = nil
		return nil
	case err != nil:
		return err
	}
	b.Add(i.log.Close)
	if !i.secret() || i.DryRun {
		return nil
	}
	return i.openSecrets(ctx, b)
}

func (i *importing) openSecrets(ctx context.Context, b *backends) error {
	if b.databaseURL == "" {
		if err := b.startPostgres(ctx, i.storage, i.logger(i.out)); err != nil {
			return err
		}
	}
	if err := assembly.Migrate(ctx, b.databaseURL); err != nil {
		return err
	}
	pool, err := vault.Open(ctx, b.databaseURL)
	if err != nil {
		return err
	}
	b.Add(func() error { pool.Close(); return nil })
	if i.tables, err = openTables(ctx, b, "import"); err != nil {
		return err
	}
	i.secrets, err = vault.NewSecrets(pool, i.keys)
	return err
}

// loadWorld reads the directory from the log.
func (i *importing) loadWorld(ctx context.Context) error {
	if i.log == nil {
		return nil
	}
	err := scanDirectory(ctx, i.log, func(recorded domain.Recorded, err error) {
		if err != nil {
			return // parked by the projection; not of this import
		}
		entity, _ := recorded.Data.(domain.DirectoryEntity)
		i.world.Put(recorded.Key, entity)
	})
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	return nil
}

// scanDirectory hands over every record of the directory, one at a time and those of a key in their order; the error
// is of one that cannot be decoded.
func scanDirectory(ctx context.Context, log *eventlog.Log, each func(domain.Recorded, error)) error {
	var mu sync.Mutex // partitions come in parallel; a key lives in one of them
	return log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicDirectory, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			each(log.Decode(r))
		}
		return nil
	}})
}

// loadImported reads which rows earlier imports have appended to topic `metrics`: about 40 bytes of
// memory for each.
func (i *importing) loadImported(ctx context.Context) error {
	if i.log == nil || len(i.AccountInsights)+len(i.PostInsights)+len(i.Posts)+i.registrations == 0 {
		return nil
	}
	var mu sync.Mutex
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(_ context.Context, run eventlog.Run) error {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range run.Records {
			if r.Header("ce_source") != commands.SourceImport {
				continue
			}
			if id, err := uuid.Parse(r.Header("ce_id")); err == nil {
				i.rows[id] = rowInLog
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("read what was imported before: %w", err)
	}
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
		return stream, fmt.Errorf("the stream takes no change until it is mended (%s%s); see 'ledgerboard verify --all'", done.Broken, problem)
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
