package projectors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// erasures holds, per agency and social account, the instant before which captured data is erased
// and makes no row. Each projection of `metrics` stores them in its own table, because late records
// must respect them. The latest instant of an account counts.
type erasures struct{ requested, stored, applied erasedUntil } // requested: by the batch, before any event is applied

// erasedUntil maps accounts to their erasures.
type erasedUntil map[accountSeries]erasure

// erasure is the instant, and what an answer needs to report it.
type erasure struct {
	at       time.Time
	account  string // the last client of the account; "" unknown
	platform domain.Platform
}

// after is the order in which erasures of an account replace each other.
func (e erasure) after(o erasure) bool {
	return cmp.Or(e.at.Compare(o.at), cmp.Compare(e.account, o.account), cmp.Compare(e.platform, o.platform)) > 0
}

func newErasures() erasures { return erasures{erasedUntil{}, erasedUntil{}, erasedUntil{}} }

// note keeps the later erasure of an account.
func (erased erasedUntil) note(e domain.AccountErased) {
	key, now := accountSeries{e.SocialAccount, e.ParentAccount}, erasure{instant(e.ErasedAt), e.AccountID, e.Platform}
	if now.after(erased[key]) {
		erased[key] = now
	}
}

// queueLoad collects the erasures of the batch and queues a query for the stored erasures of its
// accounts.
func (e erasures) queueLoad(batch *pgx.Batch, table string, events []fold.Event) {
	var accounts []int64
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.AccountErased:
			e.requested.note(data)
			accounts = append(accounts, data.SocialAccount)
		case domain.AccountRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRegistered:
			accounts = append(accounts, data.SocialAccount)
		}
	}
	if len(accounts) == 0 {
		return
	}
	slices.Sort(accounts)
	sql := `select social_account_id, parent_account, account_id, p_id, erased_at from ` + table + ` where social_account_id = any($1)`
	batch.Queue(sql, slices.Compact(accounts)).
		Query(func(rows pgx.Rows) error {
			var stored domain.AccountErased
			into := []any{&stored.SocialAccount, &stored.ParentAccount, &stored.AccountID, &stored.Platform, &stored.ErasedAt}
			_, err := pgx.ForEachRow(rows, into, func() error {
				e.stored.note(stored)
				return nil
			})
			if err != nil {
				return fmt.Errorf("read erasures: %w", err)
			}
			return nil
		})
}

// until returns the instant before which the account is erased; zero if it is not.
func (e erasures) until(key accountSeries) time.Time { return e.latest(key).at }

// latest returns the erasure of the account that counts.
func (e erasures) latest(key accountSeries) erasure {
	if now := e.applied[key]; now.after(e.stored[key]) {
		return now
	}
	return e.stored[key]
}

// hasErasure reports whether the account has an erasure, including those of the batch.
func (e erasures) hasErasure(t domain.Tenant) bool {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	return !e.until(key).IsZero() || !e.requested[key].at.IsZero()
}

// covers reports whether data captured at an instant is erased, also by a later event of the batch.
func (e erasures) covers(t domain.Tenant, at time.Time) bool {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	return at.Before(e.until(key)) || at.Before(e.requested[key].at)
}

// later returns the given erasures that replace stored ones.
func (e erasures) later(erased erasedUntil) erasedUntil {
	later := maps.Clone(erased)
	maps.DeleteFunc(later, func(key accountSeries, now erasure) bool { return !now.after(e.stored[key]) })
	return later
}

// erasedAccount is a row of an erasures table.
type erasedAccount struct {
	accountSeries
	erasure
}

// rows returns the erasures ordered by key.
func (erased erasedUntil) rows() []erasedAccount {
	rows := make([]erasedAccount, 0, len(erased))
	for key, e := range erased {
		rows = append(rows, erasedAccount{key, e})
	}
	slices.SortFunc(rows, func(a, b erasedAccount) int {
		return cmp.Or(cmp.Compare(a.accountSeries.account, b.accountSeries.account), cmp.Compare(a.parent, b.parent))
	})
	return rows
}

// erasedKeys is a table k of accounts in a statement, with the parameters of [erasedUntil.keys].
const erasedKeys = `unnest($1::bigint[], $2::text[], $3::timestamptz[]) as k(social_account_id, parent_account, erased_at)`

func (erased erasedUntil) keys() []any {
	return write.Arrays(erased.rows(), func(r erasedAccount) []any { return []any{r.accountSeries.account, r.parent, r.at} })
}

func newErasuresTable(name string) write.Table[erasedAccount] {
	return write.NewTable(name, `social_account_id bigint, parent_account text, account_id text, p_id smallint, erased_at timestamptz`,
		write.ReplaceRow("social_account_id, parent_account", ""),
		func(r erasedAccount) []any {
			return []any{r.accountSeries.account, r.parent, r.erasure.account, int16(r.platform), r.at}
		})
}
