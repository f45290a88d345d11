package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operations"
)

// Commands that inspect an installation must not create an empty log or database and then report
// that nothing is wrong with it.

// needLog returns an error if no brokers are configured and the data directory contains no log.
func (s storage) needLog() error {
	if len(s.KafkaBrokers) > 0 || s.embedded(nil).HasBroker() {
		return nil
	}
	return usageError{fmt.Errorf("there is no log: set LEDGERBOARD_KAFKA_BROKERS to the brokers of the service, "+
		"or --data-dir to the data directory of a stopped service (%s contains no log)", s.DataDir)}
}

// needTables returns an error if no database is configured and the data directory contains none.
func (s storage) needTables() error {
	if s.DatabaseURL != "" || s.embedded(nil).HasPostgres() {
		return nil
	}
	return usageError{fmt.Errorf("there are no tables: set LEDGERBOARD_DATABASE_URL to the database of the service, "+
		"or run 'ledgerboard migrate' to create them (%s contains no database)", s.DataDir)}
}

// withParts calls do with the configured backends, which are opened on demand, and closes them
// afterwards.
func withParts(config assembly.Settings, do func(*assembly.Parts) error) (err error) {
	parts := assembly.NewParts(config)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err = do(parts); errors.Is(err, embedded.ErrLocked) {
		err = fmt.Errorf("%w; or connect to the running service: set LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_DATABASE_URL "+
			"(the file demo.json of a demo contains both)", err)
	}
	return err
}

// withExistingParts is for commands that only inspect the log: they create no missing topics.
func (s storage) withExistingParts(logger *slog.Logger, do func(*assembly.Parts) error) error {
	if err := s.needLog(); err != nil {
		return err
	}
	config := s.backends(logger)
	config.Existing = true
	return withParts(config, do)
}

// withExistingLog calls do with the log, for commands that only read it.
func (s storage) withExistingLog(ctx context.Context, logger *slog.Logger, do func(*eventlog.Log) error) error {
	return s.withExistingParts(logger, func(parts *assembly.Parts) error {
		log, err := parts.Log(ctx)
		if err != nil {
			return err
		}
		return do(log)
	})
}

// withDatabase calls do with the database only.
func withDatabase(ctx context.Context, config storage, logger *slog.Logger, do func(*operations.Views) error) error {
	if err := config.needTables(); err != nil {
		return err
	}
	return withParts(config.backends(logger), func(parts *assembly.Parts) error {
		database, err := parts.OperatorViews(ctx)
		if err != nil {
			return err
		}
		return do(database)
	})
}

// withOperations calls do with the operations of operators.
func withOperations(ctx context.Context, config storage, logger *slog.Logger, do func(*operations.Service) error) error {
	if err := errors.Join(config.needLog(), config.needTables()); err != nil {
		return err
	}
	return withParts(config.backends(logger), func(parts *assembly.Parts) error {
		ops, err := parts.Operations(ctx)
		if err != nil {
			return err
		}
		return do(ops)
	})
}
