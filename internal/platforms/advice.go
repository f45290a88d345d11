package platforms

import (
	"cmp"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Advice says what each reader of an error can do about it. Each text is one or more sentences.
type Advice struct {
	Client   string // the person who connected the page, on the page of the sign-in
	Agency   string // in the console, next to the account
	Operator string // also names settings
}

// advice is keyed by the class of an error or, if people must do something else, by its problem.
// %s is the platform.
var advice = map[Problem]Advice{
	Problem(ClassReconnect): {
		Client:   "waiting for a sign-in: %s no longer grants access. Start again, and sign in there once more.",
		Agency:   "Connect the account again: a person must sign in to the platform.",
		Operator: "Connect the account again: a person must sign in to the platform.",
	},
	ProblemRoleLost: {
		Client: "waiting for a sign-in: you no longer have a role on this page at %s. Ask someone who has full control " +
			"of the page to sign in here, or to give you the role again.",
		Agency: "The person who signed in no longer has a role on the page. A person with a role on the page must sign " +
			"in and connect the account again.",
		Operator: "The person who signed in no longer has a role on the page. A person with a role on the page must " +
			"sign in and connect the account again.",
	},
	Problem(ClassPermission): {
		Client: "its own figures are not read: a permission is missing. Start again, and leave everything selected at " +
			"%s. For a page, you must be an administrator of the page.",
		Agency: "Connect the account again and grant all requested permissions. The person must be an administrator of " +
			"the page.",
		Operator: "Connect the account again and grant all requested permissions. The person must be an administrator " +
			"of the page.",
	},
	ProblemTwoFactor: {
		Client: "not read: %s requires two-factor authentication for this page. Turn it on there for your account. " +
			"Reading then resumes automatically.",
		Agency: "The platform requires two-factor authentication for this page. The person who signed in must turn it " +
			"on at the platform. Reading then resumes automatically.",
		Operator: "The platform requires two-factor authentication for this page. The person who signed in must turn " +
			"it on at the platform. Reading then resumes automatically.",
	},
	ProblemOtherApp: {
		Client: "not read: the access belongs to another app at %s. Tell the person who sent you here; you cannot fix " +
			"this yourself.",
		Agency: "The token was issued to another app of the platform. Connect the account again.",
		Operator: "The token and the app secret do not belong together. Check that the secret is that of the app that " +
			"issued the token. If it is, the token is another app's: connect the account again.",
	},
	Problem(ClassThrottled): {
		Client: "not read yet: %s limits requests at the moment. We will read the page as soon as possible. You do not " +
			"need to do anything.",
		Agency: "No action is needed. The account is read again when the quota allows.",
		Operator: "No action is needed now. The account is read again when the platform allows. If this happens often, " +
			"the quota is smaller than LEDGERBOARD_QUOTAS says, or other programs use it too. Set LEDGERBOARD_QUOTAS " +
			"to the part that is left for ledgerboard, so that readings are spread over the day.",
	},
	ProblemOwnQuota: {
		Client: "not read yet: %s limits requests at the moment. We will read the page as soon as possible. You do not " +
			"need to do anything.",
		Agency: "No action is needed. The account is read again when the quota allows.",
		Operator: "No action is needed. The account is read again when the quota allows. If this happens often, set " +
			"LEDGERBOARD_QUOTAS to the quota that the platform shows for your app, request a higher quota there, or " +
			"read less often.",
	},
	Problem(ClassRetry): {
		Client:   "not read yet: a temporary error occurred. We retry automatically.",
		Agency:   "No action is needed. The reading is retried automatically.",
		Operator: "No action is needed. The reading is retried automatically.",
	},
	ProblemTooLarge: {
		Client:   "not read yet: a temporary error occurred. We retry automatically.",
		Agency:   "No action is needed. The list of posts is requested again in smaller parts.",
		Operator: "No action is needed. The list of posts is requested again in smaller parts.",
	},
	ProblemLasting: {
		Client: "not read yet: a temporary error occurred. We retry automatically.",
		Agency: "The platform's other answers were recorded. The rest is retried automatically, less and less often.",
		Operator: "The platform's other answers were recorded. The rest is retried automatically, less and less often. " +
			"If this lasts for more than a day and the platform reports no outage, report the code to its support.",
	},
	ProblemNewToken: {
		Client:   "not read yet: %s does not know the new sign-in yet. We retry automatically.",
		Agency:   "No action is needed. The reading is retried within minutes.",
		Operator: "No action is needed. The reading is retried within minutes.",
	},
	Problem(ClassNotFound): {
		Client: "not read: %s does not show this page to you. Check there whether it still exists and whether you may " +
			"see its statistics.",
		Agency:   "Check whether the page or profile still exists. If not, disconnect it.",
		Operator: "Check whether the page or profile still exists. If not, disconnect it.",
	},
	ProblemMoved: {
		Client: "not read: the page was merged or got a new ID at %s. Start again, and select the page that exists now.",
		Agency: "The page was merged with another one or got a new ID. Connect the page that exists now, and disconnect " +
			"this one.",
		Operator: "The page was merged with another one or got a new ID. Connect the page that exists now, and " +
			"disconnect this one.",
	},
	Problem(ClassBlocked): {
		Client:   "not read: %s does not provide statistics for this page. Check the account there.",
		Agency:   "The platform has blocked access because of a policy violation. Check the platform's notices.",
		Operator: "The platform has blocked access because of a policy violation. Check the platform's notices.",
	},
	ProblemAppBlocked: {
		Client: "not read: %s does not answer this service at the moment. The operator of the service must act. You do " +
			"not need to do anything.",
		Agency: "The platform has switched off the app of this service. The operator must act. Do not connect the " +
			"account again: that does not help.",
		Operator: "The platform has switched off the app for all accounts. Open the app's dashboard at the platform, " +
			"and do what its notices require. Connecting accounts again does not help.",
	},
	ProblemApp: {
		Client: "not read: %s rejected the request. Tell the person who sent you here; you cannot fix this yourself.",
		Agency: "The platform does not accept the app of this service. The operator must correct the settings.",
		Operator: "The platform does not accept the app. Check the ID, the secret and the scopes in the settings of " +
			"the platform's app.",
	},
	ProblemVersion: {
		Client:   "not read: %s rejected the request. Tell the person who sent you here; you cannot fix this yourself.",
		Agency:   "The platform no longer supports the version of its interface that this service uses.",
		Operator: "The platform no longer supports the version of its interface that this release uses. Upgrade ledgerboard.",
	},
	Problem(ClassNoData): {
		Client:   "connected, but %s has no statistics for it yet.",
		Agency:   "No action is needed. The platform has no such figures for this account.",
		Operator: "No action is needed. The platform has no such figures for this account.",
	},
	Problem(ClassUnsupportedMetric): {
		Client:   "connected, but %s does not report all of its figures.",
		Agency:   "No action is needed. The platform does not report this figure.",
		Operator: "No action is needed. The platform does not report this figure.",
	},
	Problem(ClassInvalid): {
		Client: "not read: %s rejected the request. Tell the person who sent you here; you cannot fix this yourself.",
		Agency: "This is an error in the configuration or in ledgerboard. The operator must act.",
		Operator: "This is an error in the configuration or in ledgerboard. Check the settings of the platform's " +
			"address, version and client.",
	},
	Problem(ClassUnknown): {
		Client: "not read: %s refused for a reason that we do not know. We retry automatically.",
		Agency: "The platform refused for a reason that ledgerboard does not know. Reading is retried automatically. " +
			"If this lasts, ask the operator, who can look up the platform's message.",
		Operator: "The platform refused with a code that ledgerboard does not know. Its message, if any, is in table " +
			"kept.platform_words. Reading is retried automatically.",
	},
}

// AdviceOn returns the advice on a problem. Unknown problems get that of a temporary error.
func AdviceOn(problem Problem, p domain.Platform) Advice {
	a, known := advice[problem]
	if !known {
		a = advice[Problem(ClassRetry)]
	}
	a.Client = strings.ReplaceAll(a.Client, "%s", p.Title())
	return a
}

// ReasonForAgency completes the reason of a failure with the advice on its problem, if known.
func ReasonForAgency(reason, problem string) string {
	return withAdvice(reason, advice[Problem(problem)].Agency)
}

// ReasonForOperator is [ReasonForAgency] for operators.
func ReasonForOperator(reason, problem string) string {
	return withAdvice(reason, advice[Problem(problem)].Operator)
}

func withAdvice(reason, text string) string {
	if reason == "" || text == "" {
		return reason
	}
	return strings.TrimSuffix(reason, ".") + ". " + text
}

// ProblemOf returns the problem of the first [Error] in err's chain, otherwise "".
func ProblemOf(err error) Problem {
	e := errorIn(err)
	if e.Class == ClassThrottled && Refused(err) {
		return ProblemOwnQuota
	}
	return cmp.Or(e.Problem, Problem(e.Class))
}
