package domain

import (
	"cmp"
	"maps"
	"slices"
)

// StatusText is what people read about a [StatusCode]. The texts have placeholders, see
// [StatusNouns].
type StatusText struct {
	Seen   StatusReader // who sees the code
	Kind   StatusCode   // the more general code, see [StatusCode.Kind]; "" if there is no such code
	Remedy Remedy       // what helps, see [StatusCode.Remedy]; "": as for the kind
	Says   string       // what is the case: one sentence
	Lacks  string       // for everyone, if the reason is one metric that a reading lacks; "": as the others
	Helps  string       // what people can do about it, for those who see it; "" if there is nothing to do or say
	// Operator is what an operator can do, and may name settings; "": as Helps.
	Operator string
	// SignIn is for the person who connected the page, on the page of the sign-in, after its name;
	// "" for codes that are not shown there.
	SignIn string
}

// StatusReader says who sees a code.
type StatusReader string

// The readers of codes.
const (
	SeenByAll    StatusReader = "everyone" // everyone who may see the figures of the account
	SeenByAgency StatusReader = "agency"   // the agency, who manages connections, and operators
)

// Remedy is what helps against the reason for a status.
type Remedy string

// Remedies.
const (
	RemedySignIn Remedy = "sign_in" // a person must sign in at the platform, and select and grant everything
	RemedyAction Remedy = "action"  // someone must do something else; the text says who and what
	RemedyTime   Remedy = "time"    // the same call may work later, without anyone doing anything
	RemedyNone   Remedy = ""        // it is intended or over, or nothing helps
)

// Kind returns the more general code, or the code itself if it is general. People read codes,
// and programs decide by kinds.
func (s StatusCode) Kind() StatusCode { return cmp.Or(statusTexts[s].Kind, s) }

// Remedy returns what helps against the reason.
func (s StatusCode) Remedy() Remedy {
	return cmp.Or(statusTexts[s].Remedy, statusTexts[s.Kind()].Remedy)
}

// Temporary reports whether the same call of a platform may work later.
func (s StatusCode) Temporary() bool { return s.Kind() == StatusThrottled || s.Kind() == StatusRetry }

// StatusTextOf returns what the table has about a code; nothing for an unknown code.
func StatusTextOf(code StatusCode) StatusText { return statusTexts[code] }

// APIText returns the words of the API about a code.
func APIText(code StatusCode) string { return joined(statusTexts[code].Says, statusTexts[code].Helps) }

// OperatorText returns the words for operators about a code.
func OperatorText(code StatusCode) string {
	text := statusTexts[code]
	return joined(text.Says, cmp.Or(text.Operator, text.Helps))
}

// SignInText returns the words for the person who connected a page.
func SignInText(code StatusCode) string { return statusTexts[code].SignIn }

func joined(says, helps string) string {
	if helps == "" {
		return says
	}
	return says + " " + helps
}

// StatusCodes returns all codes, sorted.
func StatusCodes() []StatusCode { return slices.Sorted(maps.Keys(statusTexts)) }

const (
	noAction  = "No action is needed."
	signAgain = "Connect it again: a person must sign in to the platform."
	resume    = "Connect it again to resume reading."
	askThem   = "Ask the operator of this service."
	noFix     = "Tell the person who sent you here; you cannot fix this yourself."
	limited   = "not read yet: {platform} limits requests at the moment. We will read the page as soon as possible. " +
		"You do not need to do anything."
	temporary  = "not read yet: a temporary error occurred. We retry automatically."
	callFailed = "The request failed, so its newest reading lacks {metrics}."
	rejected   = "not read: {platform} rejected the request. " + noFix
	waitsFor   = "waiting for a sign-in: "
	noAccess   = waitsFor + "{platform} no longer grants access. Start again, and sign in there once more."
)

var statusTexts = map[StatusCode]StatusText{
	StatusErased: {
		Seen: SeenByAll, Remedy: RemedySignIn, Says: "The person who connected it was erased.", Helps: resume,
		SignIn: noAccess,
	},
	StatusDeauthorized: {
		Seen: SeenByAll, Remedy: RemedySignIn,
		Says: "The person who connected it removed our app at the platform.", Helps: resume,
		SignIn: noAccess,
	},
	StatusDeletionAsked: {
		Seen: SeenByAll, Remedy: RemedySignIn,
		Says: "The person who connected it asked the platform to delete their data.", Helps: resume,
		SignIn: noAccess,
	},
	StatusEndedByAgency: {Seen: SeenByAll, Says: "The agency disconnected it.", Helps: resume},
	StatusEndedByClient: {Seen: SeenByAll, Says: "A person of the client disconnected it.", Helps: resume},
	StatusEndedInMainApp: {
		Seen: SeenByAll, Says: "It is not connected in the main application.",
	},
	StatusMovedAway: {
		Seen: SeenByAgency, Says: "It is no longer connected for this account.", Helps: resume,
	},

	StatusRefused: {
		Seen: SeenByAll, Remedy: RemedySignIn,
		Says: "The platform no longer grants access.", Helps: signAgain, SignIn: noAccess,
	},
	StatusExpired: {
		Seen: SeenByAll, Kind: StatusRefused,
		Says: "Its token has expired and could not be renewed.", Helps: signAgain, SignIn: noAccess,
	},
	StatusRenewalLost: {
		Seen: SeenByAll, Kind: StatusRefused,
		Says: "Its token was renewed, but the new token was lost before it was stored.", Helps: signAgain, SignIn: noAccess,
	},
	StatusRoleLost: {
		Seen: SeenByAll, Kind: StatusRefused, Says: "The person who signed in no longer has a role on the page.",
		Helps: "A person with a role on the page must sign in and connect it again.",
		SignIn: waitsFor + "you no longer have a role on this page at {platform}. Ask someone who has full control " +
			"of the page to sign in here, or to give you the role again.",
	},
	StatusNoToken: {
		Seen: SeenByAll, Kind: StatusRefused,
		Says: "There is no token for its connection.", Helps: signAgain, SignIn: noAccess,
	},
	StatusBrokenToken: {
		Seen: SeenByAll, Kind: StatusRefused,
		Says: "The stored token of its connection is damaged.", Helps: signAgain, SignIn: noAccess,
	},
	StatusWrongAccount: {
		Seen: SeenByAll, Kind: StatusRefused,
		Says: "Its token belongs to another account than the connected one.", Helps: signAgain,
		SignIn: noAccess,
	},
	StatusLeftOut: {
		Seen: SeenByAll, Remedy: RemedySignIn, Says: "The person who connected it signed in again without selecting it.",
		Helps: "Connect it again and select it on the platform.", SignIn: noAccess,
	},
	StatusDeclined: {
		Seen: SeenByAll, Remedy: RemedySignIn,
		Says:  "The person who connected it signed in again without selecting it or without granting all permissions.",
		Helps: "Connect it again, select it on the platform, and grant all permissions.", SignIn: noAccess,
	},

	StatusConnectionPaused: {
		Seen: SeenByAll, Says: "An operator has paused it.", Helps: askThem, Operator: "Resume the connection first.",
		SignIn: "no new figures at the moment. An operator has paused it. " + askThem,
	},
	StatusPlatformPaused: {
		Seen: SeenByAll, Says: "An operator has paused all reading from {platform}.", Helps: askThem,
		Operator: "Resume the platform first.",
		SignIn:   "no new figures at the moment. An operator has paused all reading from this platform. " + askThem,
	},
	StatusFiguresPaused: {
		Seen: SeenByAgency,
		Says: "It was read, but an operator has paused the processing of figures. They will be shown afterwards.",
		SignIn: "no new figures at the moment. It was read, but an operator has paused the processing of figures. " +
			"They will be shown afterwards.",
	},
	StatusUnsubscribed: {
		Seen: SeenByAll, Says: "No subscription is active, so nothing is read.",
		SignIn: "no new figures at the moment. No subscription is active, so nothing is read.",
	},
	StatusNotReadYet: {
		Seen: SeenByAll, Remedy: RemedyTime, Says: "It has not been read yet.", SignIn: "waiting to be read",
	},

	StatusPermission: {
		Seen: SeenByAll, Remedy: RemedySignIn, Says: "A permission is missing.",
		Helps: "Connect it again and grant all requested permissions. The person must be an administrator of the page.",
		SignIn: "its own figures are not read: a permission is missing. Start again, and leave everything selected at " +
			"{platform}. For a page, you must be an administrator of the page.",
		Lacks: "A permission is missing for {metrics}.",
	},
	StatusTwoFactor: {
		Seen: SeenByAll, Kind: StatusPermission, Remedy: RemedyAction,
		Says:  "The platform requires two-factor authentication for this page.",
		Helps: "The person who signed in must turn it on at the platform. Reading then resumes automatically.",
		SignIn: "not read: {platform} requires two-factor authentication for this page. Turn it on there for your " +
			"account. Reading then resumes automatically.",
	},
	StatusOtherApp: {
		Seen: SeenByAll, Kind: StatusPermission,
		Says: "The token was issued to another app of the platform.", Helps: "Connect it again.",
		Operator: "Check that the app secret is that of the app that issued the token. If it is, the token is another " +
			"app's: connect the account again.",
		SignIn: "not read: the access belongs to another app at {platform}. " + noFix,
	},
	StatusThrottled: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "The platform limits requests at the moment.",
		Helps: noAction + " It is read again when the quota allows.",
		Operator: "No action is needed now. It is read again when the platform allows. If this happens often, the " +
			"quota is smaller than LEDGERBOARD_QUOTAS says, or other programs use it too. Set LEDGERBOARD_QUOTAS to the " +
			"part that is left for ledgerboard, so that readings are spread over the day.",
		SignIn: limited,
		Lacks:  "Because of the platform's rate limit, its newest reading lacks {metrics}.",
	},
	StatusOwnQuota: {
		Seen: SeenByAgency, Kind: StatusThrottled, Says: "The quota of this service is used up for now.",
		Helps: noAction + " It is read again when the quota allows.",
		Operator: noAction + " It is read again when the quota allows. If this happens often, set LEDGERBOARD_QUOTAS " +
			"to the quota that the platform shows for your app, request a higher quota there, or read less often.",
		SignIn: limited,
	},
	StatusRetry: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "A temporary error occurred.",
		Helps: noAction + " The reading is retried automatically.", SignIn: temporary,
		Lacks: callFailed,
	},
	StatusPostsFailed: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "{posts} of {of} posts could not be read.",
		Helps: "Reading them is retried automatically, less and less often.", SignIn: temporary,
	},
	StatusTooLarge: {
		Seen: SeenByAgency, Kind: StatusRetry, Says: "A list of posts was too large for one answer.",
		Helps: noAction + " The list is requested again in smaller parts.", SignIn: temporary,
	},
	StatusLasting: {
		Seen: SeenByAgency, Kind: StatusRetry,
		Says:  "A part could not be read. The platform's other answers were recorded.",
		Helps: "The rest is retried automatically, less and less often.",
		Operator: "The rest is retried automatically, less and less often. If this lasts for more than a day and the " +
			"platform reports no outage, report the code to its support.",
		SignIn: temporary,
	},
	StatusNewToken: {
		Seen: SeenByAgency, Kind: StatusRetry, Says: "The platform does not know the new sign-in yet.",
		Helps:  noAction + " The reading is retried within minutes.",
		SignIn: "not read yet: {platform} does not know the new sign-in yet. We retry automatically.",
	},
	StatusNotFound: {
		Seen: SeenByAll, Remedy: RemedyAction,
		Says:  "The platform does not find it, or does not show it to the person who signed in.",
		Helps: "Check whether it still exists there. If not, disconnect it.",
		SignIn: "not read: {platform} does not show this page to you. Check there whether it still exists and whether " +
			"you may see its statistics.",
		Lacks: callFailed,
	},
	StatusMoved: {
		Seen: SeenByAll, Kind: StatusNotFound, Says: "The platform merged it with another page or gave it a new ID.",
		Helps: "Connect the page that exists now, and disconnect this one.",
		SignIn: "not read: the page was merged or got a new ID at {platform}. Start again, and select the page that " +
			"exists now.",
	},
	StatusBlocked: {
		Seen: SeenByAll, Remedy: RemedyAction, Says: "The platform has blocked access because of a policy violation.",
		Helps:  "Check the platform's notices.",
		SignIn: "not read: {platform} does not provide statistics for this page. Check the account there.",
	},
	StatusAppBlocked: {
		Seen: SeenByAll, Kind: StatusBlocked, Says: "The platform has switched off the app of this service.",
		Helps: "The operator must act. Do not connect it again: that does not help.",
		Operator: "This applies to all accounts. Open the app's dashboard at the platform, and do what its notices " +
			"require. Connecting accounts again does not help.",
		SignIn: "not read: {platform} does not answer this service at the moment. The operator of the service must " +
			"act. You do not need to do anything.",
	},
	StatusApp: {
		Seen: SeenByAgency, Kind: StatusInvalid, Says: "The platform does not accept the app of this service.",
		Helps:    "The operator must correct the settings.",
		Operator: "Check the ID, the secret and the scopes in the settings of the platform's app.", SignIn: rejected,
	},
	StatusVersion: {
		Seen: SeenByAgency, Kind: StatusInvalid,
		Says:  "The platform no longer supports the version of its interface that this service uses.",
		Helps: "The operator must upgrade the service.",
		Operator: "Upgrade ledgerboard, or set a newer version of the platform's API (LEDGERBOARD_GRAPH_VERSION, " +
			"LEDGERBOARD_LINKEDIN_VERSION).",
		SignIn: rejected,
	},
	StatusNoData: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "The platform has no such figures for this account.", Helps: noAction,
		SignIn: "connected, but {platform} has no statistics for it yet.",
		Lacks:  "Its newest reading lacks {metrics}.",
	},
	StatusUnsupportedMetric: {
		Seen: SeenByAgency, Says: "The platform does not report this figure.", Helps: noAction,
		SignIn: "connected, but {platform} does not report all of its figures.",
		Lacks:  "Its platform does not report {metrics}.",
	},
	StatusInvalid: {
		Seen: SeenByAgency, Remedy: RemedyAction, Says: "This is an error in the configuration or in ledgerboard.",
		Helps:    "The operator must act.",
		Operator: "Check the settings of the platform's address, version and client.", SignIn: rejected,
		Lacks: callFailed,
	},
	StatusUnknown: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "The platform refused for a reason that ledgerboard does not know.",
		Helps: "Reading is retried automatically. If this lasts, ask the operator, who can look up the platform's " +
			"message.",
		Operator: "Its message, if any, is in table kept.platform_words. Reading is retried automatically.",
		SignIn:   "not read: {platform} refused for a reason that we do not know. We retry automatically.",
		Lacks:    callFailed,
	},
	StatusInternal: {
		Seen: SeenByAgency, Remedy: RemedyTime, Says: "An error occurred in this service.",
		Helps:    noAction + " The reading is retried automatically.",
		Operator: "The error is in the program's log. The reading is retried automatically.", SignIn: temporary,
	},

	StatusReadingsErased: {Seen: SeenByAll, Says: "Its readings before {at} were erased."},
	StatusLeftAccount:    {Seen: SeenByAll, Says: "It no longer belongs to this account.", Helps: readingsKept},
	StatusLeftMember:     {Seen: SeenByAll, Says: "It no longer belongs to this member.", Helps: readingsKept},
	StatusConnectedLater: {Seen: SeenByAll, Says: "It was connected after {range}."},
	StatusPostsNotReadYet: {
		Seen: SeenByAll, Remedy: RemedyTime, Says: "Its posts have not been read yet.",
	},
	StatusNotSubscribed: {Seen: SeenByAll, Says: "No subscription was active in {range}, so nothing was read."},
	StatusRangeNotBegun: {Seen: SeenByAll, Remedy: RemedyTime, Says: "Nothing can be read yet: {range} has not begun."},
	StatusNothingRead:   {Seen: SeenByAll, Says: "For {metrics}, nothing was read in {range}."},
	StatusNoDayBegins: {
		Seen: SeenByAll, Says: "For {metrics}, nothing was read because no day begins in {range}.",
	},
	StatusNoDayOver: {
		Seen: SeenByAll, Remedy: RemedyTime,
		Says: "For {metrics}, nothing was read yet, because no day of {range} is over.",
	},
	StatusDaysMissing: {Seen: SeenByAll, Says: "For {metrics}, {days} of {of} days were read."},
	StatusDayMissing:  {Seen: SeenByAll, Says: "For {metrics}, {day} was not read."},
	StatusFirstReading: {
		Seen: SeenByAll, Says: "For {metrics}, the first reading was on {day}; earlier gains are unknown.",
	},
	StatusLongGap: {
		Seen: SeenByAll,
		Says: "For {metrics}, there were no readings from {since} to {day}; the gain is counted on the second date.",
	},
	StatusNoGain: {
		Seen: SeenByAll, Says: "No post has two readings that show a gain of {metrics} in {range}.",
	},
	StatusNoPostsKnown: {Seen: SeenByAll, Says: "No published posts are known in {range}."},
	StatusOnlyPostsRead: {
		Seen: SeenByAll, Remedy: RemedySignIn,
		Says: "A permission is missing, so only its posts are read.", Helps: grantAll,
	},
	StatusPostsNotRead: {
		Seen: SeenByAll, Remedy: RemedySignIn, Says: "A permission is missing, so its posts are not read.", Helps: grantAll,
	},
}

const (
	readingsKept = "Earlier readings are kept. Daily counts, such as impressions, went with it from the day it left."
	grantAll     = "Connect it again, and grant all permissions."
)
