package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type connectionsCommand struct {
	List connectionsListCommand `cmd:"" help:"List connected accounts with their state, token expiry, last and next reading, and API calls per day."`
	Read connectionsReadCommand `cmd:"" help:"Make the accounts of a connection due now. The fetchers read them when the quota permits."`
}

type connectionsListCommand struct {
	service
	Account string `type:"hexid" placeholder:"ID" help:"Show only the accounts of this client."`
	JSON    bool   `help:"Print a JSON array."`
}

func (c connectionsListCommand) Run(ctx context.Context, std streams) error {
	at, err := c.client(ctx)
	if err != nil {
		return err
	}
	connections, err := fetch[[]directory.ConnectionReading](ctx, at, "/api/ops/connections")
	if err != nil {
		return err
	}
	connections = slices.DeleteFunc(connections, func(r directory.ConnectionReading) bool {
		return c.Account != "" && r.AccountID != c.Account
	})
	const head = "CONNECTION\tPLATFORM\tID\tNAME\tCLIENT\tSTATUS\tTOKEN EXPIRES\tLAST READ\tNEXT DUE\t" +
		"CALLS A DAY WITH POSTS\tTOTALS READ"
	return printList(std.Out, c.JSON, connections, head, func(r directory.ConnectionReading) string {
		expires, last, next := momentOr(r.ExpiresAt, "-"), momentOr(r.LastReadAt, "never"), momentOr(r.NextDue, "-")
		return fmt.Sprintf("%d\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s",
			r.ConnectionID, r.PlatformName, r.SocialAccount, plain(string(r.Name)), r.AccountID, r.Status,
			expires, last, next, r.CallsADay, r.Pace)
	})
}

func momentOr(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

type connectionsReadCommand struct {
	serviceAction
	ID int64 `arg:"" help:"Connection id, as shown by 'connections list'."`
}

func (c connectionsReadCommand) Run(ctx context.Context, std streams) error {
	return c.do(ctx, std, fmt.Sprintf("make the accounts of connection %d due now", c.ID),
		fmt.Sprintf("/api/ops/connections/%d/read", c.ID),
		fmt.Sprintf("connection %d is due now; 'ledgerboard connections list' shows the result", c.ID))
}
