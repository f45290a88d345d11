package readmodels

import (
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// SQL conditions that decide whether social account s is read at t.now. Fetchers and responses use
// the same conditions.
const (
	// SignInJoins joins the connection of social account s, its state, and the metadata of its
	// encrypted token.
	SignInJoins = `
	left join tMemberAuth c on c.id = s.connection_id
	left join connection_states st on st.connection_id = s.connection_id and st.parent_account = s.parent_account
	left join kept.secrets k on k.ref = c.secret_ref`
	// AwaitsSignIn: the platform rejected the token, and no one has signed in since.
	AwaitsSignIn = `coalesce(st.state = '` + domain.ConnectionReconnect + `'
	  and (k.signed_in_at is null or k.signed_in_at <= st.at), false)`
	// PausedByOperator: an operator has paused the connection.
	PausedByOperator = `exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PauseConnection) + `'
	      and u.name = s.connection_id::text)`
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
	// ToBeRead: a connected account is read when it is due, unless its whole platform is paused.
	ToBeRead = ReadUnlessPaused + ` and not ` + PausedByOperator
	// ReadUnlessPaused: a connected account is read when it is due, unless an operator has paused
	// it or its whole platform.
	ReadUnlessPaused = `not ` + AwaitsSignIn + ` and ` + Subscribed
	// PausedPrefix begins the sentences of [Paused] about an operator's pause.
	PausedPrefix = "An operator has paused "
	// NoSubscriptionRuns is the reason if no subscription is active.
	NoSubscriptionRuns = "No subscription is active, so nothing is read."
	// EndedByErasure is the reason, a sentence, if an account was disconnected because the person
	// who had connected it was erased, maybe after removing our app on the platform or asking the
	// platform to have our data deleted. Otherwise it is null: an account that the agency
	// disconnected has an earlier or later updated_at. A fetcher that found no token may have
	// recorded another reason in the meantime, but the connection has not worked since.
	EndedByErasure = `case when ` + erasedOwner + ` then coalesce((select o.data ->> 'reason' from operations_trail o where o.parent_account = s.parent_account
	    and o.event_type = 'operations.connection_state_changed.v1' and o.actor = '` + domain.ActorMeta + `'
	    and o.data ->> 'connection_id' = s.connection_id::text and o.time < s.updated_at + interval '1 second'
	    and not exists (
	      select from operations_trail w where w.parent_account = o.parent_account and w.event_type = o.event_type
	        and w.time > o.time
	        and w.data ->> 'connection_id' = s.connection_id::text
	        and w.data ->> 'state' = '` + domain.ConnectionOK + `')
	    and ` + AwaitsSignIn + ` order by o.time desc limit 1),
	  'The person who connected it was erased. Connect it again to resume reading.') end`
	erasedOwner = `exists (
	  select from operations_trail e where e.parent_account = s.parent_account
	    and e.event_type = 'operations.person_erased.v1'
	    and e.time >= s.updated_at and e.time < s.updated_at + interval '1 second'
	    and e.data -> 'pages' @> to_jsonb(s.id))`
)

// Results of [NotConnected].
const (
	NotConnectedHere  = "It is no longer connected. Connect it again to resume reading."
	NotConnectedThere = "It is not connected in the main application."
)

// Conditions for an operator's pause of a whole platform.
var (
	// PlatformPaused: an operator has paused the platform. The scheduler handles this, so the
	// fetchers' queries do not check it.
	PlatformPaused = `exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PausePlatform) + `'
	      and u.name = ` + PlatformName + `)`
	// PlatformName is the name of the platform of social account s.
	PlatformName = platformNameSQL()
	// Paused is a sentence for agencies and clients: an operator has paused the connection or its
	// platform, or no subscription is active. Otherwise it is null.
	Paused = `case when ` + PausedByOperator + ` then '` + PausedPrefix + `it. Ask the operator of this service.'
	    when not ` + Subscribed + ` then '` + NoSubscriptionRuns + `'
	    when ` + PlatformPaused + `
	      then '` + PausedPrefix + `all reading from this platform. Ask the operator of this service.' end`
)

func platformNameSQL() string {
	var names strings.Builder
	for _, p := range domain.Platforms() {
		fmt.Fprintf(&names, " when %d then '%s'", p, p)
	}
	return "case s.p_id" + names.String() + " end"
}

// NotConnected returns why a social account is not connected: an account that was connected by a
// sign-in here was disconnected here, or the sign-in was erased; all others were disconnected by
// the main application. Only the ids are used, so the result is also correct after the connection
// was erased. Only the agency, platform, type, external id and connection of s are used.
func NotConnected(s domain.DirectorySocialAccount) string {
	if !domain.IsComputedID(s.ConnectionID) ||
		s.ConnectionID == domain.RegisteredConnection(s.ParentAccount, s.Platform, s.AccountType, s.ExternalID) {
		return NotConnectedThere
	}
	return NotConnectedHere
}
