package operator

import (
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
