package domain

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// OperatorOutcome is what came of an operator's action.
type OperatorOutcome string

// The outcomes of an action. Without one in the log the action is under way, or its process ended before it could tell:
// nobody knows then whether it was done.
const (
	OutcomeDone    OperatorOutcome = "done"    // what was asked for is done, or, of a rebuild, taken on
	OutcomeRefused OperatorOutcome = "refused" // nothing was done
	OutcomeFailed  OperatorOutcome = "failed"  // it ended with an error: nothing, a part or all of it may have been done
)

// OperatorFinished says what came of an action that [OperatorActed] announced. It is appended behind it under the same key.
type OperatorFinished struct {
	Of      string          `json:"of"`                // id of the event that announced it
	Action  OperatorAction  `json:"action"`            // as announced
	Outcome OperatorOutcome `json:"outcome"`           // one of the Outcome… constants
	Code    Code            `json:"code,omitempty"`    // refused or failed: the class of why
	Why     string          `json:"why,omitempty"`     // refused: the sentence that the operator was told; never what an operator wrote
	Rebuild string          `json:"rebuild,omitempty"` // id of the rebuild that was taken on; how that ended it tells itself
	Count   int             `json:"count,omitempty"`   // parked records that were folded
	Left    int             `json:"left,omitempty"`    // parked records that were tried in vain
}

// EventType implements [Data].
func (OperatorFinished) EventType() string { return "operations.operator_finished.v1" }

// MaxWhy is the length of [OperatorFinished].Why in characters.
const MaxWhy = 300

// Validate checks what a reader of the trail relies on.
func (e OperatorFinished) Validate() error {
	outcomes := []OperatorOutcome{OutcomeDone, OutcomeRefused, OutcomeFailed}
	switch _, known := targetRules[e.Action]; {
	case !known:
		return fmt.Errorf("action %.40q is none", string(e.Action))
	case !targetName.MatchString(e.Of):
		return fmt.Errorf("%.70q is no id of an event", e.Of)
	case !slices.Contains(outcomes, e.Outcome):
		return fmt.Errorf("outcome %.40q is not one of %v", string(e.Outcome), outcomes)
	case (e.Outcome == OutcomeDone) != (e.Code == ""):
		return fmt.Errorf("outcome %s does not go with code %.40q", e.Outcome, string(e.Code))
	case utf8.RuneCountInString(e.Why) > MaxWhy:
		return fmt.Errorf("why has more than %d characters", MaxWhy)
	case e.Rebuild != "" && !targetName.MatchString(e.Rebuild):
		return fmt.Errorf("%.70q is no id of a rebuild", e.Rebuild)
	case e.Count < 0 || e.Left < 0:
		return fmt.Errorf("the number %d is negative", min(e.Count, e.Left))
	}
	return nil
}
