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
	person.Members, err = column[int64](ctx, tx,
		`select id from members where id = $1 or user_id = nullif($2, '') order by id`, member, person.User)
	if err != nil {
		return person, err
	}
	if person.Sessions, err = column[string](ctx, tx, `select id from sessions where user_id = $1 order by id`, person.User); err != nil {
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
