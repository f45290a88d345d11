package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// installation contains the settings of a command's log, database and logger. Commands that inspect
// an installation must not create an empty log or database and then report that nothing is wrong
// with it.
type installation struct {
	storage
	logging
}

func (i installation) needLog() error {
	if len(i.KafkaBrokers) > 0 || embeddedIn(i.DataDir, nil).HasBroker() {
		return nil
	}
	return usageError{fmt.Errorf("there is no log: set LEDGERBOARD_KAFKA_BROKERS to the brokers of the service, "+
		"or --data-dir to the data directory of a stopped service (%s contains no log)", i.DataDir)}
}

func (i installation) needTables() error {
	if i.DatabaseURL != "" || embeddedIn(i.DataDir, nil).HasPostgres() {
		return nil
	}
	return usageError{fmt.Errorf("there are no tables: set LEDGERBOARD_DATABASE_URL to the database of the service, "+
		"or run 'ledgerboard migrate' to create them (%s contains no database)", i.DataDir)}
}

func (i installation) needLogAndTables() error { return errors.Join(i.needLog(), i.needTables()) }

func withParts(config app.Config, do func(*app.Parts) error) (err error) {
	parts := app.NewParts(config)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err = do(parts); errors.Is(err, embedded.ErrLocked) {
		err = fmt.Errorf("%w; or connect to the running service: set LEDGERBOARD_KAFKA_BROKERS and "+
			"LEDGERBOARD_DATABASE_URL (the file demo.json of a demo contains both)", err)
	}
	return err
}

// withExistingParts is for commands that only inspect the log, of any installation: it creates no
// missing topics.
func (i installation) withExistingParts(std streams, do func(*app.Parts) error) error {
	if err := i.needLog(); err != nil {
		return err
	}
	config := i.config(i.logger(std))
	config.Existing, config.AnyOwner = true, true
	return withParts(config, do)
}

func (i installation) withExistingLog(ctx context.Context, std streams, do func(*eventlog.Log) error) error {
	return i.withExistingParts(std, func(parts *app.Parts) error {
		if err := parts.OpenLog(ctx); err != nil {
			return err
		}
		return do(parts.Log)
	})
}
