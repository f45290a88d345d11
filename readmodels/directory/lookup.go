package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Lookup reads directory entities by key, from all agencies, as they were received.
type Lookup struct {
	Pool     *pgxpool.Pool
	Registry *domain.Registry
	Progress *pg.Progress // reports progress of the directory; nil if [Lookup.Moved] is not used
}

// entityTable is the table of a kind, its key column, and the expression that converts $1 to keys.
type entityTable struct{ name, key, ids string }

const (
	textIDs   = `$1::text[]`
	numberIDs = `array(select i::bigint from unnest($1::text[]) i where i ~ '^[0-9]{1,18}$')` // no other ids are stored
)

// entityTables are the tables of projection directory, by kind. Their columns have the names of the
// entities' members.
var entityTables = map[string]entityTable{
	domain.KindAccount: {"accounts", "id", textIDs}, domain.KindUser: {"users", "id", textIDs},
	domain.KindOrder: {"orders", "id", textIDs}, domain.KindSession: {"sessions", "id", textIDs},
	domain.KindMember: {"members", "id", numberIDs}, domain.KindConnection: {"tMemberAuth", "id", numberIDs},
	domain.KindDefaultAccount: {"tDefaultAccount", "member_id", numberIDs},
	domain.KindSocialAccount:  {"tSAccounts", "id", numberIDs},
	domain.KindPlannedPost:    {"tContentPlanner", "id", numberIDs},
	domain.KindSubscription:   {"tSubscriptions", "id", numberIDs},
	domain.KindCategory:       {"tDefaultCategories", "id", numberIDs},
}

// EntitiesByKey returns the entities for keys of the topic `directory`. Keys without an entity are
// absent.
func (l Lookup) EntitiesByKey(ctx context.Context, keys []string) (map[string]domain.RecordedEntity, error) {
	byKind := map[string][]string{}
	for _, key := range keys {
		kind, id, err := domain.SplitDirectoryKey(key)
		if err != nil {
			return nil, err
		}
		byKind[kind] = append(byKind[kind], id)
	}
	entities := map[string]domain.RecordedEntity{}
	err := pg.Snapshot(ctx, l.Pool, func(tx pgx.Tx) error {
		clear(entities)
		for kind, ids := range byKind {
			table, known := entityTables[kind]
			if !known {
				continue
			}
			rows, _ := tx.Query(ctx, fmt.Sprintf(`
				select %[2]s::text, told_at, to_jsonb(t) - 'told_at' from %[1]s t where %[2]s = any(%[3]s)`,
				table.name, table.key, table.ids), ids)
			if err := l.scan(kind, rows, entities); err != nil {
				return err
			}
		}
		return nil
	})
	return entities, pg.Wrap("read received entities", err)
}

func (l Lookup) scan(kind string, rows pgx.Rows, entities map[string]domain.RecordedEntity) error {
	var id string
	var at time.Time
	var raw json.RawMessage
	_, err := pgx.ForEachRow(rows, []any{&id, &at, &raw}, func() error {
		data, err := l.Registry.Decode("directory."+kind+".v1", raw)
		if err != nil {
			return fmt.Errorf("decode row of %s %s: %w", kind, id, err)
		}
		entity, _ := data.(domain.DirectoryEntity)
		entities[domain.DirectoryKey(kind, id)] = domain.RecordedEntity{At: at.UTC(), Entity: entity}
		return nil
	})
	return err
}

// ContentsOf returns the stored post contents of the given social accounts, and all those of the
// given agencies.
func (l Lookup) ContentsOf(
	ctx context.Context, socialAccounts []int64, agencies []string,
) ([]domain.StoredContent, error) {
	return contentsWhere(ctx, l.Pool, `social_account_id = any($1) or parent_account = any($2)`,
		socialAccounts, agencies)
}

// Moved returns a channel that is closed when the directory's tables have changed. Call Moved
// before reading the tables.
func (l Lookup) Moved() <-chan struct{} { return l.Progress.Changed("directory", pg.AnyKey) }

// HasAccount reports whether an account is the agency or one of its clients.
func (l Lookup) HasAccount(ctx context.Context, agency, account string) (bool, error) {
	return pg.ScanOptional(l.Pool.QueryRow(ctx, `select from accounts where id = $2 and $1 in (id, parent_account)`,
		agency, account),
		"look for an account of the agency")
}

// HasEmail reports whether an active user of the agency or of one of its clients has the email
// address. The comparison is case-insensitive.
func (l Lookup) HasEmail(ctx context.Context, agency, email string) (bool, error) {
	return pg.ScanOptional(l.Pool.QueryRow(ctx, `
		select from users u join accounts a on a.id = u.account_id
		where u.active and `+readmodels.SameAddress("u.email", "$2")+` and $1 in (a.id, a.parent_account) limit 1`, agency, email),
		"look for an email address")
}

// Empty reports whether the directory has no accounts.
func (l Lookup) Empty(ctx context.Context) (bool, error) {
	found, err := pg.ScanOptional(l.Pool.QueryRow(ctx, `select from accounts limit 1`), "look for an account")
	return !found, err
}

// Erasures returns the recorded erasures of people, from all agencies.
func (l Lookup) Erasures(ctx context.Context) (domain.Erasures, error) {
	var lines []domain.ErasedID
	err := l.EachErasure(ctx, func(agency string, at time.Time, erased domain.PersonErased) {
		lines = append(lines, erased.ErasedIDs(agency, at)...)
	})
	return domain.NewErasures(lines), err
}

// EachErasure calls each with every recorded erasure, from all agencies, oldest first.
func (l Lookup) EachErasure(
	ctx context.Context, each func(agency string, at time.Time, erased domain.PersonErased),
) error {
	// The type is a constant, because a generic plan could not use the partial index of erasures.
	rows, _ := l.Pool.Query(ctx, `
		select parent_account, time, data from operations_trail
		  where event_type = '`+domain.PersonErased{}.EventType()+`' order by time, event_id`)
	var agency string
	var at time.Time
	var erased domain.PersonErased
	_, err := pgx.ForEachRow(rows, []any{&agency, &at, &erased}, func() error {
		each(agency, at, erased)
		erased = domain.PersonErased{}
		return nil
	})
	return pg.Wrap("read erasures of people", err)
}
