package readmodels

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Standing is what the tables hold of a user and of the account that it claims: what rights are judged by.
type Standing struct {
	Known   bool   // the directory holds the user
	Active  bool   // the user is; a pending reset of the password is no matter
	Account string // of the user, in the directory
	Erased  bool   // the directory does not hold the user, because an operator erased the person

	AccountKnown  bool // the directory holds the claimed account
	AccountActive bool // it is
	SubAccount    bool // it is a client's, not an agency's
}

// Standing returns what is known of a user and of an account that it claims. It reads by keys alone: every request asks.
func (p People) Standing(ctx context.Context, user, account string) (s Standing, err error) {
	err = p.Pool.QueryRow(ctx, `
		select u.id is not null, coalesce(u.active, false), coalesce(u.account_id, ''),
			u.id is null and exists (select from operations_trail where event_type = '`+domain.PersonErased{}.EventType()+`' and data ->> 'user' = $1),
			a.id is not null, coalesce(a.active, false), a.parent_account is not null
		from (values (1)) one left join users u on u.id = $1 left join accounts a on a.id = $2`, user, account).
		Scan(&s.Known, &s.Active, &s.Account, &s.Erased, &s.AccountKnown, &s.AccountActive, &s.SubAccount)
	if err != nil {
		return Standing{}, fmt.Errorf("read standing of user %s: %w", user, err)
	}
	return s, nil
}

// HasSignedIn tells whether the directory holds a sign-in of a user, here or at the main application.
func (p People) HasSignedIn(ctx context.Context, user string) (signedIn bool, err error) {
	err = p.Pool.QueryRow(ctx, `select exists (select from sessions where user_id = $1)`, user).Scan(&signedIn)
	return signedIn, wrapped("look for a sign-in of a user", err)
}

// ActiveByEmail returns the active users of all agencies that have an e-mail address, whatever the case of its ASCII letters, at most two: more
// than one is nobody. The address is given in lower case.
func (p People) ActiveByEmail(ctx context.Context, email string) ([]string, error) {
	rows, _ := p.Pool.Query(ctx, `select id from users where active and lower(email collate "C") = $1 order by id limit 2`, email)
	users, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return users, wrapped("look for the user of an e-mail address", err)
}
