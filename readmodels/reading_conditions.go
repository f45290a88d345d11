package readmodels

import (
	"fmt"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What decides whether social account s is read at t.now: the fetchers leave out by these conditions, and answers tell by the
// same ones.
const (
	// SignInJoins are the connection of a social account s, its state, and what is known of its token without opening it.
	SignInJoins = `
	left join tMemberAuth c on c.id = s.connection_id
	left join connection_states st on st.connection_id = s.connection_id and st.parent_account = s.parent_account
	left join kept.secrets k on k.ref = c.secret_ref`
	// awaitsSignIn: the platform refused its token, and nobody has signed in since.
	awaitsSignIn = `coalesce(st.state = '` + domain.ConnectionReconnect + `' and (k.signed_in_at is null or k.signed_in_at <= st.at), false)`
	// pausedByOperator is of the connection.
	pausedByOperator = `exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PauseConnection) + `' and u.name = s.connection_id::text)`
	// SubscriptionsParam is a setting of the readers' sessions: none where accounts are read without a subscription, see [NoneNeeded].
	SubscriptionsParam = "ledgerboard.subscriptions"
	// SubscriptionsNone is its value then.
	SubscriptionsNone = "none"
	// NoneNeeded is whether accounts are read without a subscription.
	NoneNeeded = `coalesce(current_setting('` + SubscriptionsParam + `', true) = '` + SubscriptionsNone + `', false)`
	// subscribed: one of the account runs, or of its agency, which counts for its clients; or none is needed.
	subscribed = `(` + NoneNeeded + ` or exists (
	    select from tSubscriptions b where b.account_id in (s.account_id, s.parent_account)
	      and b.starts_at <= t.now and (b.ends_at is null or b.ends_at > t.now)))`
	// toBeRead is whether nothing but its due time, or a pause of its whole platform, keeps a connected account from being read.
	toBeRead = ReadUnlessPaused + ` and not ` + pausedByOperator
	// ReadUnlessPaused is whether nothing but its due time, or an operator's pause, does.
	ReadUnlessPaused = `not ` + awaitsSignIn + ` and ` + subscribed
	// NoSubscriptionRuns is what it says then.
	NoSubscriptionRuns = "No subscription is active, so nothing is read."
	// EndedAtPlatform says of an account that is not connected that its person removed our app at
	// the platform, or asked it to have them erased, and was erased with the connection; null:
	// neither. A sentence.
	EndedAtPlatform = `(select st.reason from operations_trail o where o.parent_account = st.parent_account and o.event_id = st.event_id
	    and o.actor = '` + domain.ActorMeta + `' and c.id is null and ` + awaitsSignIn + `)`
)

// What [NotConnected] says.
const (
	NotConnectedHere  = "It is not connected here any more. Connect it again to have it read."
	NotConnectedThere = "It is not connected in the main application."
)

// What an operator's pause of a whole platform adds to these conditions.
var (
	// platformPaused is of all connections of its platform: the scheduler heeds it, and the fetchers' queries need not ask.
	platformPaused = `exists (
	    select from kept.pauses u where u.kind = '` + string(domain.PausePlatform) + `' and u.name = ` + platformName + `)`
	platformName = platformNameSQL()
	// Paused says that an operator has paused its connection or its platform, or that no subscription runs: a sentence for
	// agencies and clients; null: none of these.
	Paused = `case when ` + pausedByOperator + ` then 'An operator has paused it. Ask the operator of this service.'
	    when not ` + subscribed + ` then '` + NoSubscriptionRuns + `'
	    when ` + platformPaused + ` then 'An operator has paused all reading from this platform. Ask the operator of this service.' end`
)

func platformNameSQL() string {
	var names strings.Builder
	for _, p := range domain.Platforms() {
		fmt.Fprintf(&names, " when %d then '%s'", p, p)
	}
	return "case s.p_id" + names.String() + " end"
}

// NotConnected is why a social account is not connected, which is not: what was connected by a
// sign-in here was disconnected here, or its sign-in was erased; all else was disconnected by the
// main application, whether it told the page or registered it. The ids tell, also when the
// connection is erased. Of the account it takes the agency, platform, type, platform's id and
// connection.
func NotConnected(s domain.DirectorySocialAccount) string {
	if domain.Computed(s.ConnectionID) && s.ConnectionID != domain.RegisteredConnection(s.ParentAccount, s.Platform, s.AccountType, s.ExternalID) {
		return NotConnectedHere
	}
	return NotConnectedThere
}
