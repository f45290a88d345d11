package assembly

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
)

// needTagKey refuses who may append or fold without a key: its records would count for nobody, and its tables would hold what anybody
// wrote.
func (p *Parts) needTagKey(key eventlog.TagKey) error {
	if !key.IsZero() {
		return nil
	}
	return fmt.Errorf("open the log: %w. Set LEDGERBOARD_TAG_KEYS to the key of the processes that write to this log (a demo, and a service with a "+
		"broker in its data directory, keep theirs in the file tag.key there). Without it only verify --log-only, replay and export run, "+
		"and they check no tags", eventlog.ErrNoTagKey)
}

// knownEpoch is the database's copy of the log's epoch, where there is a database. It is asked before an epoch is begun: a database that
// has tables, and no copy, must not get one, because every record of before would count for nothing and its tables would be made anew
// without them.
func (p *Parts) knownEpoch(ctx context.Context) (epoch eventlog.Epoch, err error) {
	if p.settings.DatabaseURL == "" && (p.settings.Embedded == nil || !p.settings.Embedded.HasPostgres()) {
		return epoch, nil
	}
	kept, err := p.Vault(ctx)
	if err != nil {
		return epoch, err
	}
	folded, err := hasFolded(ctx, kept) // first: a process that begins the log now copies its epoch before it makes tables
	if err != nil {
		return epoch, err
	}
	known, err := vault.NewEpochs(kept).Known(ctx)
	switch {
	case err != nil:
		return epoch, err
	case known == (vault.Epoch{}) && folded:
		return epoch, errOfBefore
	case known == (vault.Epoch{}):
		return epoch, nil
	}
	epoch.Key = known.Key
	epoch.Log, err = eventlog.ParseLogID(known.Log)
	return epoch, err
}

// errOfBefore refuses what was written before records had tags.
var errOfBefore = errors.New("the database has tables of a log and no id of one (table kept.epochs), and the log does not say its id with this " +
	"key: both are of a version before records were tagged, or the id was lost. A log of before cannot be taken over, and nothing has been released: " +
	"begin anew with topics and a database that are empty (a demo, or a service with its own broker: with another data directory), and import again. " +
	"If the id was lost, restore schema kept or topic operations")

// hasFolded tells whether any log was ever folded into the database's tables: their checkpoints are there.
func hasFolded(ctx context.Context, pool *pgxpool.Pool) (folded bool, err error) {
	const checkpoints = migrations.Engine + ".checkpoints"
	if err = pool.QueryRow(ctx, `select to_regclass($1) is not null`, checkpoints).Scan(&folded); err == nil && folded {
		err = pool.QueryRow(ctx, `select exists (select from `+checkpoints+`)`).Scan(&folded)
	}
	if err != nil {
		return false, fmt.Errorf("look for tables of a log of before: %w", err)
	}
	return folded, nil
}

// sameLog compares what the log says of itself with what the database knows, as soon as both are open: tables and secrets of another log
// must not be read beside this one, nor written from it.
func (p *Parts) sameLog(ctx context.Context) error {
	if p.sameLogSeen || !p.log.opened || !p.vault.opened || p.log.value.Epoch() == (eventlog.Epoch{}) {
		return nil
	}
	known, err := vault.NewEpochs(p.vault.value).List(ctx)
	if err != nil || len(known) == 0 {
		return err
	}
	return p.compareEpochs(known)
}

// noteEpochs copies the log's epochs into the database, once that has its tables; a process that only looks copies nothing.
func (p *Parts) noteEpochs(ctx context.Context, log *eventlog.Log, kept *pgxpool.Pool) error {
	if p.settings.Existing || p.sameLogSeen || log.Epoch() == (eventlog.Epoch{}) {
		return nil
	}
	store := vault.NewEpochs(kept)
	if _, err := store.Note(ctx, shortEpoch(log.Epochs()[0])); err != nil {
		return err
	}
	known, err := store.List(ctx)
	if err != nil {
		return err
	}
	if err := p.compareEpochs(known); err != nil {
		return err
	}
	return p.takeOver(ctx, log, known)
}

// takeOver takes epochs into the database that restores have begun since: its tables, which may hold what was withdrawn, are left, to be
// made anew, and what fetchers noted since the backup is forgotten. So does the restore itself; a start does where that was cut, and where
// the database is one that was put back, or another one on the same log.
func (p *Parts) takeOver(ctx context.Context, log *eventlog.Log, known []vault.Epoch) error {
	engine, err := p.Engine(ctx)
	if err != nil {
		return err
	}
	newest := known[len(known)-1].Number
	for _, begun := range log.Epochs() {
		if begun.Number <= newest {
			continue
		}
		left, fresh := 0, false
		err := pg.Durably(ctx, engine, func(tx pgx.Tx) (err error) {
			if fresh, err = vault.TakeOver(ctx, tx, shortEpoch(begun), begun.Restored.Backup); err == nil && fresh {
				left, err = projections.LeaveAll(ctx, tx)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("the log was restored to an older state at %s, and this database has not taken that over yet: %w. "+
				"Run the restore again, or start a process of the role projector first", begun.Restored.Time.Format(time.RFC3339), err)
		}
		if fresh {
			p.settings.Logger.WarnContext(ctx, "an older state of the log was restored: the read models are made anew from it",
				"epoch", begun.Number, "log_id", begun.Log, "backup_of", begun.Restored.Backup, "sets_of_tables_left", left)
		}
	}
	return nil
}

// compareEpochs holds the log's list against the database's. One that the log alone has is taken over, see [Parts.takeOver]; one that the
// database alone has is of a restore that the log was itself withdrawn by, or that these brokers have not seen.
func (p *Parts) compareEpochs(known []vault.Epoch) error {
	mine := p.log.value.Epochs()
	if err := contradict(known, mine, "the brokers hold"); err != nil {
		return fmt.Errorf("%w. Set LEDGERBOARD_DATABASE_URL or LEDGERBOARD_KAFKA_BROKERS to those that belong together; a log that was begun anew "+
			"needs a new database", err)
	}
	last := known[len(known)-1]
	if newest := mine[len(mine)-1]; last.Number > newest.Number {
		return errOtherEpoch(last, newest.Number)
	}
	p.sameLogSeen = len(known) > 0 && last.Number == mine[len(mine)-1].Number
	return nil
}

// contradict finds an epoch that two lists give to different logs.
func contradict(known []vault.Epoch, list []domain.EpochBegun, who string) error {
	for _, k := range known {
		for _, e := range list {
			if e.Number == k.Number && shortEpoch(e) != k {
				return fmt.Errorf("the database is of another log: it knows log %s with key %s, and %s log %s with key %s",
					k.Log, k.Key, who, e.Log, e.Key)
			}
		}
	}
	return nil
}

func errOtherEpoch(last vault.Epoch, newest int) error {
	return fmt.Errorf("a restore has begun epoch %d of the log (id %s), and this process judges records by epoch %d: its brokers are those of before "+
		"that restore, or it was started before it. What it writes counts for nothing. Stop it, and set LEDGERBOARD_KAFKA_BROKERS to the restored log",
		last.Number, last.Log, newest)
}

// fence keeps a process from folding that was started before a restore, as one that was frozen meanwhile: its list of epochs is another one
// than the database's. What cannot be read now is looked at again.
func (p *Parts) fence(log *eventlog.Log, kept *pgxpool.Pool) func(context.Context) error {
	mine, store := log.Epoch(), vault.NewEpochs(kept)
	return func(ctx context.Context) error {
		known, err := store.List(ctx)
		if err != nil || len(known) == 0 {
			return nil //nolint:nilerr // see above
		}
		if last := known[len(known)-1]; last.Number > mine.Number || last.Number == mine.Number && last.Log != mine.Log.String() {
			return errOtherEpoch(last, mine.Number)
		}
		return nil
	}
}

func shortEpoch(e domain.EpochBegun) vault.Epoch {
	return vault.Epoch{Number: e.Number, Log: e.Log, Key: e.Key}
}
