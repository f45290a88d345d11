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
	appOff:        {"API access blocked"},
	wrongProof:    {"appsecret_proof"},
	// A wrong secret has been reported with the error codes 1, 100 and 400.
	appSettings:   {"client secret", "redirect_uri", "platform app", "validating application"},
	memberQuota:   {"MEMBER"},
	resourceQuota: {"Resource level"},
}

func (p phrase) in(message string) bool {
	return slices.ContainsFunc(phrases[p], func(part string) bool { return strings.Contains(message, part) })
}

// rule gives the class of an error. Empty conditions apply to every error; the first rule that
// applies decides.
type rule struct {
	code    string // one code, or a range such as "200-299"
	subcode int
	plain   bool // there is no subcode
	status  int
	place   place
	says    phrase

	class   Class
	about   About // "": that which the call asked about
	problem domain.StatusCode
}

// graphRules apply to Facebook and Instagram. An error with HTTP 500 and code 100 is a wrong
// request, not an outage.
var graphRules = []rule{
	{subcode: 2108006, class: ClassNoData}, // posted before the account became a business account
	{code: "10", says: fewViewers, class: ClassNoData},

	{code: "190", plain: true, says: roleLost, class: ClassReconnect, problem: domain.StatusRoleLost},
	{code: "190", class: ClassReconnect},
	{code: "102", class: ClassReconnect},
	{code: "458-467", class: ClassReconnect}, // subcodes of 190 that came as the code
	{code: "415", class: ClassPermission, about: AboutGrant, problem: domain.StatusTwoFactor},
	{code: "100", says: wrongProof, class: ClassPermission, about: AboutGrant, problem: domain.StatusOtherApp},

	{says: appOff, class: ClassBlocked, about: AboutApp, problem: domain.StatusAppBlocked},
	{code: "368", class: ClassBlocked, about: AboutAccount},

	{code: "4", class: ClassThrottled, about: AboutApp},
	{code: "17", class: ClassThrottled, about: AboutAccount},
	{code: "32", class: ClassThrottled, about: AboutAccount},
	{code: "341", class: ClassThrottled, about: AboutAccount},
	{code: "613", class: ClassThrottled, about: AboutAccount},
	{code: "80000-80099", class: ClassThrottled, about: AboutAccount},

	{code: "21", class: ClassNotFound, about: AboutAccount, problem: domain.StatusMoved},
	{code: "100", subcode: 21, class: ClassNotFound, about: AboutAccount, problem: domain.StatusMoved},
	{code: "100", subcode: 33, class: ClassNotFound},
	{code: "803", class: ClassNotFound},
	{code: "100", says: unknownMetric, class: ClassUnsupportedMetric},
	{code: "100", says: unknownField, class: ClassInvalid},
	{code: "100", status: http.StatusInternalServerError, class: ClassInvalid},
	{code: "100", plain: true, place: placeAccount, class: ClassNotFound},
	{code: "100", class: ClassInvalid},
	{code: "3001", class: ClassInvalid}, // no metric was requested

	{code: "1", place: placeList, class: ClassRetry, problem: domain.StatusTooLarge},
	{code: "2", subcode: 1504018, place: placeList, class: ClassRetry, problem: domain.StatusTooLarge},
	{code: "1", class: ClassRetry},
	{code: "2", class: ClassRetry},
	{code: "3", class: ClassPermission},
	{code: "10", class: ClassPermission},
	{code: "200-299", class: ClassPermission},
	{status: http.StatusInternalServerError, place: placeList, class: ClassRetry, problem: domain.StatusTooLarge},
}

// linkedInRules decide by the text in `code`, because the numeric codes are contradictory, and then
// by the status.
var linkedInRules = []rule{
	{code: "EXPIRED_ACCESS_TOKEN", class: ClassReconnect},
	{code: "REVOKED_ACCESS_TOKEN", class: ClassReconnect},
	{code: "INVALID_ACCESS_TOKEN", class: ClassReconnect},
	{code: "VERSION_MISSING", class: ClassInvalid, about: AboutPlatform, problem: domain.StatusVersion},
	{code: "NONEXISTENT_VERSION", class: ClassInvalid, about: AboutPlatform, problem: domain.StatusVersion},
	{status: http.StatusUpgradeRequired, class: ClassInvalid, about: AboutPlatform, problem: domain.StatusVersion},
	{status: http.StatusTooManyRequests, says: memberQuota, class: ClassThrottled, about: AboutGrant},
	{status: http.StatusTooManyRequests, class: ClassThrottled, about: AboutApp},
	{code: "ACCESS_DENIED", class: ClassPermission},
	{status: http.StatusUnauthorized, class: ClassReconnect},
	{status: http.StatusForbidden, class: ClassPermission},
	{status: http.StatusNotFound, class: ClassNotFound}, // also: a product was not granted
	{status: http.StatusBadRequest, class: ClassInvalid},
}

var tikTokRules = append([]rule{
	{code: "access_token_invalid", class: ClassReconnect},
	{code: "access_token_expired", class: ClassReconnect},
	{code: "scope_not_authorized", class: ClassPermission, about: AboutGrant},
	{code: "scope_permission_missed", class: ClassPermission, about: AboutGrant},
	{code: "rate_limit_exceeded", class: ClassThrottled, about: AboutApp},
	{code: "internal_error", class: ClassRetry},
	{code: "invalid_params", class: ClassInvalid},
}, oauthRules...)

// oauthRules are the error codes of RFC 6749 §4.1.2.1 and §5.2, which LinkedIn and TikTok use.
var oauthRules = []rule{
	{code: "invalid_grant", class: ClassReconnect},
	{code: "access_denied", class: ClassReconnect},
	{code: "invalid_client", class: ClassInvalid, about: AboutApp, problem: domain.StatusApp},
	{code: "unauthorized_client", class: ClassInvalid, about: AboutApp, problem: domain.StatusApp},
	{code: "invalid_scope", class: ClassInvalid, about: AboutApp, problem: domain.StatusApp},
	{code: "invalid_request", class: ClassInvalid},
	{code: "unsupported_grant_type", class: ClassInvalid},
	{code: "server_error", class: ClassRetry},
	{code: "temporarily_unavailable", class: ClassRetry},
}

// classified returns the error of an answer. If no rule applies and the status says nothing, the
// code is unknown: the platform's own words are shown, and nothing is inferred from them.
func classified(rules []rule, ans answer, code string, subcode int, message string) *Error {
	e := &Error{Code: code, Subcode: subcode, PlatformMessage: message, Class: statusClass(ans.status)}
	for _, r := range rules {
		if r.applies(ans, e) {
			e.Class, e.About, e.Problem = r.class, r.about, r.problem
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

// statusClass returns the class of an error whose code says nothing.
func statusClass(status int) Class {
	switch {
	case status == http.StatusTooManyRequests:
		return ClassThrottled
	case status >= http.StatusInternalServerError:
		return ClassRetry
	default:
		return ClassUnknown
	}
}
