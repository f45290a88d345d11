package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/desk"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// connectionsCheckCommand asks the platforms about stored tokens, with the settings and within the quotas of the service.
type connectionsCheckCommand struct {
	settings
	IDs  []int64 `arg:"" optional:"" name:"id" help:"Connections, as 'connections list' shows them."`
	All  bool    `help:"Check all connections."`
	JSON bool    `name:"json" help:"Print a JSON list."`
}

// errUnreadable ends a check that has found something.
var errUnreadable = errors.New("not every connection can be read: see what is said of each")

func (c connectionsCheckCommand) Run(ctx context.Context, s streams) (err error) {
	if c.All == (len(c.IDs) > 0) {
		return usageError{errors.New("name the connections to check, or give --all")}
	}
	at, config, err := c.reachesPlatforms(s)
	if err != nil {
		return err
	}
	parts := assembly.NewParts(at)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	looks, err := parts.Looks(ctx)
	if err != nil {
		return err
	}
	if err := looks.KnowConnections(ctx, c.IDs); err != nil {
		return refused(err)
	}
	fetcher, err := parts.NewFetcher(ctx, *config)
	if err != nil {
		return err
	}
	return c.check(ctx, s.Out, looks, fetcher.Collect)
}

// check asks about one connection after the other, and prints what is known then.
func (c connectionsCheckCommand) check(ctx context.Context, out io.Writer, looks *desk.Looks, collector *collect.Collector) error {
	checked, err := looks.CheckConnections(ctx, collector, c.IDs, problemOf)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(out).Encode(append([]readmodels.CheckedConnection{}, checked...))
	} else {
		for _, one := range checked {
			printChecked(out, one)
		}
	}
	if err == nil && slices.ContainsFunc(checked, func(one readmodels.CheckedConnection) bool { return one.Problem != "" }) {
		err = errUnreadable
	}
	return err
}

// problemOf says what was wrong, what the platform said, and what to do.
func problemOf(err error) string {
	text := collect.Problem(err)
	if words := platforms.Words(err); words != "" { // for who asks: no log has them
		text += " The platform says: " + words
	}
	return text
}

// printChecked shows one account in a few lines.
func printChecked(out io.Writer, c readmodels.CheckedConnection) {
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	line("connection %d: %s account %d, %s, of client %s: %s", c.ConnectionID, c.PlatformName, c.SocialAccount, plain(string(c.Name)), c.AccountID, c.State)
	if c.Problem != "" {
		line("  cannot be read: %s", plain(string(c.Problem)))
	} else if c.Reason != "" {
		line("  %s", plain(string(c.Reason)))
	}
	if c.OwnerID != "" {
		line("  token of %s %s", plain(c.OwnerID), plain(c.OwnerName))
	}
	line("  token ends %s, gives data until %s, sign in before %s",
		momentOr(c.ExpiresAt, "never, or not known"), momentOr(c.DataAccessExpiresAt, "its end"), momentOr(c.SignInBefore, "never, or not known"))
	if c.Granted == nil {
		line("  granted scopes: not known")
	} else {
		line("  granted scopes: %s", plain(strings.Join(*c.Granted, ", ")))
	}
	for _, f := range c.Ungranted {
		line("  missing: %s of %s, for want of %s", f.Figure, f.Of, strings.Join(f.Scopes, " and "))
	}
	line("  last read %s, next due %s, %d calls a day, read %s", momentOr(c.LastReadAt, "never"), momentOr(c.NextDue, "-"), c.CallsADay, plain(string(c.Pace)))
}
