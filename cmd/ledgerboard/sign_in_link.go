package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/operations"
)

type signInLinkCommand struct {
	storage
	logging
	actionFlags
	User      string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits. The directory defines the user's role."`
	PublicURL string `name:"public-url" env:"LEDGERBOARD_PUBLIC_URL" placeholder:"https://…" help:"Public URL of the service; use the same value as the service."`
	ValidFor  string `default:"24h" help:"Lifetime of the link: 15m to 168h (7 days)."`
	Issuer    string `name:"oidc-issuer" env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider; use the same value as the service. If set, links do not sign anyone in."`
	JSON      bool   `name:"json" help:"Print a JSON object."`
}

func (c signInLinkCommand) Run(ctx context.Context, s streams) (err error) {
	validFor, err := api.SignInLinkDuration(c.ValidFor)
	if err != nil {
		return usageError{fmt.Errorf("--valid-for %q: %w", c.ValidFor, err)}
	}
	if c.Issuer != "" {
		return usageError{fmt.Errorf("LEDGERBOARD_OIDC_ISSUER is set: people sign in at %s, and links do not sign anyone in", c.Issuer)}
	}
	if c.PublicURL == "" {
		return usageError{errors.New("LEDGERBOARD_PUBLIC_URL is not set: set it to the public URL of the service")}
	}
	if err := wrapError("LEDGERBOARD_PUBLIC_URL", assembly.CheckPublicURL(c.PublicURL)); err != nil {
		return usageError{err}
	}
	return withOperations(ctx, c.storage, c.logger(s), func(ops *operations.Service) error {
		person, err := ops.Candidate(ctx, c.User)
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("create a link that signs in user %s once, as %s of account %s", c.User, person.Role, person.AccountID))
		if err != nil {
			return err
		}
		path, until, err := ops.MakeSignInLink(ctx, operatorCaller(), person, validFor, reason)
		if err != nil {
			return commandError(err)
		}
		address, until := strings.TrimSuffix(c.PublicURL, "/")+path, until.UTC().Truncate(time.Second)
		return say(s.Out, c.JSON, map[string]any{"url": address, "user_id": person.UserID, "role": person.Role, "expires_at": until},
			"The link signs in once, until %s. Send it only to that person:\n%s\n", until.Format(time.RFC3339), address)
	})
}

type signInUnlinkCommand struct {
	storage
	logging
	actionFlags
	User string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
}

func (c signInUnlinkCommand) Run(ctx context.Context, s streams) error {
	return withOperations(ctx, c.storage, c.logger(s), func(ops *operations.Service) error {
		issuer, err := ops.SignInLinkedTo(ctx, c.User)
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("remove the link between user %s and an account at %s, and end the user's sessions", c.User, issuer))
		if err != nil {
			return err
		}
		if err := ops.UnlinkSignIn(ctx, operatorCaller(), c.User, reason); err != nil {
			return commandError(err)
		}
		fmt.Fprintln(s.Out, "The link was removed. The next sign-in with the user's verified email address links the user again.")
		return nil
	})
}
