package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// RecordedAction is an action of an operator, or a refused or failed attempt.
type RecordedAction struct {
	ID    string    `json:"id"`    // id of the record that announced the action
	Time  time.Time `json:"time"`  // time of that record, UTC
	Actor string    `json:"actor"` // id of the user; `system:operator` for the command line
	domain.LocalOperator
	Role      string                `json:"role"`            // role that allowed the action
	RequestID domain.OptionalText   `json:"request_id"`      // id of the request; null on the command line
	Action    domain.OperatorAction `json:"action"`          // type of action
	Target    domain.OperatorTarget `json:"target"`          // what the action changes
	Reason    domain.Reason         `json:"reason,omitzero"` // reason given by the operator; absent for an import
	// Outcome is "done", "refused" (nothing was done), "failed" (the action ended with an error and
	// may have been done in part or completely) or "unknown" (in progress, or its process exited
	// before recording the outcome).
	Outcome domain.OperatorOutcome `json:"outcome"`
	// When it ended, UTC. Absent while the outcome is unknown.
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
	Code       domain.Code `json:"code,omitempty"`    // error code, if refused or failed
	Stopped    bool        `json:"stopped,omitempty"` // whether the stream has stopped again
	Rebuild    string      `json:"rebuild,omitempty"` // id of the requested generation
	// RebuildState is the current state of that generation; absent if it was replaced or is no
	// longer known.
	RebuildState State `json:"rebuild_state,omitempty"`
	// Erasure is the order for the erasure; absent for other actions, and if the erasure was
	// repeated after a restore.
	Erasure *domain.ErasureOrder `json:"erasure,omitempty"`
	Import  *domain.DataImported `json:"import,omitempty"` // what an import was about to append; absent for other actions
}

// Erasure is what an erasure of a person erases, or has erased.
type Erasure struct {
	domain.PersonErased

	ParentAccount string `json:"parent_account"` // the agency
	Secrets       int    `json:"secrets"`        // number of stored secrets to delete
	// Shared lists connections that are kept, because pages of other members are read with them.
	Shared      []int64 `json:"connections_kept,omitempty"`
	KeptSecrets int     `json:"secrets_kept,omitempty"` // number of secrets that are kept likewise
	Erased      bool    `json:"erased"`                 // false in a preview
	// Before is true if the log records an earlier erasure: only data that remained or arrived late is
	// erased.
	Before bool `json:"erased_before,omitempty"`
}

// OutcomeUnknown is the outcome of an action without an outcome in the log.
const OutcomeUnknown domain.OperatorOutcome = "unknown"

// Because describes the reason for the action.
func (r RecordedAction) Because() string {
	if r.Role == "agency" {
		return "by the agency itself"
	}
	return ReasonWords(r.Reason)
}

// ReasonWords formats an operator's reason for people.
func ReasonWords(r domain.Reason) string {
	return strings.TrimSuffix(strings.ReplaceAll(string(r.Code), "_", " ")+", "+r.Ticket, ", ")
}

// On describes the target. The functions return the names of platforms and connections. The result
// contains no names of people, because operators must not see them.
func (r RecordedAction) On(platform func(domain.Platform) string, connection func(int64) string) string {
	var words []string
	say := func(given bool, format string, args ...any) {
		if given {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	t := r.Target
	if p := t.Position; p != nil {
		say(true, "%s-%d-%d", t.Projection, p.Partition, p.Offset)
	} else {
		say(t.Projection != "", "%s", t.Projection)
	}
	say(t.Generation != 0, "generation %d", t.Generation)
	if t.Connection != 0 {
		say(true, "connection %s", connection(t.Connection))
	} else if t.Platform != 0 {
		say(true, "%s", platform(t.Platform))
	}
	say(t.User != "", "user %s", t.User)
	say(t.Member != 0, "member %d", t.Member)
	say(t.Import != "", "import %s", t.Import)
	if t.Until != nil {
		say(true, "until %s", t.Until.UTC().Format(time.RFC3339))
	}
	if r.Import != nil {
		for _, file := range r.Import.Files {
			say(true, "%s", file.Name)
		}
	}
	return strings.Join(words, ", ")
}

// Came describes the result in addition to the outcome, such as the current state of a rebuild, and
// the order of an erasure.
func (r RecordedAction) Came() string {
	var words []string
	switch {
	case r.RebuildState == "" || r.Action == domain.ActionRebuildCanceled:
	case r.RebuildState == StateDropped:
		words = append(words, "rebuild: canceled")
	default:
		words = append(words, "rebuild: "+strings.ReplaceAll(string(r.RebuildState), "_", " "))
	}
	if r.Import != nil && r.Import.Refused > 0 {
		words = append(words, fmt.Sprintf("rows left out: %d", r.Import.Refused))
	}
	if e := r.Erasure; e != nil {
		words = append(words, "ordered by "+e.By, strings.ReplaceAll(e.Ground, "_", " "), "due "+e.Due)
	}
	if r.Stopped {
		words = append(words, "the stream has stopped again")
	}
	return strings.Join(words, ", ")
}
