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
)

// open connects to what the import needs: the log, and the database when there is something to seal. A dry run makes
// nothing, so a log that is not there yet is an empty one to it.
func (i *importing) open(ctx context.Context) error {
	if len(i.KafkaBrokers) == 0 && i.DryRun {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	at := i.backends(i.logger(i.out))
	at.Existing, at.SecretsKeys = i.DryRun, i.keys
	parts := assembly.NewParts(at)
	i.Add(parts.Close)
	var err error
	i.log, err = parts.Log(ctx)
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
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	if i.tables, err = parts.Tables(ctx); err != nil {
		return err
	}
	i.secrets, err = parts.Secrets(ctx)
	return err
}

// loadWorld reads the directory from the log.
func (i *importing) loadWorld(ctx context.Context) error {
	if i.log == nil {
		return nil
	}
	err := assembly.ScanDirectory(ctx, i.log, func(recorded domain.Recorded, err error) {
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
	stream.Head = domain.StreamHead{Version: done.Version, Hash: hash, Time: done.Time}
	return stream, nil
}
