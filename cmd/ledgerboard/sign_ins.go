package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
)

type signInLinkCommand struct {
	service
	actionFlags
	User     string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits. The directory defines the user's role."`
	ValidFor string `default:"24h" help:"Lifetime of the link: 15m to 168h (7 days)."`
	Subject  string `placeholder:"SUB" help:"Link the user to this subject (claim sub) of the identity provider instead of creating a sign-in link. The log shows the subject of a refused sign-in."`
	JSON     bool   `help:"Print a JSON object."`
}

func (s signInLinkCommand) Run(ctx context.Context, std streams) error {
	if _, err := api.SignInLinkDuration(s.ValidFor); err != nil {
		return usageError{fmt.Errorf("--valid-for %q: %w", s.ValidFor, err)}
	}
	at, err := s.client(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("create a link that signs in user %s once", s.User)
	if s.Subject != "" {
		what = fmt.Sprintf("link user %s to the subject %q of the identity provider, who can then sign in as this user", s.User, s.Subject)
	}
	reason, err := s.confirm(std, what)
	if err != nil {
		return err
	}
	body, path := because(reason), "/api/ops/users/"+s.User
	if s.Subject != "" {
		body["subject"] = s.Subject
		if _, err := post[done](ctx, at, path+"/sign-in/link", body); err != nil {
			return err
		}
		result := map[string]any{"user_id": s.User, "subject": s.Subject}
		return say(std.Out, s.JSON, result, "The user is linked. The subject %q now signs in as this user.\n", s.Subject)
	}
	body["valid_for"] = s.ValidFor
	link, err := post[api.SignInLink](ctx, at, path+"/sign-in-link", body)
	if err != nil {
		return err
	}
	return say(std.Out, s.JSON, link, "The link signs the user in once, until %s. Send it only to that user:\n%s\n",
		link.WorksUntil.Format(time.RFC3339), plain(link.URL))
}

type signInUnlinkCommand struct {
	serviceAction
	User string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
}

func (s signInUnlinkCommand) Run(ctx context.Context, std streams) error {
	return s.do(ctx, std,
		fmt.Sprintf("remove the link between user %s and the identity provider, and end the user's sessions", s.User),
		"/api/ops/users/"+s.User+"/sign-in/unlink",
		"The link was removed. The next sign-in with the user's verified email address links the user again.")
}

type sessionsCommand struct {
	List sessionsListCommand `cmd:"" default:"withargs" help:"List sessions, newest first (default)."`
	End  sessionsEndCommand  `cmd:"" help:"End a session. The person can sign in again."`
}

type sessionsListCommand struct {
	service
	User string `type:"hexid" placeholder:"ID" help:"List only the sessions of this user."`
	JSON bool   `help:"Print a JSON array."`
}

func (s sessionsListCommand) Run(ctx context.Context, std streams) error {
	at, err := s.client(ctx)
	if err != nil {
		return err
	}
	query := url.Values{}
	if s.User != "" {
		query.Set("user_id", s.User)
	}
	sessions, _, err := list[api.PersonSession](ctx, at, "/api/ops/sessions", query, 0)
	if err != nil {
		return err
	}
	const head = "SESSION\tPERSON\tROLE\tSIGNED IN BY\tSIGNED IN\tLAST PAGE\tENDS"
	return printList(std.Out, s.JSON, sessions, head, func(p api.PersonSession) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", plain(p.ID), plain(p.UserID), plain(p.Role), plain(p.Way),
			momentOr(&p.SignedInAt, "-"), momentOr(&p.SeenAt, "-"), momentOr(&p.EndsAt, "-"))
	})
}

type sessionsEndCommand struct {
	serviceAction
	ID string `arg:"" help:"Session id, as shown by 'sessions list'."`
}

func (s sessionsEndCommand) Run(ctx context.Context, std streams) error {
	return s.do(ctx, std, "end session "+s.ID, "/api/ops/sessions/"+url.PathEscape(s.ID)+"/end", "The session was ended.")
}
