package domain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OperatorAction names what an operator did. Values are only ever added.
type OperatorAction string

// The actions of operators.
const (
	ActionProjectionPaused       OperatorAction = "projection.paused"
	ActionProjectionResumed      OperatorAction = "projection.resumed"
	ActionPlatformPaused         OperatorAction = "platform.paused" // its fetching
	ActionPlatformResumed        OperatorAction = "platform.resumed"
	ActionConnectionPaused       OperatorAction = "connection.paused" // the reading of its accounts
	ActionConnectionResumed      OperatorAction = "connection.resumed"
	ActionConnectionRead         OperatorAction = "connection.read" // its accounts were made due
	ActionRebuildRequested       OperatorAction = "rebuild.requested"
	ActionRebuildCancelled       OperatorAction = "rebuild.cancelled"
	ActionGenerationPrepared     OperatorAction = "generation.prepared"
	ActionGenerationSwitched     OperatorAction = "generation.switched"
	ActionGenerationSwitchedBack OperatorAction = "generation.switched_back"
	ActionParkedInspected        OperatorAction = "parked.inspected" // its payload was shown
	ActionParkedRetried          OperatorAction = "parked.retried"
	ActionParkedSkipped          OperatorAction = "parked.skipped"
	ActionPersonExported         OperatorAction = "person.exported"   // all that is known of it, into a file
	ActionSignInLinkMade         OperatorAction = "sign_in_link.made" // that signs a user in to the console once; by an agency, too
	ActionSignInUnlinked         OperatorAction = "sign_in.unlinked"  // from the identity provider's person; the next sign-in links it anew
	ActionLogRestored            OperatorAction = "log.restored"      // from a backup, of what was recorded up to then; what lies before this record is the backup's
)

// OperatorActed says that an operator is about to act, on what, and why. Who, in which role and by which
// request stands in the envelope. It is appended on `operations` under [OperationsKeyAll] before anything is
// done, so the action itself may be missing, its record never; [OperatorFinished] says what came of it. No free
// text: it would stay for ever.
type OperatorActed struct {
	Action OperatorAction `json:"action"`
	Target OperatorTarget `json:"target"`
	Reason Reason         `json:"reason"`
}

// OperatorTarget names what an action is on. Each action has its own set of these; what is absent does not
// concern it.
type OperatorTarget struct {
	Projection string     `json:"projection,omitempty"`    // its name
	Generation int        `json:"generation,omitempty"`    // from 1
	Rebuild    string     `json:"rebuild,omitempty"`       // its id
	Until      *time.Time `json:"until,omitempty"`         // the backup stands for what was recorded up to then
	Platform   Platform   `json:"p_id,omitempty"`          // whose reading it is
	Connection int64      `json:"connection_id,omitempty"` // whose accounts are read
	Position   *Position  `json:"position,omitempty"`      // of a parked record, the first of several
	Count      int        `json:"count,omitempty"`         // parked records that the preview showed
	User       string     `json:"user,omitempty"`          // the person's
	Member     int64      `json:"member_id,omitempty"`     // the person's, who is no user
}

// EventType implements [Data].
func (OperatorActed) EventType() string { return "operations.operator_acted.v1" }

var targetName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate keeps free text out, and asks for a reason.
func (e OperatorActed) Validate() error {
	for _, name := range []string{e.Target.Projection, e.Target.Rebuild, e.Target.User} {
		if name != "" && !targetName.MatchString(name) {
			return fmt.Errorf("%.70q is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'", name)
		}
	}
	return e.Reason.Validate()
}

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

// PauseKind is what an operator may pause.
type PauseKind string

// The kinds of pauses.
const (
	PauseProjection PauseKind = "projection" // its folding; the name is the projection's
	PausePlatform   PauseKind = "platform"   // its fetching; the name is that of [Platform.String]
	PauseConnection PauseKind = "connection" // the reading of its accounts; the name is its id in decimal digits
)

// Pause is one that holds now.
type Pause struct {
	Kind   PauseKind `json:"kind"`  // projection, platform or connection
	Name   string    `json:"name"`  // of the projection or platform; the id of the connection
	Since  time.Time `json:"since"` // UTC
	Actor  string    `json:"actor"` // who paused it
	Reason Reason    `json:"reason"`
}

// ProjectionPaused says that an operator made a projection stand still. Nothing writes it: pauses are recorded
// by [OperatorActed].
type ProjectionPaused struct {
	Projection string `json:"projection"`
	Reason     string `json:"reason"`
}

// EventType implements [Data].
func (ProjectionPaused) EventType() string { return "operations.projection_paused.v1" }

// ProjectionResumed ends a pause; it is written as [ProjectionPaused] is.
type ProjectionResumed struct {
	Projection string `json:"projection"`
	Reason     string `json:"reason"`
}

// EventType implements [Data].
func (ProjectionResumed) EventType() string { return "operations.projection_resumed.v1" }

// ReasonCode is why an operator acts. Values are only ever added.
type ReasonCode string

// The codes of reasons.
const (
	ReasonIncident        ReasonCode = "incident"
	ReasonMaintenance     ReasonCode = "maintenance"
	ReasonUpgrade         ReasonCode = "upgrade"
	ReasonVerification    ReasonCode = "verification"
	ReasonDataRepair      ReasonCode = "data_repair"
	ReasonCustomerRequest ReasonCode = "customer_request"
	ReasonTest            ReasonCode = "test"
	ReasonOther           ReasonCode = "other" // needs a ticket
)

// ReasonCodes returns all codes in the order in which people are shown them.
func ReasonCodes() []ReasonCode {
	return []ReasonCode{
		ReasonIncident, ReasonMaintenance, ReasonUpgrade, ReasonVerification, ReasonDataRepair, ReasonCustomerRequest, ReasonTest, ReasonOther,
	}
}

// Reason is why an operator acts: a code of a fixed list, and where more of it is written.
type Reason struct {
	Code   ReasonCode `json:"code"`             // of the fixed list
	Ticket string     `json:"ticket,omitempty"` // 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -
}

var ticket = regexp.MustCompile(`^[A-Za-z0-9._#/-]{1,64}$`)

// ParseReason reads "CODE[:TICKET]". Its error is invalid; one about the code lists the codes.
func ParseReason(text string) (Reason, error) {
	code, ticket, colon := strings.Cut(text, ":")
	r := Reason{ReasonCode(code), ticket}
	if colon && ticket == "" {
		return Reason{}, NewError(CodeInvalid, "The reason %.80q ends with a colon. Write the ticket behind it, or leave the colon out.", text)
	}
	if err := r.Validate(); err != nil {
		return Reason{}, err
	}
	return r, nil
}

// String is what [ParseReason] reads.
func (r Reason) String() string {
	if r.Ticket == "" {
		return string(r.Code)
	}
	return string(r.Code) + ":" + r.Ticket
}

// Validate checks code and ticket; errors as of [ParseReason].
func (r Reason) Validate() error {
	switch {
	case !slices.Contains(ReasonCodes(), r.Code):
		var codes []string
		for _, code := range ReasonCodes() {
			codes = append(codes, string(code))
		}
		return NewError(CodeInvalid, "The reason %.40q is none. Write CODE or CODE:TICKET; the codes are %s.", string(r.Code), strings.Join(codes, ", "))
	case r.Ticket == "" && r.Code == ReasonOther:
		return NewError(CodeInvalid, "The reason %q needs a ticket: write %s:TICKET.", r.Code, r.Code)
	case r.Ticket != "" && !ticket.MatchString(r.Ticket):
		return NewError(CodeInvalid, "The ticket %.70q is not 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -.", r.Ticket)
	}
	return nil
}
