package readmodels

import (
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SQL conditions that decide whether social account s is read at t.now. Fetchers and responses use
// the same conditions.
const (
	// SignInJoins joins the connection of social account s, its state, the state of the account
	// itself, and the metadata of the encrypted tokens.
	SignInJoins = `
	left join tMemberAuth c on c.id = s.connection_id
	left join connection_states st on st.connection_id = s.connection_id and st.parent_account = s.parent_account
	  and st.social_account_id = 0
	left join connection_states own on own.connection_id = s.connection_id and own.parent_account = s.parent_account
	  and own.social_account_id = s.id
	left join kept.secrets k on k.ref = c.secret_ref`
	// AwaitsSignIn: the platform rejected the token, or a consent left the account out, and no one has
	// signed in since.
	AwaitsSignIn = `(` + connectionWaits + ` or own.reason is not null and (k.signed_in_at is null or k.signed_in_at <= own.at))`
	// SignInReason and SignInSince are why and since when [AwaitsSignIn].
	SignInReason = `case when ` + connectionWaits + ` then st.reason else own.reason end`
	SignInSince  = `case when ` + connectionWaits + ` then st.since else own.since end`

	// A renewed token that was lost may be stored late, see [domain.StatusRenewalLost].
	connectionWaits = `st.reason is not null and (k.signed_in_at is null or k.signed_in_at <= st.at)
	  and not (st.reason ->> 'code' = '` + string(domain.StatusRenewalLost) + `' and coalesce(k.updated_at > st.at, false))`
	// SubscriptionsParam is a session setting of the readers. Its value is [SubscriptionsNone] if
	// accounts are read without a subscription, see [NoneNeeded].
	SubscriptionsParam = "ledgerboard.subscriptions"
	// SubscriptionsNone is the value of [SubscriptionsParam] for reading without subscriptions.
	SubscriptionsNone = "none"
	// NoneNeeded: accounts are read without a subscription.
	NoneNeeded = `coalesce(current_setting('` + SubscriptionsParam + `', true) = '` + SubscriptionsNone + `', false)`
	// Subscribed: the account or its agency, whose subscription covers its clients, has an active
	// subscription; or no subscription is required.
	Subscribed = `(` + NoneNeeded + ` or exists (
	    select from tSubscriptions b where b.account_id in (s.account_id, s.parent_account)
	      and b.starts_at <= t.now and (b.ends_at is null or b.ends_at > t.now)))`
	// ToBeRead: a connected account is read when it is due, unless its whole platform is paused. The
	// scheduler handles that, so the fetchers' queries do not check it.
	ToBeRead = `not ` + AwaitsSignIn + ` and ` + Subscribed + ` and not exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PauseConnection) + `'
	      and u.name = s.connection_id::text)`
)

// ReadingConditions joins whether social account s is read at t.now, after [SignInJoins]: u and w
// are the pauses of its connection and of its platform. Of b, waits is [AwaitsSignIn], paid is
// [Subscribed], and paused and held tell whether there is a u and a w.
var ReadingConditions = `
	left join kept.pauses u on u.kind = '` + string(domain.PauseConnection) + `' and u.name = s.connection_id::text
	left join kept.pauses w on w.kind = '` + string(domain.PausePlatform) + `' and w.name = ` + PlatformName + `
	cross join lateral (
		select ` + AwaitsSignIn + ` as waits, ` + Subscribed + ` as paid,
		       u.name is not null as paused, w.name is not null as held
		offset 0) b -- evaluated once: otherwise each use of a column would repeat its expression`

// PlatformName is SQL for the name of the platform of social account s.
var PlatformName = platformNameSQL()

func platformNameSQL() string {
	var names strings.Builder
	for _, p := range domain.Platforms() {
		fmt.Fprintf(&names, " when %d then '%s'", p, p)
	}
	return "case s.p_id" + names.String() + " end"
}
