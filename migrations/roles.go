package migrations

import (
	"context"
	_ "embed" // the rights
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed roles/roles.sql
var rights string

// rolePrefix is what the names of the groups begin with.
const rolePrefix = "ledgerboard_"

// Roles are the names of the groups that a login may be a member of, without [rolePrefix]. A process logs in as a member of those
// that it needs; roles.sql says what each may do, and why.
func Roles() []string {
	return []string{"api", "connect", "fetcher", "projector", "signer", "operator"}
}

// Login is a user of the database that processes log in as.
type Login struct {
	Name     string
	Roles    []string // of [Roles]
	Password string
}

// Grant makes the groups and gives them their rights in a database that [Up] has brought to this version, then makes
// the logins, or gives those that are there this password and these groups alone; names of administrators and owners are refused. Who calls
// it must own the schemas and be allowed to make roles. It may be called again at any time, beside a running service too: it waits for no
// table that is as it should be, and for others a few times, shortly.
func Grant(ctx context.Context, databaseURL string, logins []Login) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect to grant rights: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = untilFree(ctx, func() error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return grant(ctx, tx, logins) })
	})
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" {
		return fmt.Errorf("%w: connect as the owner of the database's schemas, with the right to make roles (createrole)", err)
	}
	return err
}

func grant(ctx context.Context, tx pgx.Tx, logins []Login) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext($1))`, lockName); err != nil {
		return fmt.Errorf("lock to grant rights: %w", err)
	}
	if _, err := tx.Exec(ctx, `set local lock_timeout = '`+lockWithin+`'`); err != nil {
		return fmt.Errorf("bound the wait for locks: %w", err)
	}
	for _, role := range append(Roles(), "process") {
		if err := makeGroup(ctx, tx, rolePrefix+role); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "grant "+rolePrefix+"projector to current_user"); err != nil {
		return fmt.Errorf("become a member of %sprojector, which is to own tables: %w", rolePrefix, err)
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, rights).ReadAll(); err != nil {
		return fmt.Errorf("grant rights: %w", err)
	}
	if err := giveFolded(ctx, tx); err != nil {
		return err
	}
	for _, login := range logins {
		if err := makeLogin(ctx, tx, login); err != nil {
			return err
		}
	}
	return nil
}

func exists(ctx context.Context, tx pgx.Tx, role string) (found bool, err error) {
	err = tx.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, role).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for role %s: %w", role, err)
	}
	return found, nil
}

func makeGroup(ctx context.Context, tx pgx.Tx, name string) error {
	found, err := exists(ctx, tx, name)
	if err != nil || found {
		return err
	}
	if _, err := tx.Exec(ctx, "create role "+pgx.Identifier{name}.Sanitize()+" nologin"); err != nil {
		return fmt.Errorf("make role %s: %w", name, err)
	}
	return nil
}

// makeLogin sends no password to the server, whose log may show statements, but what it keeps of one.
func makeLogin(ctx context.Context, tx pgx.Tx, l Login) error {
	verifier, err := scramVerifier(l.Password)
	if err != nil {
		return fmt.Errorf("password of %s: %w", l.Name, err)
	}
	name, verb := pgx.Identifier{l.Name}.Sanitize(), "create"
	found, err := exists(ctx, tx, l.Name)
	if err != nil {
		return err
	}
	if found {
		verb = "alter"
		if err := refuseOther(ctx, tx, l.Name); err != nil {
			return err
		}
	}
	// A verifier holds letters, digits and signs of base64 alone.
	if _, err := tx.Exec(ctx, verb+" role "+name+" login password '"+verifier+"'"); err != nil {
		return fmt.Errorf("%s login %s: %w", verb, l.Name, err)
	}
	for _, role := range Roles() {
		change := "revoke " + rolePrefix + role + " from " + name
		if slices.Contains(l.Roles, role) {
			change = "grant " + rolePrefix + role + " to " + name
		}
		if _, err := tx.Exec(ctx, change); err != nil {
			return fmt.Errorf("%s: %w", change, err)
		}
	}
	return nil
}

// refuseOther refuses a name whose role has rights that no process needs: it is somebody else's, and its password is not ours to set.
func refuseOther(ctx context.Context, tx pgx.Tx, name string) error {
	var what string
	err := tx.QueryRow(ctx, `
		select case
			when rolname in (current_user, session_user) then 'the user that this is run as'
			when rolsuper then 'a superuser'
			when rolcreaterole or rolcreatedb or rolreplication or rolbypassrls then 'a user with rights of an administrator'
			when exists (select from pg_database where datdba = r.oid) then 'the owner of a database'
			when exists (select from pg_namespace where nspowner = r.oid) then 'the owner of schemas'
			else '' end
		from pg_roles r where rolname = $1`, name).Scan(&what)
	if err != nil {
		return fmt.Errorf("look what role %s is: %w", name, err)
	}
	if what != "" {
		return fmt.Errorf("login %s: this is %s, whose password and groups are left alone; nothing has been changed: name a user that only processes log in as", name, what)
	}
	return nil
}

// ParseLogins reads logins as LEDGERBOARD_DATABASE_LOGINS has them, NAME=ROLE+ROLE:PASSWORD each, and names every fault.
func ParseLogins(texts []string) (logins []Login, err error) {
	var wrong []error
	for n, text := range texts {
		name, rest, named := strings.Cut(text, "=")
		roles, password, has := strings.Cut(rest, ":")
		l := Login{Name: name, Roles: strings.Split(roles, "+"), Password: password}
		if !named || !has || name == "" || password == "" {
			wrong = append(wrong, fmt.Errorf("login %d is not NAME=ROLE+ROLE:PASSWORD", n+1)) // it may be a password
			continue
		}
		if strings.HasPrefix(name, rolePrefix) {
			wrong = append(wrong, fmt.Errorf("login %s: names that begin with %s are of groups, choose another one", name, rolePrefix))
		}
		for _, role := range l.Roles {
			if !slices.Contains(Roles(), role) {
				wrong = append(wrong, fmt.Errorf("login %s: there is no role %q; there are %s", name, role, strings.Join(Roles(), ", ")))
			}
		}
		logins = append(logins, l)
	}
	return logins, errors.Join(wrong...)
}
