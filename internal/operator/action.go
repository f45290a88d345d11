package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Action is what an operator did, or tried to do.
type Action struct {
	ID        string                `json:"id"`         // of the record that announced it
	Time      time.Time             `json:"time"`       // of that record, UTC
	Actor     string                `json:"actor"`      // id of the user; system:operator is the command line
	Role      string                `json:"role"`       // under which it was allowed
	RequestID string                `json:"request_id"` // of the request; empty on the command line
	Action    domain.OperatorAction `json:"action"`     // what was to be done
	Target    domain.OperatorTarget `json:"target"`     // on what
	Reason    domain.Reason         `json:"reason"`     // why
	// Outcome is done, refused (nothing was done), failed (it ended with an error: nothing, a part or all of it may have been
	// done) or unknown: it is under way, or its process ended before it could tell.
	Outcome    domain.OperatorOutcome `json:"outcome"`
	FinishedAt *time.Time             `json:"finished_at,omitempty"` // absent while the outcome is unknown
	Code       domain.Code            `json:"code,omitempty"`        // refused or failed: the class of why
	Why        string                 `json:"why,omitempty"`         // refused: what the operator was told
	Count      int                    `json:"count,omitempty"`       // parked events that were folded
	Left       int                    `json:"left,omitempty"`        // parked events that were tried in vain
	Rebuild    string                 `json:"rebuild,omitempty"`     // id of the rebuild that was taken on
	// RebuildState is how far that rebuild is now; absent when it is not known any more.
	RebuildState RebuildState `json:"rebuild_state,omitempty"`
}

// OutcomeUnknown is that of an action of which no outcome is in the log.
const OutcomeUnknown domain.OperatorOutcome = "unknown"

// Because says in words why somebody acted.
func (a Action) Because() string {
	if a.Role == "agency" {
		return "by the agency itself"
	}
	return ReasonWords(a.Reason.String())
}

// ReasonWords writes a reason, which is CODE or CODE:TICKET, as people do.
func ReasonWords(reason string) string {
	code, ticket, _ := strings.Cut(reason, ":")
	return strings.TrimSuffix(strings.ReplaceAll(code, "_", " ")+", "+ticket, ", ")
}

// On names what it was on. It names no person: operators see no such names. The functions name platforms and connections.
func (a Action) On(platform func(domain.Platform) string, connection func(int64) string) string {
	var words []string
	say := func(given bool, format string, args ...any) {
		if given {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	t := a.Target
	if p := t.Position; p != nil {
		say(true, "%s-%d-%d", t.Projection, p.Partition, p.Offset)
	} else {
		say(t.Projection != "", "%s", t.Projection)
	}
	say(t.Generation != 0, "generation %d", t.Generation)
	say(t.Count > 1, "%d events", t.Count)
	if t.Connection != 0 {
		say(true, "connection %s", connection(t.Connection))
	} else if t.Platform != 0 {
		say(true, "%s", platform(t.Platform))
	}
	say(t.User != "", "user %s", t.User)
	say(t.Member != 0, "member %d", t.Member)
	if t.Until != nil {
		say(true, "until %s", t.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

// Came says what came of it beside its outcome; of a rebuild how far that is now.
func (a Action) Came() string {
	var words []string
	what := "by now the rebuild is "
	if a.Action == domain.ActionGenerationSwitchedBack {
		what = "by now the way back is "
	}
	if a.RebuildState != "" && a.Action != domain.ActionRebuildCancelled {
		words = append(words, what+strings.ReplaceAll(string(a.RebuildState), "_", " "))
	}
	if a.Count+a.Left > 0 {
		words = append(words, ParkedEvents(a.Count)+" done")
	}
	if a.Left > 0 {
		words = append(words, fmt.Sprintf("%d left", a.Left))
	}
	return strings.Join(words, ", ")
}
