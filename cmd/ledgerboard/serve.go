package main

import (
	"context"
	"errors"
)

type serveCommand struct {
	settings
	Addr string `env:"LEDGERBOARD_ADDR" default:"${addr}" help:"Address to listen on."`
	Mock bool   `help:"Serve made-up data, for frontend developers: everything embedded, in a temporary directory that is removed at the end."`
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
