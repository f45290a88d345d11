package readmodels

import (
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// ConnectionStatus joins one row `status`: how social account s is connected and read at t.now. All
// answers about connected accounts use it, except the sources of figures (see package analytics).
// Its columns:
//
//   - status, reasons, since: see [domain.ConnectionStatus];
//   - pause: an operator's reason for a pause, for operators; empty without a pause;
//   - is_read: whether the account is read when it is due; due_at: when its totals are due, null
//     for immediately or not at all; retry_at: the same after a failure, otherwise null;
//   - failures, pace: of the readings of its totals; posts_pace: of those of its posts, see [domain.Pace];
//   - read_at, posts_read_at: the last successful readings; captured_at: the newest reading in the
//     tables, under its present sub-account;
//   - token_ends, renewable_until, data_access_until, granted, signed_in_at: of its stored token.
//     Without a stored token, token_ends is the expiry that the main application reported.
//
// Failures before the stored token was obtained do not count.
var ConnectionStatus = `
	cross join lateral (
		select
			case when not s.connected then 'disconnected' when b.waits then 'reconnect'
			     when b.paused then 'paused' when not b.paid then 'unsubscribed' when b.held then 'paused'
			     when ` + FailedWith("f.reason", domain.StatusRefused) + ` then 'reconnect'
			     when ` + FailedWith("f.reason", domain.StatusBlocked) + ` then 'blocked'
			     when ` + FailedWith("f.reason", domain.StatusPermission) + ` then 'permission'
			     when ` + FailedWith("f.reason", domain.StatusThrottled) + ` then 'throttled'
			     when f.failures > 0 then 'failing'
			     when n.captured_at is null then 'waiting' else 'ok' end as status,
			to_jsonb(array_remove(array[
				case when not s.connected then jsonb_build_object('code', s.ended) end,
				case when s.connected and b.waits then ` + SignInReason + ` end,
				case when s.connected and b.paused then '{"code": "` + string(domain.StatusConnectionPaused) + `"}'::jsonb end,
				case when s.connected and not b.paid then '{"code": "` + string(domain.StatusUnsubscribed) + `"}'::jsonb end,
				case when s.connected and b.held then '{"code": "` + string(domain.StatusPlatformPaused) + `"}'::jsonb end,
				case when d.is_read then coalesce(f.reason, g.reason) end,
				case when d.is_read and n.captured_at is null and f.reason is null and g.reason is null
				     then '{"code": "` + string(domain.StatusNotReadYet) + `"}'::jsonb end], null)) as reasons,
			case when not s.connected then s.updated_at when b.waits then ` + SignInSince + `
			     when b.paused then u.since when b.held and b.paid then w.since end as since,
			case when s.connected and b.paused then concat_ws(':', u.code, nullif(u.ticket, ''))
			     when s.connected and b.held then concat_ws(':', w.code, nullif(w.ticket, '')) else '' end as pause,
			d.is_read, case when d.is_read then greatest(f.due_at, f.not_before) end as due_at,
			case when d.is_read and f.reason is not null then greatest(f.due_at, f.not_before) end as retry_at,
			coalesce(f.failures, 0) as failures, coalesce(a.pace, '{}') as pace,
			coalesce(p.pace, '{}') as posts_pace,
			a.read_at, p.read_at as posts_read_at, n.captured_at,
			` + TokenEnds + ` as token_ends, k.renewable_until, k.data_access_until, k.granted, k.signed_in_at
		from (values (1)) one` + SignInJoins + ReadingConditions + `
		left join kept.fetch_state a on a.kind = '` + domain.FetchAccounts + `' and a.p_id = s.p_id
		  and a.social_account_id = s.id
		left join kept.fetch_state p on p.kind = '` + domain.FetchPosts + `' and p.p_id = s.p_id
		  and p.social_account_id = s.id
		left join lateral (select a.failures, a.reason, a.due_at, a.not_before
			where k.updated_at is null or a.updated_at >= k.updated_at) f on true
		left join lateral (select p.reason where k.updated_at is null or p.updated_at >= k.updated_at) g on true
		left join lateral (
			select max(n.last_at) as captured_at from figure_owners n
			where n.social_account_id = s.id and n.parent_account = s.parent_account
			  and n.account_id = s.account_id) n on true
		cross join lateral (
			select s.connected and b.paid and not b.waits and not b.paused and not b.held as is_read) d
	) status`

// FailedWith is SQL for a reason in a column, of a code of the given kind ([domain.StatusCode.Kind]).
func FailedWith(reason string, kind domain.StatusCode) string {
	var codes []string
	for _, code := range domain.StatusCodes() {
		if code.Kind() == kind {
			codes = append(codes, string(code))
		}
	}
	return reason + " ->> 'code' in ('" + strings.Join(codes, "', '") + "')"
}

// TokenEnds is SQL for the expiry of the token of connection c with the stored secret k. The expiry
// from the main application is used only without a stored secret, because tokens are renewed here.
const TokenEnds = `case when k.ref is null then c.expires_at else k.expires_at end` //nolint:gosec // no credential

// TextOf returns the text of the status of a connection or of a source of figures: that of the API,
// see [domain.APIText], or that for operators, see [domain.OperatorText].
func TextOf(
	reasons []domain.StatusReason, words func(domain.StatusCode) string, p domain.Platform,
) domain.OptionalText {
	return domain.OptionalText(domain.TextOf(reasons, words, domain.StatusNouns{Platform: p}))
}
