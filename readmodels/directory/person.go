package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// People finds everything that the directory has about one person, for erasures, exports and
// authorization. It searches all agencies.
type People struct{ Pool *pgxpool.Pool }

// ErrPersonNotFound is returned if the directory has neither the user or member nor any related
// data.
var ErrPersonNotFound = domain.NewError(domain.CodeNotFound,
	"The directory has no one with this id, so there is nothing to export or erase. Check the id.")

// OfUser returns the person who is the user, with the members that are this user. It also finds
// what an interrupted erasure has left. It returns [ErrPersonNotFound] if nothing is found.
func (p People) OfUser(ctx context.Context, user string) (domain.Person, error) {
	return p.find(ctx, user, 0, false)
}

// OfMember returns the person who is the member. If the member is a user, this includes the user
// and all members of the user. It returns [ErrPersonNotFound] if nothing is found.
func (p People) OfMember(ctx context.Context, member int64) (domain.Person, error) {
	return p.find(ctx, "", member, false)
}

// OfMemberAlone returns only the member as a person, without the member's user and the sessions and
// other members of that user. It returns [ErrPersonNotFound] if nothing is found.
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
		row := tx.QueryRow(ctx, `select coalesce(user_id, '') from members where id = $1`, member)
		known, err := pg.ScanOptional(row, "read member", &person.User)
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
	isUser, err := pg.ScanOptional(row, "read user", &account)
	if err != nil {
		return person, err
	}
	person.Members, err = pg.List(ctx, tx, "read members", pgx.RowTo[int64],
		`select id from members where id = $1 or user_id = nullif($2, '') order by id`, member, person.User)
	if err != nil {
		return person, err
	}
	person.Sessions, err = pg.List(ctx, tx, "read sessions", pgx.RowTo[string],
		`select id from sessions where user_id = $1 order by id`, person.User)
	if err != nil {
		return person, err
	}
	if !isUser && len(person.Members) == 0 && len(person.Sessions) == 0 {
		return person, ErrPersonNotFound
	}
	err = tx.QueryRow(ctx, `
		select coalesce(max(coalesce(parent_account, id)), '') from accounts
		where id = $1 or id in (select account_id from members where id = any($2))`,
		account, person.Members).Scan(&person.ParentAccount)
	if err != nil {
		return person, err
	}
	if err := addSocialAccounts(ctx, tx, &person); err != nil {
		return person, err
	}
	if err := addConnections(ctx, tx, &person); err != nil {
		return person, err
	}
	return person, addErasedAccounts(ctx, tx, &person)
}

// UserStatus returns the status of a user and of the account that the user claims. It looks up rows
// only by key, because it is called for every request.
func (p People) UserStatus(ctx context.Context, user, account string) (s domain.UserStatus, err error) {
	err = p.Pool.QueryRow(ctx, `
		select u.id is not null, coalesce(u.active, false), coalesce(u.account_id, ''), coalesce(u.email, ''),
			u.id is null and exists (
				select from operations_trail where event_type = '`+domain.PersonErased{}.EventType()+`'
				  and data ->> 'user' = $1),
			a.id is not null, coalesce(a.active, false), a.parent_account is not null
		from (values (1)) one left join users u on u.id = $1 left join accounts a on a.id = $2`, user, account).
		Scan(&s.Known, &s.Active, &s.Account, &s.Email, &s.Erased, &s.AccountKnown, &s.AccountActive, &s.SubAccount)
	if err != nil {
		return domain.UserStatus{}, fmt.Errorf("read status of user %s: %w", user, err)
	}
	return s, nil
}

// HasSignedIn reports whether the directory contains a sign-in of a user, here or in the main
// application.
func (p People) HasSignedIn(ctx context.Context, user string) (bool, error) {
	return pg.ScanOptional(p.Pool.QueryRow(ctx, `select from sessions where user_id = $1 limit 1`, user),
		"look for a sign-in of a user")
}

// Unknown returns those of the names that are neither the id nor the email address, ignoring case,
// of a user.
func (p People) Unknown(ctx context.Context, names []string) ([]string, error) {
	return pg.List(ctx, p.Pool, "look for users by id or email address", pgx.RowTo[string], `
		select wanted from unnest($1::text[]) wanted where not exists (select from users where id = wanted)
		  and not exists (select from users where email <> '' and `+readmodels.SameAddress("email", "wanted")+`)`, names)
}

// ActiveByEmail returns the ids of the active users, of all agencies, that have an email address,
// ignoring case. It returns at most two, because two users already make the address ambiguous.
func (p People) ActiveByEmail(ctx context.Context, email string) ([]string, error) {
	return pg.List(ctx, p.Pool, "look for the user of an email address", pgx.RowTo[string],
		`select id from users where active and `+readmodels.SameAddress("email", "$1")+` order by id limit 2`, email)
}
