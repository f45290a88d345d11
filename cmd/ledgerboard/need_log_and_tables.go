package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Commands that look at what is there must not make a new, empty log or database in its place and then
// find nothing wrong with it.

// needLog refuses when neither brokers are named nor a log lies in the data directory.
func (s storage) needLog() error {
	if len(s.KafkaBrokers) > 0 || s.embedded(nil).HasBroker() {
		return nil
	}
	return usageError{fmt.Errorf("there is no log to look at: set LEDGERBOARD_KAFKA_BROKERS to the brokers of the service, "+
		"or --data-dir to the data directory of a service that has stopped (%s holds no log)", s.DataDir)}
}

// needTables refuses when neither a database is named nor one lies in the data directory.
func (s storage) needTables() error {
	if s.DatabaseURL != "" || s.embedded(nil).HasPostgres() {
		return nil
	}
	return usageError{fmt.Errorf("there are no tables to look at: set LEDGERBOARD_DATABASE_URL to the database of the service "+
		"(%s holds no database)", s.DataDir)}
}

// withParts gives what the settings name, opened when it is asked for, and closes it.
func withParts(at assembly.Settings, do func(*assembly.Parts) error) (err error) {
	parts := assembly.NewParts(at)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err = do(parts); errors.Is(err, embedded.ErrLocked) {
		err = fmt.Errorf("%w; or reach the running service: set LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_DATABASE_URL "+
			"(a demo says both in its demo.json)", err)
	}
	return err
}

// looking is for commands that only look at the log: they make no topic that is missing.
func (s storage) looking(logger *slog.Logger, do func(*assembly.Parts) error) error {
	if err := s.needLog(); err != nil {
		return err
	}
	at := s.backends(logger)
	at.Existing = true
	return withParts(at, do)
}

// reading gives the log to a command that only reads it.
func (s storage) reading(ctx context.Context, logger *slog.Logger, do func(*eventlog.Log) error) error {
	return s.looking(logger, func(parts *assembly.Parts) error {
		log, err := parts.Log(ctx)
		if err != nil {
			return err
		}
		return do(log)
	})
}

// look gives the database alone.
func look(ctx context.Context, at storage, logger *slog.Logger, do func(*desk.Looks) error) error {
	if err := at.needTables(); err != nil {
		return err
	}
	return withParts(at.backends(logger), func(parts *assembly.Parts) error {
		looks, err := parts.Looks(ctx)
		if err != nil {
			return err
		}
		return do(looks)
	})
}

// atDesk gives what operators need.
func atDesk(ctx context.Context, at storage, logger *slog.Logger, do func(*desk.Desk) error) error {
	if err := errors.Join(at.needLog(), at.needTables()); err != nil {
		return err
	}
	return withParts(at.backends(logger), func(parts *assembly.Parts) error {
		desk, err := parts.Desk(ctx)
		if err != nil {
			return err
		}
		return do(desk)
	})
}
