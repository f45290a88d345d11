package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// open connects to the log and, if there are tokens to encrypt, to the database, and reads the
// directory. A dry run creates nothing: it treats a missing log as an empty one.
func (i *importRun) open(ctx context.Context) (err error) {
	seals := len(i.tokens) > 0 && !i.DryRun
	if seals {
		if _, err := vault.OpenKeyring(i.SecretsKey, nil); err != nil {
			return usageError{fmt.Errorf("LEDGERBOARD_SECRETS_KEY, which encrypts the tokens: %w", err)}
		}
	}
	if len(i.KafkaBrokers) == 0 && i.DryRun {
		if _, err := os.Stat(i.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	switch err := i.parts.OpenLog(ctx); {
	case errors.Is(err, eventlog.ErrNoTopic) && i.DryRun:
		return nil
	case err != nil:
		return err
	}
	i.log = i.parts.Log
	if seals {
		if err := i.openSecrets(ctx); err != nil {
			return err
		}
	}
	erased, err := app.Erasures(ctx, i.log)
	if err != nil {
		return err
	}
	i.use.Erasures = domain.NewErasures(erased)
	return wrapError("read the directory", i.readStates(ctx, domain.TopicDirectory))
}

func (i *importRun) openSecrets(ctx context.Context) error {
	if err := i.parts.Migrate(ctx); err != nil {
		return err
	}
	if err := i.parts.OpenDatabase(ctx); err != nil {
		return err
	}
	live, err := projections.Live(ctx, i.parts.ReadPool, projectors.All())
	if err != nil {
		return err
	}
	if live { // otherwise nothing has been folded yet, and no connection is known
		i.use.Places = directory.Connections{Pool: i.parts.ReadPool}
	}
	secrets, err := i.parts.Secrets(ctx)
	if err == nil {
		i.use.Secrets = secrets
	}
	return err
}

// readStates reads a compacted topic. Dead letters are left out.
func (i *importRun) readStates(ctx context.Context, topic string) error {
	return app.ScanTopic(ctx, i.log, topic, func(r domain.Recorded, err error) {
		if err == nil {
			i.use.World.Stored(r.Key, r.Data, r.Envelope.Time)
		}
	})
}

// importedReading is what an earlier import appended to topic metrics. With its id, it takes about 70
// bytes of memory.
type importedReading struct {
	commands.ImportDigest

	withdrawn *bool // whether its import is withdrawn
}

// readReadings reads the topics metrics and contents, which are long, if a line needs them.
func (i *importRun) readReadings(ctx context.Context) error {
	i.use.Withdrawn = func(event uuid.UUID) bool {
		earlier, known := i.readings[event]
		return known && *earlier.withdrawn
	}
	if i.log == nil || len(i.metrics) == 0 && !i.erases {
		return nil
	}
	withdrawn := map[string]*bool{} // by import
	err := i.scanImports(ctx, "", func(of string, r domain.Recorded) {
		event, isWithdrawal := r.Data.(domain.ImportWithdrawn)
		if isWithdrawal {
			of = event.Import
		}
		if withdrawn[of] == nil {
			withdrawn[of] = new(bool)
		}
		if isWithdrawal {
			*withdrawn[of] = true
		} else if id, err := uuid.Parse(r.Envelope.ID); err == nil { // otherwise no import has made it
			i.readings[id] = importedReading{commands.NewImportDigest(r.Data), withdrawn[of]}
		}
	})
	if err != nil {
		return err
	}
	return wrapError("read texts of posts", i.readStates(ctx, domain.TopicContents))
}

// scanImports calls take with each post and reading of an import, or of all imports if its id is "",
// and with all withdrawals, one at a time. It leaves out dead letters.
func (i *importRun) scanImports(ctx context.Context, id string, take func(of string, r domain.Recorded)) error {
	var mu sync.Mutex // partitions are scanned concurrently
	err := i.log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, r := range run.Records {
			of, imported := strings.CutPrefix(r.Header("ce_source"), domain.ImportSource(""))
			withdrawal := r.Header("ce_type") == domain.ImportWithdrawn{}.EventType()
			if !withdrawal && (!imported || id != "" && of != id) {
				continue
			}
			if recorded, err := i.log.Decode(r); err == nil {
				mu.Lock()
				take(of, recorded)
				mu.Unlock()
			}
		}
		return nil
	}})
	return wrapError("read earlier imports", err)
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
