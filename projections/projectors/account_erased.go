package projectors

import "github.com/ledgerboard/ledgerboard/projections/write"

var accountErasures = newErasuresTable("account_erasures")

// ofErased joins a table t with the accounts k of [erasedKeys].
const ofErased = `t.social_account_id = k.social_account_id and t.parent_account = k.parent_account`

// eraseMonths removes erased days from account_months. If the last reading of a day is erased, so
// are all others of that day.
const eraseMonths = `
	update account_months t set (days, day_values, captured_at, event_ids) = (
		select coalesce(array_agg(d.day order by d.day), '{}'), coalesce(array_agg(d.value order by d.day), '{}'),
		       coalesce(array_agg(d.at order by d.day), '{}'), coalesce(array_agg(d.id order by d.day), '{}')
		from unnest(t.days, t.day_values, t.captured_at, t.event_ids) as d(day, value, at, id)
		where d.at >= k.erased_at)
	from ` + erasedKeys + ` where ` + ofErased + ` and k.erased_at > any(t.captured_at)`

const renewNewest = `
	insert into account_newest (social_account_id, parent_account, account_id, member_id, captured_at, event_id,
		metrics, missing, first_at, tracked_since, tracked_until)
	select k.social_account_id, k.parent_account, n.account_id, n.member_id, n.captured_at, n.event_id,
	       array(
	         select distinct (figure ->> 'name') collate "C" from jsonb_array_elements(n.figures) figure order by 1),
	       n.missing, n.first_at, n.tracked_since, n.tracked_until
	from ` + erasedKeys + `
	cross join lateral (
		select distinct on (i.account_id, i.member_id)
		       i.account_id, i.member_id, i.captured_at, i.event_id, i.figures, i.missing,
		       min(i.captured_at) over owner as first_at,
		       min(i.captured_at) filter (where not i.backfilled) over owner as tracked_since,
		       max(i.captured_at) filter (where not i.backfilled) over owner as tracked_until
		from tSAccountIns i where i.social_account_id = k.social_account_id and i.parent_account = k.parent_account
		window owner as (partition by i.account_id, i.member_id)
		order by i.account_id, i.member_id, i.captured_at desc) n`

// renewed returns the accounts whose rows in account_newest must be computed from the stored
// readings: those that the batch erases, and those that have an erasure and readings in the batch.
// If two readings were captured at the same instant, only one is stored, so rows that contained
// values of the other one could not be recomputed after an erasure.
func (f *accountFold) renewed(readings []accountRow) erasedUntil {
	renewed := f.erased.later(f.erased.applied)
	for _, r := range readings {
		if f.erased.hasErasure(r.Tenant) {
			account := accountSeries{r.SocialAccount, r.ParentAccount}
			renewed[account] = erasure{at: f.erased.until(account)}
		}
	}
	return renewed
}

// eraseStored deletes erased data. It must precede all other writes.
func (f *accountFold) eraseStored(into write.Sink) {
	erased := f.erased.later(f.erased.applied)
	if len(erased) == 0 {
		return
	}
	args := erased.keys()
	for _, sql := range []string{
		`delete from tSAccountIns t using ` + erasedKeys + ` where ` + ofErased + ` and t.captured_at < k.erased_at`,
		eraseMonths,
		`delete from account_months t using ` + erasedKeys + ` where ` + ofErased + ` and t.days = '{}'`,
	} {
		into.Exec(sql, args...)
	}
	accountErasures.Write(into, erased.rows())
}

// renew recomputes the stored rows of accounts in account_newest. It must follow all other writes.
func renew(into write.Sink, accounts erasedUntil) {
	if len(accounts) > 0 {
		into.Exec(`delete from account_newest t using `+erasedKeys+` where `+ofErased, accounts.keys()...)
		into.Exec(renewNewest, accounts.keys()...)
	}
}
