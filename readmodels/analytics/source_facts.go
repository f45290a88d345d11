package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

type sourceFacts struct {
	Source

	// time of the next reading unless paused; nil if unknown or not scheduled
	dueAt     *time.Time
	ungranted []domain.UngrantedFigure
	// why the account is not read, which determines the status; "" if it is read, or if the reason
	// arose after the range
	stopped domain.StatusCode
	// a permission is missing, but only for the account or only for its posts: the other is read
	readsOther bool
	// a subscription was active in the range, or none is required
	subscribed  bool
	postsListed bool     // all its posts were read at least once; there may be no posts
	figures     []string // metrics of the newest reading
	missing     []domain.MissingFigure
	left        domain.StatusCode // why it is not in the scope now; "" if it is
	readUntil   *time.Time        // the newest reading in the range before it left the scope; nil: it did not
	// first connected after the range
	connectedLater bool
	erased         bool      // no longer in the directory, and its readings are erased
	erasedAt       time.Time // readings before this time are erased
}

// SQL for the newest reading of social account s in the scope: a reading of the account itself, or
// of any of its posts, for which the figures are not known.
const (
	newestOfAccount = `
		select n.last_at as captured_at, n.metrics, n.missing from figure_owners n
		where n.social_account_id = s.id and n.parent_account = s.parent_account
		  and ($2::text[] is null or n.account_id = any($2))
		order by n.last_at desc limit 1`
	newestOfPosts = `
		select max(o.last_at) as captured_at, null::text[] as metrics, null::jsonb as missing from post_owners o
		where o.social_account_id = s.id and o.parent_account = s.parent_account
		  and ($2::text[] is null or o.account_id = any($2))`
)

// sourceFacts also reads the erasures that overlap the range.
func (s sourceQuery) sourceFacts(ctx context.Context) (facts, erased []sourceFacts, err error) {
	newest, kind, erasures := newestOfAccount, domain.FetchAccounts, "account_erasures"
	if s.ofPosts {
		newest, kind, erasures = newestOfPosts, domain.FetchPosts, "post_erasures"
	}
	var requestedAt *time.Time // the time of the request; nil means now
	if now := s.query.Range.Now; !now.IsZero() {
		requestedAt = &now
	}
	var batch pgx.Batch
	batch.Queue(`
		with subscribed as materialized (
			select b.account_id from tSubscriptions b
			where b.account_id = any(array(
				select distinct account_id from tSAccounts where parent_account = $1
				  and `+s.withinAccounts("account_id")+`) || $1::text)
			  and b.starts_at < $5 and (b.ends_at is null or b.ends_at > $4)
		)
		select s.id, s.account_id, s.p_id, s.a_type, s.name,
		       s.connected, case when not s.connected then s.ended when b.waits then (`+readmodels.SignInReason+`) ->> 'code'
		            when b.paused then '`+string(domain.StatusConnectionPaused)+`'
		            when not b.paid then '`+string(domain.StatusUnsubscribed)+`'
		            when b.held then '`+string(domain.StatusPlatformPaused)+`' else '' end,
		       case when not s.connected then s.updated_at when b.waits then `+readmodels.SignInSince+` when b.paused then u.since
		            when not b.paid then (
		              select max(p.ends_at) from tSubscriptions p
		              where p.account_id in (s.account_id, s.parent_account) and p.ends_at <= t.now)
		            else w.since end,
		       `+readmodels.NoneNeeded+` or s.account_id in (select account_id from subscribed)
		         or $1 in (select account_id from subscribed),
		       n.captured_at, coalesce(n.metrics, '{}'), coalesce(n.missing, '[]'),
		       greatest(due.due_at, due.not_before), due.read_at is not null, k.granted,
		       coalesce(s.created_at >= $5, false), coalesce(failed.reason ->> 'code', ''),
		       case when `+readmodels.FailedWith("failed.reason", domain.StatusPermission)+` then exists (
		         select from kept.fetch_state o
		         where o.kind in ('`+domain.FetchAccounts+`', '`+domain.FetchPosts+`') and o.kind <> $8 and o.p_id = s.p_id
		           and o.social_account_id = s.id and o.read_at is not null and o.failures = 0
		           and (k.updated_at is null or o.updated_at >= k.updated_at)) else false end
		from tSAccounts s
		cross join (select coalesce($9, now()) as now) t`+readmodels.SignInJoins+readmodels.ReadingConditions+`
		left join kept.fetch_state due on due.kind = $8 and due.p_id = s.p_id and due.social_account_id = s.id
		left join lateral (select due.reason where due.failures > 0
		  and (k.updated_at is null or due.updated_at >= k.updated_at)) failed on true
		left join lateral (`+newest+`) n on true
		where s.parent_account = $1 and `+s.withinAccounts("s.account_id")+` and s.p_id = any($3)
		  and ($6::bigint = 0 or s.member_id = $6) and ($7::bigint = 0 or s.id = $7)
		order by s.p_id, s.id`,
		s.scope.ParentAccount, s.scope.Accounts, s.platformIDs(), s.query.Range.From, s.query.Range.To,
		s.query.Member, s.query.Social, kind, requestedAt).
		Query(func(rows pgx.Rows) (err error) {
			facts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f sourceFacts, err error) {
				var granted *string
				var connected bool
				var since *time.Time             // when the reason for f.stopped arose; nil if unknown
				var failedWith domain.StatusCode // of the last reading, if it failed and no one has signed in since
				err = row.Scan(&f.SocialAccount, &f.AccountID, &f.Platform, &f.AccountType, &f.Name, &connected, &f.stopped,
					&since, &f.subscribed, &f.LastRead, &f.figures, &f.missing, &f.dueAt, &f.postsListed, &granted,
					&f.connectedLater, &failedWith, &f.readsOther)
				f.postsListed = f.postsListed && s.ofPosts
				if f.stopped == "" && !f.readsOther && domain.StatusTextOf(failedWith).Seen == domain.SeenByAll {
					f.stopped = failedWith // the other codes are not for everyone, and most of them are temporary
				}
				if f.stopped != "" {
					f.dueAt = nil
				}
				// a response without readings is about now, not about the range
				afterRange := func(at *time.Time) bool {
					return at != nil && !at.Before(s.query.Range.To) && s.blank != ""
				}
				switch {
				case afterRange(f.LastRead), afterRange(since):
					f.stopped = ""
				case !connected:
					f.Status = SourceDisconnected
				case f.stopped.Remedy() == domain.RemedySignIn:
					f.Status = SourceReconnect
				case f.stopped != "":
					f.Status = SourceNotRead
				}
				f.ungranted = domain.PermissionsOf(f.Platform, f.AccountType, granted).Ungranted
				f.PlatformRef = readmodels.PlatformRefOf(f.Platform)
				return f, err
			})
			return err
		})
	batch.Queue(`
		select e.social_account_id, e.account_id, e.p_id, e.erased_at from `+erasures+` e
		where e.parent_account = $1 and `+s.withinAccounts("e.account_id")+` and e.p_id = any($3) and e.erased_at > $4
		  and ($5::bigint = 0 or e.social_account_id = $5)`,
		s.scope.ParentAccount, s.scope.Accounts, s.platformIDs(), s.query.Range.From, s.query.Social).
		Query(func(rows pgx.Rows) (err error) {
			erased, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f sourceFacts, err error) {
				f.erased = true
				err = row.Scan(&f.SocialAccount, &f.AccountID, &f.Platform, &f.erasedAt)
				f.PlatformRef = readmodels.PlatformRefOf(f.Platform)
				return f, err
			})
			return err
		})
	if err := s.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("read sources: %w", err)
	}
	return facts, erased, nil
}
