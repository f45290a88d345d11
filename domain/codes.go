package domain

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StatusCode is the reason for a status: why a connected account is not read, or why figures of a
// source are missing. Readers and programs decide by codes; [StatusText] has their texts.
type StatusCode string

// An account is not connected.
const (
	StatusErased         StatusCode = "erased"                   // the person who had connected it was erased
	StatusDeauthorized   StatusCode = "deauthorized"             // the person removed our app at the platform
	StatusDeletionAsked  StatusCode = "deletion_asked"           // the person asked the platform to delete their data
	StatusEndedByAgency  StatusCode = "disconnected_by_agency"   // the agency disconnected it
	StatusEndedByClient  StatusCode = "disconnected_by_client"   // a client user, or the holder of a link, disconnected it
	StatusEndedInMainApp StatusCode = "disconnected_in_main_app" // the main application does not have it as connected
	StatusMovedAway      StatusCode = "moved_away"               // it was connected for another account
)

// An account is not read until a person signs in at the platform.
const (
	StatusRefused      StatusCode = "refused"       // the platform does not accept the token
	StatusExpired      StatusCode = "expired"       // the token has expired and cannot be renewed
	StatusRenewalLost  StatusCode = "renewal_lost"  // the token was renewed, and the new token was lost before it was stored, unless a newer one is stored by now
	StatusRoleLost     StatusCode = "role_lost"     // the person no longer has a role on the page
	StatusNoToken      StatusCode = "no_token"      // no token is stored
	StatusBrokenToken  StatusCode = "broken_token"  // the stored token cannot be sent
	StatusWrongAccount StatusCode = "wrong_account" // the token belongs to another account
	StatusLeftOut      StatusCode = "left_out"      // the person signed in again and did not select it
	StatusDeclined     StatusCode = "declined"      // the person did not select it again, or declined permissions
)

// An account is not read at the moment.
const (
	StatusConnectionPaused StatusCode = "connection_paused" // an operator has paused the connection
	StatusPlatformPaused   StatusCode = "platform_paused"   // an operator has paused the platform
	StatusFiguresPaused    StatusCode = "figures_paused"    // an operator has paused the processing of figures
	StatusUnsubscribed     StatusCode = "unsubscribed"      // no subscription is active
	StatusNotReadYet       StatusCode = "not_read_yet"      // its first reading is pending
)

// A reading, or a part of it, failed. These are also what people must do about an error of a
// platform (see package platforms).
const (
	StatusPermission        StatusCode = "permission"         // a permission is missing
	StatusTwoFactor         StatusCode = "two_factor"         // the platform requires two-factor authentication
	StatusOtherApp          StatusCode = "other_app"          // the token is not that of the app with our secret
	StatusThrottled         StatusCode = "throttled"          // the platform limits requests
	StatusOwnQuota          StatusCode = "own_quota"          // the configured budget is used up, not the platform's
	StatusRetry             StatusCode = "retry"              // a temporary error
	StatusPostsFailed       StatusCode = "posts_failed"       // some posts could not be read; the others were
	StatusTooLarge          StatusCode = "too_large"          // a list of posts was too large for one answer
	StatusLasting           StatusCode = "lasting"            // a temporary error that lasts, or while other calls work
	StatusNewToken          StatusCode = "new_token"          // the platform does not know the new sign-in yet
	StatusNotFound          StatusCode = "not_found"          // the platform does not find it, or hides it
	StatusMoved             StatusCode = "moved"              // the page was merged or has a new ID
	StatusBlocked           StatusCode = "blocked"            // the platform blocked access because of its policies
	StatusAppBlocked        StatusCode = "app_blocked"        // the platform switched off our app
	StatusApp               StatusCode = "app"                // the platform does not accept our app's ID, secret or scopes
	StatusVersion           StatusCode = "version"            // the platform no longer supports the version that we use
	StatusNoData            StatusCode = "no_data"            // the platform has no such figures
	StatusUnsupportedMetric StatusCode = "unsupported_metric" // the platform does not report the figure
	StatusInvalid           StatusCode = "invalid"            // our request or configuration is wrong
	StatusUnknown           StatusCode = "unknown"            // the platform refused with a code that we do not know
	StatusInternal          StatusCode = "internal"           // an error of this service
)

// Figures of a response are missing. Why a reading lacks a metric is a code of a failure with the
// metric as its parameter.
const (
	StatusReadingsErased  StatusCode = "readings_erased"    // readings before a time were erased
	StatusLeftAccount     StatusCode = "left_account"       // the account belongs to another account now
	StatusLeftMember      StatusCode = "left_member"        // the account belongs to another member now
	StatusConnectedLater  StatusCode = "connected_later"    // the account was connected after the range
	StatusPostsNotReadYet StatusCode = "posts_not_read_yet" // the first reading of its posts is pending
	StatusNotSubscribed   StatusCode = "not_subscribed"     // no subscription was active in the range
	StatusRangeNotBegun   StatusCode = "range_not_begun"    // the range is in the future
	StatusNothingRead     StatusCode = "nothing_read"       // nothing was read in the range
	StatusNoDayBegins     StatusCode = "no_day_begins"      // platforms do not divide days, and none begins in the range
	StatusNoDayOver       StatusCode = "no_day_over"        // no day of the range has ended yet
	StatusDaysMissing     StatusCode = "days_missing"       // some days that have ended were not read
	StatusDayMissing      StatusCode = "day_missing"        // the only day that has ended was not read
	StatusFirstReading    StatusCode = "first_reading"      // a counter was first read in the range
	StatusLongGap         StatusCode = "long_gap"           // a counter was not read for more than 35 days
	StatusNoGain          StatusCode = "no_gain"            // no post has two readings of the metric in the range
	StatusNoPostsKnown    StatusCode = "no_posts_known"     // no published posts are known in the range
	StatusOnlyPostsRead   StatusCode = "only_posts_read"    // a permission for the account is missing
	StatusPostsNotRead    StatusCode = "posts_not_read"     // a permission for its posts is missing
)

// StatusReason is one reason for a status: its code, and the parameters of the code's text. Each
// code uses only some parameters.
type StatusReason struct {
	Code   StatusCode `json:"code"`             // the reason
	Metric string     `json:"metric,omitempty"` // the metric that the reason is about
	// Figures says whose metric it is: "account" or "posts".
	Figures Figures `json:"figures,omitempty"`
	// Scopes are the missing permissions; absent if they are unknown.
	Scopes []string `json:"scopes,omitempty"`
	// Days is the number of days that were read; absent if it is 0.
	Days int `json:"days,omitempty"`
	// Posts is the number of posts that the reason is about.
	Posts int `json:"posts,omitempty"`
	// Of is the number of days of the range that have ended, or of all posts.
	Of int `json:"of,omitempty"`
	// Day is the day that was not read, of the first reading, or of the reading after a gap,
	// YYYY-MM-DD.
	Day string `json:"day,omitempty"`
	// Since is the day of the reading before a gap, YYYY-MM-DD.
	Since string `json:"since,omitempty"`
	// At is the time that the reason is about, in UTC.
	At *time.Time `json:"at,omitempty"`
	// Answer identifies the platform's answer; absent if no answer was the reason.
	Answer *PlatformAnswer `json:"platform,omitempty"`
}

// HasCode reports whether a code is among reasons.
func HasCode(reasons []StatusReason, code StatusCode) bool {
	return slices.ContainsFunc(reasons, func(r StatusReason) bool { return r.Code == code })
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{0,64}$`)

// checkCode accepts unknown codes, which may be those of a newer program, and no sentences.
func checkCode(code string) error {
	if !codeForm.MatchString(code) {
		return fmt.Errorf("%.70q is not a code: use 64 characters of A-Z, a-z, 0-9 and _ . : -", code)
	}
	return nil
}

// PlatformAnswer identifies the answer with which a platform refused a call. It has no text,
// because a platform's text may name people.
type PlatformAnswer struct {
	Call    string `json:"call,omitempty"`    // our name of the call, such as page_insights
	Code    string `json:"code,omitempty"`    // the platform's code, or ours if there was no answer, such as timeout
	Subcode int    `json:"subcode,omitempty"` // Meta's error_subcode, or LinkedIn's serviceErrorCode
	Status  int    `json:"status,omitempty"`  // HTTP status; absent without an answer
}

// checkAnswer accepts nil.
func checkAnswer(a *PlatformAnswer) error {
	if a == nil {
		return nil
	}
	return cmp.Or(checkCode(a.Call), checkCode(a.Code))
}

// String returns the call, the HTTP status and the code, such as "page_insights, HTTP 400, code
// 190/463".
func (p PlatformAnswer) String() string {
	var parts []string
	if p.Call != "" {
		parts = append(parts, p.Call)
	}
	if p.Status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(p.Status))
	}
	if code := p.Code; code != "" || p.Subcode != 0 {
		if p.Subcode != 0 {
			code += "/" + strconv.Itoa(p.Subcode)
		}
		parts = append(parts, "code "+code)
	}
	return strings.Join(parts, ", ")
}

// AnswersOf identifies the platforms' answers in reasons, for people who look for the cause; "" for
// reasons without an answer.
func AnswersOf(reasons []StatusReason) string {
	var answers []string
	for _, r := range reasons {
		if r.Answer != nil {
			answers = append(answers, r.Answer.String())
		}
	}
	return strings.Join(answers, "; ")
}

// StatusNouns are the nouns in the texts of reasons that depend on where a text is shown.
type StatusNouns struct {
	Platform Platform // "{platform}"
	Range    string   // "{range}"; "" is "this range"
}

// fill replaces the placeholders of a text, except that of the metrics, by the parameters of a
// reason and the nouns.
func (s StatusNouns) fill(text string, r StatusReason) string {
	at, within := "", cmp.Or(s.Range, "this range")
	if r.At != nil {
		at = r.At.UTC().Format("2 Jan 2006, 15:04:05 UTC")
	}
	return strings.NewReplacer("{platform}", s.Platform.Title(), "{range}", within, "{days}", strconv.Itoa(r.Days),
		"{posts}", strconv.Itoa(r.Posts), "{of}", strconv.Itoa(r.Of), "{day}", r.Day, "{since}", r.Since, "{at}", at).
		Replace(text)
}

// metricName returns the name of the metric in texts.
func (s StatusReason) metricName() string {
	switch {
	case s.Metric == MetricViews && s.Figures == FiguresOfAccount:
		return "page views"
	case s.Metric == MetricViews:
		return "video views"
	default:
		return s.Metric
	}
}

// TextOf returns the texts of reasons, in the words for one kind of reader, such as [APIText].
// Reasons that differ only in their metric have one text. It is empty without reasons.
func TextOf(reasons []StatusReason, words func(StatusCode) string, n StatusNouns) string {
	var texts []string
	metrics := map[string][]string{} // by text
	for _, r := range reasons {
		text, metric := words(r.Code), r.metricName()
		if r.Metric != "" {
			text = cmp.Or(statusTexts[r.Code].Lacks, text)
		}
		text = n.fill(text, r)
		if text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		if !slices.Contains(metrics[text], metric) {
			metrics[text] = append(metrics[text], metric)
		}
	}
	for i, text := range texts {
		texts[i] = strings.ReplaceAll(text, "{metrics}", joinNames(metrics[text]))
	}
	return strings.Join(texts, " ")
}

// joinNames lists names in a sentence: "a, b and c".
func joinNames(names []string) string {
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}
