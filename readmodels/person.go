package readmodels

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// People finds what the directory holds of one person: all of it for an erasure, and what rights are judged by. It looks at
// all agencies.
type People struct{ Pool *pgxpool.Pool }

// ErrPersonNotFound says that the directory holds neither the user or member nor anything of theirs.
var ErrPersonNotFound = domain.NewError(domain.CodeNotFound,
	"The directory holds nobody with this id: there is nothing to export or to erase. Check the id.")

// OfUser returns the person who is the user: its sessions, and the members that are this user. What an
// interrupted erasure left of a user is found too. Error: [ErrPersonNotFound].
func (p People) OfUser(ctx context.Context, user string) (domain.Person, error) {
	return p.find(ctx, user, 0, false)
}

// OfMember returns the person who is the member: when that is a user, the whole user with all of its
// members. Error: [ErrPersonNotFound].
func (p People) OfMember(ctx context.Context, member int64) (domain.Person, error) {
	return p.find(ctx, "", member, false)
}

// OfMemberAlone returns the person who is the member and nothing else: not the user that it is, if it is one, nor that one's sessions and other
// members. Error: [ErrPersonNotFound].
func (p People) OfMemberAlone(ctx context.Context, member int64) (domain.Person, error) {
	return p.find(ctx, "", member, true)
}

func (p People) find(ctx context.Context, user string, member int64, alone bool) (domain.Person, error) {
	var person domain.Person
	err := pg.Snapshot(ctx, p.Pool, func(tx pgx.Tx) (err error) {
		person, err = findPerson(ctx, tx, user, member, alone)
		return err
	})
	if errors.Is(err, ErrPersonNotFound) {
		return person, ErrPersonNotFound
	}
	if err != nil {
		return person, fmt.Errorf("find person in directory: %w", err)
	}
	return person, nil
}

func findPerson(ctx context.Context, tx pgx.Tx, user string, member int64, alone bool) (domain.Person, error) {
	person := domain.Person{User: user}
	if member != 0 {
		known, err := found(tx.QueryRow(ctx, `select coalesce(user_id, '') from members where id = $1`, member), "read member", &person.User)
		if err != nil {
			return person, err
		}
		if !known {
			return person, ErrPersonNotFound
		}
		if alone {
			person.User = ""
		}
	}
	var account string
	row := tx.QueryRow(ctx, `select account_id from users where id = $1`, person.User)
	isUser, err := found(row, "read user", &account)
	if err != nil {
		return person, err
	}
	person.Members, err = pg.List(ctx, tx, "read members", pgx.RowTo[int64],
		`select id from members where id = $1 or user_id = nullif($2, '') order by id`, member, person.User)
	if err != nil {
		return person, err
	}
	person.Sessions, err = pg.List(ctx, tx, "read sessions", pgx.RowTo[string], `select id from sessions where user_id = $1 order by id`, person.User)
	if err != nil {
		return person, err
	}
	if !isUser && len(person.Members) == 0 && len(person.Sessions) == 0 {
		return person, ErrPersonNotFound
	}
	if err := connectionsOf(ctx, tx, &person); err != nil {
		return person, err
	}
	err = tx.QueryRow(ctx, `
		select coalesce(max(coalesce(parent_account, id)), '') from accounts
		where id = $1 or id in (select account_id from members where id = any($2))`, account, person.Members).Scan(&person.ParentAccount)
	if err != nil {
		return person, err
	}
	return person, goingOf(ctx, tx, &person)
}

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
func (p People) HasSignedIn(ctx context.Context, user string) (bool, error) {
	return found(p.Pool.QueryRow(ctx, `select from sessions where user_id = $1 limit 1`, user), "look for a sign-in of a user")
}

// ActiveByEmail returns the active users of all agencies that have an e-mail address, whatever the case of its ASCII letters, at most two: more
// than one is nobody. The address is given in lower case.
func (p People) ActiveByEmail(ctx context.Context, email string) ([]string, error) {
	return pg.List(ctx, p.Pool, "look for the user of an e-mail address", pgx.RowTo[string],
		`select id from users where active and lower(email collate "C") = $1 order by id limit 2`, email)
}
