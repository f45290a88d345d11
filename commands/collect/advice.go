package collect

import (
	"errors"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// maxReason bounds a failure's own text, in bytes.
const maxReason = 500

var advice = map[platforms.Class]string{
	platforms.ClassReconnect: "Connect the account again: a person must sign in at the platform.",
	platforms.ClassPermission: "Connect the account again and grant all permissions that are asked for; the person must be " +
		"an administrator of the page.",
	platforms.ClassThrottled: "Nothing need be done: it is read again when the quota has room. If that is often, set in LEDGERBOARD_QUOTAS " +
		"what the page of your app at the platform says, ask for more there, or read less often.",
	platforms.ClassRetry:    "Nothing need be done: it is tried again by itself.",
	platforms.ClassNotFound: "Look whether the page or profile still exists; if not, disconnect it.",
	platforms.ClassBlocked:  "The platform has blocked this for a breach of its policy: look into its own notices.",
	platforms.ClassInvalid: "This is a fault of the configuration or of this program: look at the settings of the " +
		"platform's address, version and client.",
}

// classOf names a failure for metrics and for who looks at a connection.
func classOf(err error) string {
	if class := platforms.ClassOf(err); class != "" {
		return string(class)
	}
	if errors.Is(err, errNoToken) {
		return string(platforms.ClassReconnect)
	}
	return "internal"
}

// wordsOf are the platform's own about a failure, as they may be stored.
func wordsOf(err error) string { return domain.Storable(platforms.Words(err), maxReason) }

// reasonFor is what a person reads about a connection: what was wrong, then what to do. It ends in the log of events, so it
// has the platform's code and never its words.
func reasonFor(err error) string {
	text := domain.Storable(err.Error(), maxReason)
	if advice := Advice(err); advice != "" {
		return strings.TrimSuffix(text, ".") + ". " + advice
	}
	return text
}

// Advice says what to do about a failure to read a connection; "" when nothing need be done.
func Advice(err error) string {
	if platforms.ClassOf(err) == platforms.ClassThrottled && !platforms.Refused(err) {
		return "Nothing need be done now: it is read again when the platform lets it. If that is often, its quota is smaller than LEDGERBOARD_QUOTAS says, or other " +
			"programs use it too: set what is left for this one, so that readings are spread over the day."
	}
	return advice[platforms.ClassOf(err)]
}
