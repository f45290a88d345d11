package main

import (
	"context"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/desk"
)

type signInUnlinkCommand struct {
	storage
	logging
	actionFlags
	User string `required:"" type:"hexid" placeholder:"ID" help:"The user: 24 hex digits."`
}

func (c signInUnlinkCommand) Run(ctx context.Context, s streams) error {
	return atDesk(ctx, c.storage, c.logger(s), func(desk *desk.Desk) error {
		issuer, err := desk.SignInLinkedTo(ctx, c.User)
		if err != nil {
			return refused(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("take the link of user %s to a person of %s off, and end its sessions", c.User, issuer))
		if err != nil {
			return err
		}
		if err := desk.UnlinkSignIn(ctx, operatorCaller(), c.User, reason); err != nil {
			return refused(err)
		}
		fmt.Fprintln(s.Out, "The link is off. The next sign-in with the user's verified e-mail address links it again.")
		return nil
	})
}
