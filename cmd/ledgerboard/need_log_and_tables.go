package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
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

// looking is [storage.backends] of a command that only looks at the log: it makes no topic that is missing.
func (s storage) looking(logger *slog.Logger) assembly.Settings {
	at := s.backends(logger)
	at.Existing = true
	return at
}

// explainInUse says how to reach what a running service holds.
func explainInUse(err error) error {
	if errors.Is(err, embedded.ErrLocked) {
		return fmt.Errorf("%w; or reach the running service: set LEDGERBOARD_KAFKA_BROKERS and LEDGERBOARD_DATABASE_URL "+
			"(a demo says both in its demo.json)", err)
	}
	return err
}
