package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/api"
)

// serveMock serves the same API, by the same queries, from made-up data: it is demo in a temporary
// directory, and every answer says so.
func (c serveCommand) serveMock(ctx context.Context, s streams) (err error) {
	switch {
	case c.Env == envProduction:
		return usageError{errors.New("LEDGERBOARD_ENV is production: --mock serves made-up data and does not run there")}
	case len(c.KafkaBrokers) > 0 || c.DatabaseURL != "":
		return usageError{errors.New("LEDGERBOARD_KAFKA_BROKERS, LEDGERBOARD_DATABASE_URL: --mock uses a broker and a database of its own; " +
			"unset both, so that made-up data cannot get into real ones")}
	}
	dir, err := os.MkdirTemp("", "ledgerboard-mock-")
	if err != nil {
		return fmt.Errorf("make directory for made-up data: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); removed != nil {
			err = errors.Join(err, fmt.Errorf("remove made-up data: %w", removed))
		}
	}()
	c.DataDir = filepath.Join(dir, "data")
	c.answerHeaders = api.MockHeaders()
	return (&demoCommand{settings: c.settings, Addr: c.Addr, mock: true}).Run(ctx, s)
}
