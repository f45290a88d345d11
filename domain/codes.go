package domain

import (
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
	StatusRoleLost     StatusCode = "role_lost"     // the person no longer has a role on the page
	StatusNoToken      StatusCode = "no_token"      // no token is stored
	StatusBrokenToken  StatusCode = "broken_token"  // the stored token cannot be sent
	StatusWrongAccount StatusCode = "wrong_account" // the token belongs to another account
	StatusLeftOut      StatusCode = "left_out"      // the person signed in again and did not select it
	StatusDeclined     StatusCode = "declined"      // the person signed in again and did not select it, or declined permissions
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

// StatusReason is one reason for a status: its code, and the parameters of the code's text. Each
// code uses only some parameters.
type StatusReason struct {
	Code   StatusCode `json:"code"`             // the reason
	Metric string     `json:"metric,omitempty"` // the metric that the reason is about
	// Days is the number of days that were read.
	Days int `json:"days,omitempty"`
	// Of is the number of days that could have been read.
	Of int `json:"of,omitempty"`
	// Day is the day that was not read, YYYY-MM-DD.
	Day string `json:"day,omitempty"`
	// At is the time that the reason is about, in UTC.
	At *time.Time `json:"at,omitempty"`
	// Answer identifies the platform's answer; absent if no answer was the reason.
	Answer *PlatformAnswer `json:"platform,omitempty"`
}

// PlatformAnswer identifies the answer with which a platform refused a call. It has no text,
// because a platform's text may name people.
type PlatformAnswer struct {
	Call    string `json:"call,omitempty"`    // our name of the call, such as page_insights
	Code    string `json:"code,omitempty"`    // the platform's code, or ours if there was no answer, such as timeout
	Subcode int    `json:"subcode,omitempty"` // Meta's error_subcode, or LinkedIn's serviceErrorCode
	Status  int    `json:"status,omitempty"`  // HTTP status; absent without an answer
}

// String returns the call, the HTTP status and the code, such as "page_insights, HTTP 400, code
// 190/463".
func (a PlatformAnswer) String() string {
	var parts []string
	if a.Call != "" {
		parts = append(parts, a.Call)
	}
	if a.Status != 0 {
		parts = append(parts, "HTTP "+strconv.Itoa(a.Status))
	}
	if code := a.Code; code != "" || a.Subcode != 0 {
		if a.Subcode != 0 {
			code += "/" + strconv.Itoa(a.Subcode)
		}
		parts = append(parts, "code "+code)
	}
	return strings.Join(parts, ", ")
}

// StatusNouns are the nouns in the texts of reasons that depend on where a text is shown.
type StatusNouns struct {
	Platform Platform                   // "{platform}"
	Range    string                     // "{range}"; "" is "this range"
	Metric   func(metric string) string // "{metric}"; nil: the metric's own name
}

// fill replaces the placeholders of a text by the parameters of a reason and the nouns.
func (n StatusNouns) fill(text string, r StatusReason) string {
	metric, at, within := r.Metric, "", "this range"
	if n.Metric != nil {
		metric = n.Metric(metric)
	}
	if n.Range != "" {
		within = n.Range
	}
	if r.At != nil {
		at = r.At.UTC().Format("2 Jan 2006, 15:04:05 UTC")
	}
	return strings.NewReplacer("{platform}", n.Platform.Title(), "{range}", within, "{metric}", metric,
		"{days}", strconv.Itoa(r.Days), "{of}", strconv.Itoa(r.Of), "{day}", r.Day, "{at}", at).Replace(text)
}

// Text returns the text of a reason, in the words for one kind of reader, such as [APIText].
func (r StatusReason) Text(words func(StatusCode) string, n StatusNouns) string {
	return n.fill(words(r.Code), r)
}

// TextOf returns the texts of reasons, like [StatusReason.Text]. It is empty without reasons.
func TextOf(reasons []StatusReason, words func(StatusCode) string, n StatusNouns) string {
	texts := make([]string, 0, len(reasons))
	for _, r := range reasons {
		if text := r.Text(words, n); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
