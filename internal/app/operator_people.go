package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/console"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// findPerson finds the ids of a person by member number or, if that is 0, by user id. If there is no
// such person, the error is [directory.ErrPersonNotFound].
func findPerson(ctx context.Context, people directory.People, user string, member int64) (domain.Person, error) {
	if member != 0 {
		return people.OfMember(ctx, member)
	}
	return people.OfUser(ctx, user)
}

// ExportPerson implements [api.OperatorService], with [directory.People.Export].
func (o *Operators) ExportPerson(
	ctx context.Context, c commands.Caller, user string, member int64, reason domain.Reason, out io.Writer,
) (sections string, err error) {
	people := directory.People{Pool: o.parts.ReadPool}
	person, err := findPerson(ctx, people, user, member)
	if err != nil {
		return "", err
	}
	target := domain.OperatorTarget{User: person.User}
	if person.User == "" {
		target.Member = person.Members[0]
	}
	head := directory.PersonExportHead{MadeAt: time.Now().UTC(), Behind: map[string]int64{}}
	statuses, err := o.Projections(ctx) // before the record of the export is appended
	if err != nil {
		return "", fmt.Errorf("read the lag of the tables: %w", err)
	}
	for _, p := range statuses {
		if p.Lag > 0 {
			head.Behind[p.Projection] = p.Lag
		}
	}
	err = o.act(ctx, c, domain.ActionPersonExported, target, reason, withoutEffect(func(ctx context.Context) error {
		counts, err := people.Export(ctx, out, head, person)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(counts)
		sections = string(raw)
		return err
	}))
	return sections, err
}

// Sessions implements [api.OperatorService].
func (o *Operators) Sessions(
	ctx context.Context, user string, page readmodels.Page,
) (all []api.PersonSession, meta readmodels.ListMeta, err error) {
	all = []api.PersonSession{}
	sessions, meta, err := readmodels.PageQuery[signin.Session, signin.SessionKey]{
		List: "sessions", Page: page, Filters: user,
		Select: func(after signin.SessionKey, limit int) (string, []any) {
			return signin.SelectSessions(user, time.Now(), after, limit)
		},
		Scan: pgx.RowToStructByName[signin.Session],
		Key:  func(s signin.Session) signin.SessionKey { return signin.SessionKey{BegunAt: s.BegunAt, ID: s.ID} },
	}.Read(ctx, o.parts.KeptPool)
	for _, s := range sessions {
		all = append(all, api.PersonSession{UserID: s.UserID, Role: s.Role, SignInSession: api.NewSignInSession(s)})
	}
	return all, meta, err
}

// EndSession implements [api.OperatorService].
func (o *Operators) EndSession(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error {
	sessions := signin.NewSessions(o.parts.KeptPool, nil)
	s, err := sessions.WithID(ctx, id, time.Now())
	if err != nil {
		return err
	}
	target := domain.OperatorTarget{User: s.UserID}
	return o.act(ctx, c, domain.ActionSessionEnded, target, reason, withoutEffect(func(ctx context.Context) error {
		return sessions.End(ctx, s.UserID, s.ID)
	}))
}

var errNobodyToSignIn = domain.NewError(domain.CodeUnprocessable,
	"The directory contains no active user with this id in an active account, so a sign-in link would not work. "+
		"Auditors and operators sign in with a token instead ('ledgerboard token').")

// candidate returns the user whom a sign-in link would sign in, according to the current directory.
// If the link would not work, the error has code [domain.CodeUnprocessable].
func (o *Operators) candidate(ctx context.Context, user string) (signin.Person, error) {
	p, active, err := signin.ActiveUser(ctx, directory.People{Pool: o.parts.ReadPool}.UserStatus, user)
	if err == nil && !active {
		err = errNobodyToSignIn
	}
	return p, err
}

// SignInLink implements [api.OperatorService].
func (o *Operators) SignInLink(
	ctx context.Context, c commands.Caller, user, account string, validFor time.Duration, reason domain.Reason,
) (link api.SignInLink, err error) {
	if err := signin.MayMakeLinks(o.PublicURL, o.Issuer != ""); err != nil {
		return link, err
	}
	person, err := o.candidate(ctx, user)
	if err == nil && account != "" && person.AccountID != account {
		err = signin.ErrOtherAccount
	}
	if err != nil {
		return link, err
	}
	secret, now := rand.Text(), time.Now()
	until := now.Add(validFor)
	target := domain.OperatorTarget{User: user}
	err = o.act(ctx, c, domain.ActionSignInLinkMade, target, reason, withoutEffect(func(ctx context.Context) error {
		link := signin.Link{Person: person, MadeBy: c.UserID, MadeAt: now, ExpiresAt: until}
		return signin.NewSessions(o.parts.KeptPool, nil).MakeLink(ctx, link, console.Digest(secret))
	}))
	return api.SignInLink{
		UserID: user, URL: o.PublicURL + console.LinkPath(secret), WorksUntil: until.UTC().Truncate(time.Second),
	}, err
}

var errNoProvider = domain.NewError(domain.CodeConflict,
	"This service has no identity provider to link to: LEDGERBOARD_OIDC_ISSUER is not set.")

// LinkSignIn implements [api.OperatorService].
func (o *Operators) LinkSignIn(ctx context.Context, c commands.Caller, user, subject string, reason domain.Reason) error {
	if o.Issuer == "" {
		return errNoProvider
	}
	person, err := o.candidate(ctx, user)
	if err != nil {
		return err
	}
	target := domain.OperatorTarget{User: person.UserID}
	return o.act(ctx, c, domain.ActionSignInLinked, target, reason, withoutEffect(func(ctx context.Context) error {
		return signin.FederatedIdentities{Pool: o.parts.KeptPool}.Link(ctx, o.Issuer, subject, person.UserID, time.Now())
	}))
}

// UnlinkSignIn implements [api.OperatorService].
func (o *Operators) UnlinkSignIn(ctx context.Context, c commands.Caller, user string, reason domain.Reason) error {
	identities := signin.FederatedIdentities{Pool: o.parts.KeptPool}
	if _, err := identities.Issuers(ctx, user); err != nil { // nothing is recorded
		return err
	}
	target := domain.OperatorTarget{User: user}
	return o.act(ctx, c, domain.ActionSignInUnlinked, target, reason, withoutEffect(func(ctx context.Context) error {
		return identities.Unlink(ctx, user)
	}))
}
