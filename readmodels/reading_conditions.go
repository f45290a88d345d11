package readmodels

import (
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Conditions that decide whether social account s is read at t.now. Fetchers and answers use the
// same conditions.
const (
	// SignInJoins joins the connection of social account s, its state, and the metadata of its
	// encrypted token.
	SignInJoins = `
	left join tMemberAuth c on c.id = s.connection_id
	left join connection_states st on st.connection_id = s.connection_id and st.parent_account = s.parent_account
	left join kept.secrets k on k.ref = c.secret_ref`
	// AwaitsSignIn: the platform rejected its token, and no one has signed in since.
	AwaitsSignIn = `coalesce(st.state = '` + domain.ConnectionReconnect + `' and (k.signed_in_at is null or k.signed_in_at <= st.at), false)`
	// PausedByOperator: an operator has paused the connection.
	PausedByOperator = `exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PauseConnection) + `' and u.name = s.connection_id::text)`
	// SubscriptionsParam is a session setting of the readers. Its value is [SubscriptionsNone] if
	// accounts are read without a subscription, see [NoneNeeded].
	SubscriptionsParam = "ledgerboard.subscriptions"
	// SubscriptionsNone is the value of [SubscriptionsParam] for reading without subscriptions.
	SubscriptionsNone = "none"
	// NoneNeeded: accounts are read without a subscription.
	NoneNeeded = `coalesce(current_setting('` + SubscriptionsParam + `', true) = '` + SubscriptionsNone + `', false)`
	// Subscribed: a subscription of the account is active, or of its agency, which covers its
	// clients; or no subscription is required.
	Subscribed = `(` + NoneNeeded + ` or exists (
	    select from tSubscriptions b where b.account_id in (s.account_id, s.parent_account)
	      and b.starts_at <= t.now and (b.ends_at is null or b.ends_at > t.now)))`
	// ToBeRead: only its due time or a pause of its whole platform keeps a connected account from
	// being read.
	ToBeRead = ReadUnlessPaused + ` and not ` + PausedByOperator
	// ReadUnlessPaused: only its due time or an operator's pause keeps a connected account from
	// being read.
	ReadUnlessPaused = `not ` + AwaitsSignIn + ` and ` + Subscribed
	// NoSubscriptionRuns is the reason if no subscription is active.
	NoSubscriptionRuns = "No subscription is active, so nothing is read."
	// EndedAtPlatform is a sentence for an account that was disconnected when its person, who had
	// removed our app on the platform or asked the platform to have our data deleted, was erased.
	// Otherwise it is null: an account that the agency disconnected has an earlier or later
	// updated_at. A fetcher that found no token may have recorded another reason in the meantime, but
	// the connection has not worked since.
	EndedAtPlatform = `(select o.data ->> 'reason' from operations_trail o where o.parent_account = s.parent_account
	    and o.event_type = 'operations.connection_state_changed.v1' and o.actor = '` + domain.ActorMeta + `'
	    and o.data ->> 'connection_id' = s.connection_id::text and o.time < s.updated_at + interval '1 second'
	    and not exists (
	      select from operations_trail w where w.parent_account = o.parent_account and w.event_type = o.event_type and w.time > o.time
	        and w.data ->> 'connection_id' = s.connection_id::text and w.data ->> 'state' = '` + domain.ConnectionOK + `')
	    and c.id is null and ` + AwaitsSignIn + ` and exists (
	      select from operations_trail e where e.parent_account = s.parent_account and e.event_type = 'operations.person_erased.v1'
	        and e.time >= s.updated_at and e.time < s.updated_at + interval '1 second' and e.data -> 'pages' @> to_jsonb(s.id))
	    order by o.time desc limit 1)`
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
	    select from kept.pauses u where u.kind = '` + string(domain.PausePlatform) + `' and u.name = ` + PlatformName + `)`
	// PlatformName is the name of the platform of account s.
	PlatformName = platformNameSQL()
	// Paused is a sentence for agencies and clients that says that an operator has paused the
	// connection or its platform, or that no subscription is active. Otherwise it is null.
	Paused = `case when ` + PausedByOperator + ` then 'An operator has paused it. Ask the operator of this service.'
	    when not ` + Subscribed + ` then '` + NoSubscriptionRuns + `'
	    when ` + PlatformPaused + ` then 'An operator has paused all reading from this platform. Ask the operator of this service.' end`
)

func platformNameSQL() string {
	var names strings.Builder
	for _, p := range domain.Platforms() {
		fmt.Fprintf(&names, " when %d then '%s'", p, p)
	}
	return "case s.p_id" + names.String() + " end"
}

// NotConnected returns why a social account is not connected: one connected by a sign-in here was
// disconnected here, or its sign-in was erased; the main application disconnected all others. The
// ids alone decide, so this works even if the connection is erased. s needs only agency, platform,
// type, external id and connection.
func NotConnected(s domain.DirectorySocialAccount) string {
	if !domain.IsComputedID(s.ConnectionID) ||
		s.ConnectionID == domain.RegisteredConnection(s.ParentAccount, s.Platform, s.AccountType, s.ExternalID) {
		return NotConnectedThere
	}
	return NotConnectedHere
}
