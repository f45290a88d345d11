package main

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

func (i *importing) readings() commands.ImportReadings {
	return commands.ImportReadings{
		World: i.world, Now: i.now, GrowthWindow: i.GrowthWindow,
		Published: func(socialAccount int64, externalID string) (time.Time, bool) {
			at, ok := i.published[postOf{socialAccount, externalID}]
			return at, ok
		},
	}
}

func (i *importing) connections() commands.ImportConnections {
	c := commands.ImportConnections{World: i.world, Now: i.now, Replace: i.ReplaceTokens, NoSecret: noSecret}
	if i.secrets != nil {
		c.Secrets, c.Places = i.secrets, readmodels.Connections{Pool: i.tables}
	}
	return c
}

func (i *importing) checkAuth(_ place, r *legacy.Row) error {
	row, err := r.MemberAuth()
	if err != nil {
		return err
	}
	draft, connection, err := i.connections().Draft(row)
	if err != nil {
		return err
	}
	row.Connection = connection
	if i.world.Put(draft.Key, connection) {
		i.report.Imported.Connections++
	} else {
		i.report.Unchanged.Connections++
	}
	if i.DryRun { // whether tokens are here already only the database could say, which a dry run leaves alone
		outcome, _ := i.connections().Seal(context.Background(), connection, row)
		i.countTokens(outcome)
	}
	i.auth = append(i.auth, row)
	return nil
}

// hashOf is a password hash and the user that it belongs to.
type hashOf struct {
	user domain.DirectoryUser
	row  legacy.Password
	put  bool // the user's entity changes
}

func (i *importing) passwords() commands.ImportPasswords {
	c := i.connections()
	return commands.ImportPasswords{World: i.world, Secrets: c.Secrets, NoSecret: c.NoSecret, Now: i.now}
}

func (i *importing) checkPassword(_ place, r *legacy.Row) error {
	row, err := r.Password()
	if err != nil {
		return err
	}
	user, err := i.passwords().User(row)
	if err != nil {
		return err
	}
	put := i.world.Put(domain.DirectoryKey(user.EntityKind(), user.EntityID()), user)
	i.hashes = append(i.hashes, hashOf{user, row, put})
	if i.DryRun {
		i.report.Imported.Passwords++
	}
	return nil
}

func (i *importing) countTokens(outcome commands.TokenOutcome) {
	switch outcome {
	case commands.TokenStored:
		i.report.Imported.Tokens++
	case commands.TokenReplaced:
		i.report.Imported.Tokens++
		i.report.TokensReplaced++
	case commands.TokenKept:
		i.report.TokensKept++
	case commands.TokenAbsent:
		i.report.TokensAbsent++
	}
}

func (i *importing) checkPreference(at place, r *legacy.Row) error {
	p, err := r.Preference()
	if err != nil {
		return err
	}
	i.preferences[p.ParentAccount] = append(i.preferences[p.ParentAccount], p.ImportedDashboard)
	i.documents[documentKey(p.ParentAccount, p.SubAccountID, p.DocumentID)] = at
	i.documents[documentKey(p.ParentAccount, p.SubAccountID, "")] = at
	return nil
}

func documentKey(parent, sub, document string) string { return parent + sub + document }

func (i *importing) checkPost(_ place, r *legacy.Row) error {
	row, err := r.Post()
	if err != nil {
		return err
	}
	draft, err := i.readings().Registration(row)
	if err != nil {
		return err
	}
	if row.PublishedAt != nil {
		i.published[postOf{row.SocialAccount, row.ExternalID}] = *row.PublishedAt
	}
	i.take(draft, &i.report.Imported.Posts, &i.report.Unchanged.Posts)
	return nil
}

func (i *importing) checkAccountReading(_ place, r *legacy.Row) error {
	draft, err := i.accountReading(r)
	if err == nil {
		i.take(draft, &i.report.Imported.AccountReadings, &i.report.Unchanged.AccountReadings)
	}
	return err
}

func (i *importing) checkPostReading(_ place, r *legacy.Row) error {
	draft, err := i.postReading(r)
	if err == nil {
		i.take(draft, &i.report.Imported.PostReadings, &i.report.Unchanged.PostReadings)
	}
	return err
}

func (i *importing) accountReading(r *legacy.Row) (domain.Draft, error) {
	row, err := r.AccountReading()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Account(row)
}

func (i *importing) postReading(r *legacy.Row) (domain.Draft, error) {
	row, err := r.PostReading()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Post(row)
}

func (i *importing) registration(r *legacy.Row) (domain.Draft, error) {
	row, err := r.Post()
	if err != nil {
		return domain.Draft{}, err
	}
	return i.readings().Registration(row)
}
