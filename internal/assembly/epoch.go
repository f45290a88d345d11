package assembly

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// needTagKey refuses who may append or fold without a key: its records would count for nobody, and its tables would hold what anybody wrote.
func (p *Parts) needTagKey(key eventlog.TagKey) error {
	if !key.IsZero() {
		return nil
	}
	return fmt.Errorf("open the log: %w. Set LEDGERBOARD_TAG_KEYS to the key of the processes that write to this log (a demo, and a service with a "+
		"broker in its data directory, keep theirs in the file tag.key there). Without it only verify --log-only, replay and export run, "+
		"and they check no tags", eventlog.ErrNoTagKey)
}

// knownEpoch is the database's copy of the log's epoch, where there is a database. It is asked before an epoch is begun: a database that has
// tables, and no copy, must not get one, because every record of before would count for nothing and its tables would be made anew without them.
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

// sameLog compares what the log says of itself with what the database knows, as soon as both are open: tables and secrets of another log must
// not be read beside this one, nor written from it.
func (p *Parts) sameLog(ctx context.Context) error {
	if p.sameLogSeen || !p.log.opened || !p.vault.opened || p.log.value.Epoch() == (eventlog.Epoch{}) {
		return nil
	}
	known, err := vault.NewEpochs(p.vault.value).Known(ctx)
	if err != nil || known == (vault.Epoch{}) {
		return err
	}
	return p.compareEpochs(known)
}

// noteEpoch copies the log's epoch into the database, once that has its tables; a process that only looks copies nothing.
func (p *Parts) noteEpoch(ctx context.Context, log *eventlog.Log, kept *pgxpool.Pool) error {
	if p.settings.Existing || p.sameLogSeen || log.Epoch() == (eventlog.Epoch{}) {
		return nil
	}
	known, err := vault.NewEpochs(kept).Note(ctx, epochOf(log))
	if err != nil {
		return err
	}
	return p.compareEpochs(known)
}

func (p *Parts) compareEpochs(known vault.Epoch) error {
	mine := epochOf(p.log.value)
	if known != mine {
		return fmt.Errorf("the database is of another log: it knows log %s with key %s, and the brokers hold log %s with key %s. Set "+
			"LEDGERBOARD_DATABASE_URL or LEDGERBOARD_KAFKA_BROKERS to those that belong together; a log that was begun anew needs a new database",
			known.Log, known.Key, mine.Log, mine.Key)
	}
	p.sameLogSeen = true
	return nil
}

func epochOf(log *eventlog.Log) vault.Epoch {
	return vault.Epoch{Log: log.Epoch().Log.String(), Key: log.Epoch().Key}
}
