package platforms

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// place is what a call asks about. The same code means different things in different places.
type place string

const (
	placeAccount place = "account" // the account itself
	placePart    place = "part"    // a part of an account's reading, such as its insights
	placeObject  place = "object"  // posts
	placeList    place = "list"    // a page of a list
	placeSignIn  place = "sign-in" // a person, their token, or what they granted
	placeRenewal place = "renewal" // new tokens
)

var placesByOp = map[string]place{
	"page": placeAccount, "ig_user": placeAccount, opUserInfo: placeAccount,
	"posts": placeList, "videos": placeList, "video_reels": placeList, "media": placeList, "stories": placeList,
	"video_list": placeList, opOffered: placeList, opRefresh: placeRenewal, opInspect: placeSignIn,
	"post_metrics": placeObject, "video_metrics": placeObject, "video_insights": placeObject, opMedia: placeObject,
	"media_insights": placeObject, "page_posts": placeObject, "member_post": placeObject, "video_query": placeObject,
}

func placeOf(op string) place {
	otherwise := placePart
	if strings.HasPrefix(op, "sign_in_") {
		otherwise = placeSignIn
	}
	return cmp.Or(placesByOp[op], otherwise)
}

// phrase names a text in platforms' messages that says what no code says. Meta answers in English
// because every call requests locale=en_US. This is the only place where words decide.
type phrase string

const (
	tooMuchData   phrase = "too much data"
	unknownMetric phrase = "unknown metric"
	unknownField  phrase = "unknown field"
	fewViewers    phrase = "few viewers"
	roleLost      phrase = "role lost"
	appOff        phrase = "app switched off"
	wrongProof    phrase = "wrong proof"
	noToken       phrase = "no token"
	appSettings   phrase = "app settings"
	memberQuota   phrase = "quota of a member"
	resourceQuota phrase = "quota of a resource"
)

var phrases = map[phrase][]string{
	tooMuchData:   {"reduce the amount of data"},
	unknownMetric: {"must be a valid insights metric", "must be one of the following values:"},
	unknownField:  {"nonexisting field"},
	fewViewers:    {"Not enough viewers"},
	roleLost:      {"must be an administrator"},
	appOff:        {"API access blocked", "disabled for non-active apps"},
	wrongProof:    {"appsecret_proof"},
	noToken:       {"access token must be used"},
	// A wrong secret has been reported with the error codes 1, 100 and 400.
	appSettings:   {"client secret", "redirect_uri", "platform app", "validating application"},
	memberQuota:   {"MEMBER"},
	resourceQuota: {"Resource level"},
}

func (p phrase) in(message string) bool {
	return slices.ContainsFunc(phrases[p], func(part string) bool { return strings.Contains(message, part) })
}

// rule gives the reason of an error. Empty conditions apply to every error; the first rule that
// applies decides.
type rule struct {
	code    string // one code, or a range such as "200-299"
	subcode int
	plain   bool // there is no subcode
	status  int
	place   place
	says    phrase

	reason domain.StatusCode
	about  About // "": that which the call asked about
}

// graphRules apply to Facebook and Instagram. An error with HTTP 500 and code 100 is a wrong
// request, not an outage.
var graphRules = []rule{
	{subcode: 2108006, reason: domain.StatusNoData}, // posted before the account became a business account
	{code: "10", says: fewViewers, reason: domain.StatusNoData},

	{code: "190", plain: true, says: roleLost, reason: domain.StatusRoleLost},
	{code: "190", reason: domain.StatusRefused},
	{code: "102", reason: domain.StatusRefused},
	{code: "458-467", reason: domain.StatusRefused}, // subcodes of 190 that came as the code
	{code: "415", reason: domain.StatusTwoFactor, about: AboutGrant},
	{code: "100", says: wrongProof, reason: domain.StatusOtherApp, about: AboutGrant},

	{says: appOff, reason: domain.StatusAppBlocked, about: AboutApp},
	{code: "368", reason: domain.StatusBlocked, about: AboutAccount},

	{code: "4", reason: domain.StatusThrottled, about: AboutApp},
	{code: "17", reason: domain.StatusThrottled, about: AboutAccount},
	{code: "32", reason: domain.StatusThrottled, about: AboutAccount},
	{code: "341", reason: domain.StatusThrottled, about: AboutAccount},
	{code: "613", reason: domain.StatusThrottled, about: AboutAccount},
	{code: "80000-80099", reason: domain.StatusThrottled, about: AboutAccount},

	{code: "21", reason: domain.StatusMoved, about: AboutAccount},
	{code: "100", subcode: 21, reason: domain.StatusMoved, about: AboutAccount},
	{code: "100", subcode: 33, reason: domain.StatusNotFound},
	{code: "803", reason: domain.StatusNotFound},
	// 2635 and 2500 have been observed for an unknown version, 12 for what a version no longer has.
	// 2500 also means that no token was received, or that a path is unknown.
	{code: "2635", reason: domain.StatusVersion, about: AboutPlatform},
	{code: "2500", says: noToken, reason: domain.StatusUnknown},
	{code: "2500", place: placeAccount, reason: domain.StatusVersion, about: AboutPlatform},
	{code: "2500", reason: domain.StatusVersion},
	{code: "12", reason: domain.StatusVersion},
	{code: "100", says: unknownMetric, reason: domain.StatusUnsupportedMetric},
	{code: "100", says: unknownField, reason: domain.StatusInvalid},
	{code: "100", status: http.StatusInternalServerError, reason: domain.StatusInvalid},
	{code: "100", plain: true, place: placeAccount, reason: domain.StatusNotFound},
	{code: "100", reason: domain.StatusInvalid},
	{code: "3001", reason: domain.StatusInvalid}, // no metric was requested

	{code: "1", place: placeList, reason: domain.StatusTooLarge},
	{code: "2", subcode: 1504018, place: placeList, reason: domain.StatusTooLarge},
	{code: "1", reason: domain.StatusRetry},
	{code: "2", reason: domain.StatusRetry},
	{code: "3", reason: domain.StatusPermission},
	{code: "10", reason: domain.StatusPermission},
	{code: "200-299", reason: domain.StatusPermission},
	{status: http.StatusInternalServerError, place: placeList, reason: domain.StatusTooLarge},
}

// linkedInRules decide by the text in `code`, because the numeric codes are contradictory, and then
// by the status. A version that is not out yet is refused like one that has ended (202609 on
// 2026-09-13).
var linkedInRules = []rule{
	{code: "EXPIRED_ACCESS_TOKEN", reason: domain.StatusRefused},
	{code: "REVOKED_ACCESS_TOKEN", reason: domain.StatusRefused},
	{code: "INVALID_ACCESS_TOKEN", reason: domain.StatusRefused},
	{code: "VERSION_MISSING", reason: domain.StatusVersion, about: AboutPlatform},
	{code: "NONEXISTENT_VERSION", reason: domain.StatusVersion, about: AboutPlatform},
	{status: http.StatusUpgradeRequired, reason: domain.StatusVersion, about: AboutPlatform},
	{status: http.StatusTooManyRequests, says: memberQuota, reason: domain.StatusThrottled, about: AboutGrant},
	{status: http.StatusTooManyRequests, reason: domain.StatusThrottled, about: AboutApp},
	{code: "ACCESS_DENIED", reason: domain.StatusPermission},
	{status: http.StatusUnauthorized, reason: domain.StatusRefused},
	{status: http.StatusForbidden, reason: domain.StatusPermission},
	{status: http.StatusNotFound, reason: domain.StatusNotFound}, // also: a product was not granted
	{status: http.StatusBadRequest, reason: domain.StatusInvalid},
}

var tikTokRules = append([]rule{
	{code: "access_token_invalid", reason: domain.StatusRefused},
	{code: "access_token_expired", reason: domain.StatusRefused},
	{code: "scope_not_authorized", reason: domain.StatusPermission, about: AboutGrant},
	{code: "scope_permission_missed", reason: domain.StatusPermission, about: AboutGrant},
	{code: "rate_limit_exceeded", reason: domain.StatusThrottled, about: AboutApp},
	{code: "internal_error", reason: domain.StatusRetry},
	{code: "invalid_params", reason: domain.StatusInvalid},
}, oauthRules...)

// oauthRules are the error codes of RFC 6749 §4.1.2.1 and §5.2, which LinkedIn and TikTok use.
var oauthRules = []rule{
	{code: "invalid_grant", reason: domain.StatusRefused},
	{code: "access_denied", reason: domain.StatusRefused},
	{code: "invalid_client", reason: domain.StatusApp, about: AboutApp},
	{code: "unauthorized_client", reason: domain.StatusApp, about: AboutApp},
	{code: "invalid_scope", reason: domain.StatusApp, about: AboutApp},
	{code: "invalid_request", reason: domain.StatusInvalid},
	{code: "unsupported_grant_type", reason: domain.StatusInvalid},
	{code: "server_error", reason: domain.StatusRetry},
	{code: "temporarily_unavailable", reason: domain.StatusRetry},
}

// classified returns the error of an answer. If no rule applies and the status says nothing, the
// code is unknown: the platform's own words are shown, and nothing is inferred from them.
func classified(rules []rule, ans answer, code string, subcode int, message string) *Error {
	e := &Error{Code: code, Subcode: subcode, PlatformMessage: message, Reason: reasonOfStatus(ans.status)}
	for _, r := range rules {
		if r.applies(ans, e) {
			e.Reason, e.About = r.reason, r.about
			break
		}
	}
	return e
}

func (r rule) applies(ans answer, e *Error) bool {
	return (r.code == "" || codeWithin(r.code, e.Code)) &&
		(r.subcode == 0 || r.subcode == e.Subcode) && (!r.plain || e.Subcode == 0) &&
		(r.status == 0 || r.status == ans.status) && (r.place == "" || r.place == ans.place) &&
		(r.says == "" || r.says.in(e.PlatformMessage))
}

func codeWithin(codes, code string) bool {
	first, last, isRange := strings.Cut(codes, "-")
	if !isRange {
		return codes == code
	}
	low, _ := strconv.Atoi(first)
	high, _ := strconv.Atoi(last)
	n, err := strconv.Atoi(code)
	return err == nil && low <= n && n <= high
}

// reasonOfStatus returns the reason of an error whose code says nothing.
func reasonOfStatus(status int) domain.StatusCode {
	switch {
	case status == http.StatusTooManyRequests:
		return domain.StatusThrottled
	case status >= http.StatusInternalServerError:
		return domain.StatusRetry
	default:
		return domain.StatusUnknown
	}
}
