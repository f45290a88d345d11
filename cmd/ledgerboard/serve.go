package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ledgerboard/ledgerboard/api"
)

type serveCommand struct {
	settings
	Addr string `env:"LEDGERBOARD_ADDR" default:"${addr}" help:"Address to listen on."`
	Mock bool   `help:"Serve sample data for frontend developers: everything embedded, in a temporary directory that is removed at the end."`
}

func (c serveCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Mock {
		return c.serveMock(ctx, s)
	}
	if err := c.validate(c.Addr); err != nil {
		return err
	}
	if err := checkFree(ctx, c.Addr); err != nil {
		return err
	}
	p, err := c.open(ctx, c.logger(s))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.run(ctx, c.Addr, nil)
}

// serveMock serves the same API from sample data: it runs demo in a temporary directory and marks
// every response.
func (c serveCommand) serveMock(ctx context.Context, s streams) (err error) {
	switch {
	case c.Env == envProduction:
		return usageError{errors.New("LEDGERBOARD_ENV is production: --mock serves sample data and does not run there")}
	case len(c.KafkaBrokers) > 0 || c.DatabaseURL != "":
		return usageError{errors.New("LEDGERBOARD_KAFKA_BROKERS, LEDGERBOARD_DATABASE_URL: --mock uses its own broker and database; " +
			"unset both, so that sample data cannot get into real ones")}
	}
	dir, err := os.MkdirTemp("", "ledgerboard-mock-")
	if err != nil {
		return fmt.Errorf("create directory for sample data: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); removed != nil {
			err = errors.Join(err, fmt.Errorf("remove sample data: %w", removed))
		}
	}()
	c.DataDir = filepath.Join(dir, "data")
	c.answerHeaders = api.MockHeaders()
	return (&demoCommand{settings: c.settings, Addr: c.Addr, mock: true}).Run(ctx, s)
}
