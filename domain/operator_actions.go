package domain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OperatorAction names what an operator did. Values are never removed.
type OperatorAction string

// The actions of operators. [PersonErased] and [DataImported] record theirs, [OperatorActed]
// all others.
const (
	ActionProjectionPaused   OperatorAction = "projection.paused"
	ActionProjectionResumed  OperatorAction = "projection.resumed"
	ActionPlatformPaused     OperatorAction = "platform.paused" // the fetching of a platform was paused
	ActionPlatformResumed    OperatorAction = "platform.resumed"
	ActionConnectionPaused   OperatorAction = "connection.paused" // reading a connection's accounts was paused
	ActionConnectionResumed  OperatorAction = "connection.resumed"
	ActionConnectionRead     OperatorAction = "connection.read" // a connection's accounts were made due
	ActionRebuildRequested   OperatorAction = "rebuild.requested"
	ActionRebuildCanceled    OperatorAction = "rebuild.canceled"
	ActionGenerationPrepared OperatorAction = "generation.prepared"
	ActionGenerationSwitched OperatorAction = "generation.switched"
	ActionDeadLetterShown    OperatorAction = "dead_letter.shown" // the payload of a dead letter was shown
	ActionStreamRetried      OperatorAction = "stream.retried"    // a stopped stream was folded again
	ActionEventSkipped       OperatorAction = "event.skipped"     // the event that stopped a stream was skipped
	ActionPersonExported     OperatorAction = "person.exported"   // a person's data was written to a file
	ActionSignInLinkMade     OperatorAction = "sign_in_link.made" // a one-time link was created, maybe by an agency
	ActionSignInLinked       OperatorAction = "sign_in.linked"    // a user was linked to a subject of the identity provider
	ActionSignInUnlinked     OperatorAction = "sign_in.unlinked"  // a user was unlinked until the next sign-in
	ActionSessionEnded       OperatorAction = "session.ended"     // a session of a person was ended
	ActionLogRestored        OperatorAction = "log.restored"      // the records before this one come from a backup
	ActionLogAdopted         OperatorAction = "log.adopted"       // the installation that owns the log was replaced
	ActionPersonErased       OperatorAction = "person.erased"     // all data of a person was erased
	ActionDataImported       OperatorAction = "data.imported"     // files were imported
	ActionImportWithdrawn    OperatorAction = "import.withdrawn"  // the posts and readings of an import do not count any more
)

// OperatorActed records that an operator is about to perform an action, its target and its reason.
// It is appended to `operations` under the key "-" before the action begins; [OperatorFinished]
// records the outcome. It has no free text, because the log would keep the text forever.
type OperatorActed struct {
	Action OperatorAction `json:"action"` // the action
	Target OperatorTarget `json:"target"` // the target of the action
	Reason Reason         `json:"reason"` // the operator's reason

	LocalOperator
}

// LocalOperator is an operator who reached the service without a token, over the socket on its
// machine; zero for others.
type LocalOperator struct {
	Via         string `json:"via,omitempty"`          // the system user, uid:<number>
	ClaimedName string `json:"claimed_name,omitempty"` // a name that the operator claims and nothing proves
}

var (
	viaForm      = regexp.MustCompile(`^uid:[0-9]{1,10}$`)
	operatorName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)
)

// IsOperatorName reports whether a text has the form of the name of an operator or a program.
func IsOperatorName(text string) bool { return operatorName.MatchString(text) }

// OperatorTarget identifies the target of an action. Each action sets only the fields that apply to
// it.
type OperatorTarget struct {
	Projection string     `json:"projection,omitempty"`    // name of the projection
	Generation int        `json:"generation,omitempty"`    // number of the generation, from 1
	Rebuild    string     `json:"rebuild,omitempty"`       // id of the generation whose build was canceled
	Until      *time.Time `json:"until,omitempty"`         // for a restore: instant up to which the backup has records
	Platform   Platform   `json:"p_id,omitempty"`          // the platform that was paused or resumed
	Connection int64      `json:"connection_id,omitempty"` // the connection that the action is about
	Position   *Position  `json:"position,omitempty"`      // position of the dead letter
	User       string     `json:"user,omitempty"`          // user id of the person
	Member     int64      `json:"member_id,omitempty"`     // member id of the person, if the person is not a user
	Import     string     `json:"import,omitempty"`        // id of the import that was withdrawn
}

// EventType implements [Data].
func (OperatorActed) EventType() string { return "operations.operator_acted.v1" }

var targetName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Validate refuses free text and checks the reason.
func (o OperatorActed) Validate() error {
	for _, name := range []string{o.Target.Projection, o.Target.Rebuild, o.Target.User, o.Target.Import} {
		if name != "" && !targetName.MatchString(name) {
			return fmt.Errorf("%.70q is not 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '-'", name)
		}
	}
	if o.Via != "" && !viaForm.MatchString(o.Via) || o.ClaimedName != "" && !IsOperatorName(o.ClaimedName) {
		return fmt.Errorf("%.70q or %.70q does not name a local operator", o.Via, o.ClaimedName)
	}
	return o.Reason.Validate()
}

// OperatorOutcome is the outcome of an operator's action.
type OperatorOutcome string

// The outcomes of an action. If the log has no outcome, either the action is still running, or its
// process exited before the outcome was recorded, and the outcome is unknown.
const (
	OutcomeDone    OperatorOutcome = "done"    // the action was done; a rebuild was accepted
	OutcomeRefused OperatorOutcome = "refused" // nothing was done
	OutcomeFailed  OperatorOutcome = "failed"  // the action failed; nothing, a part or all of it may have been done
)

// OperatorFinished records the outcome of an action that [OperatorActed], [PersonErased] or
// [DataImported] announced. It is appended to `operations` under the key "-".
type OperatorFinished struct {
	Of      string `json:"of"`                // id of the event that announced the action
	Code    Code   `json:"code,omitempty"`    // code of the error, if the action was refused or failed
	Rebuild string `json:"rebuild,omitempty"` // id of the generation that is built, which reports its own outcome
	Stopped bool   `json:"stopped,omitempty"` // whether the stream has stopped again, at another event or the same
}

// Outcome returns what became of the action.
func (o OperatorFinished) Outcome() OperatorOutcome {
	switch o.Code { //nolint:exhaustive // the others are one case
	case "":
		return OutcomeDone
	case CodeUnavailable, CodeInternal:
		return OutcomeFailed
	default:
		return OutcomeRefused
	}
}

// EventType implements [Data].
func (OperatorFinished) EventType() string { return "operations.operator_finished.v1" }

// InstallationClaimed records which installation the log belongs to: the first one that claimed it,
// and then each one that replaced the present owner. It is appended to `operations` under the key
// "-" at the first start of an installation.
type InstallationClaimed struct {
	ID       string `json:"id"`                 // id of the installation, which its database contains
	Format   int    `json:"format"`             // of the log: [LogFormat] of the program that claimed it
	Replaces string `json:"replaces,omitempty"` // id of the owner whose database is lost
}

// LogFormat is the version of the log as a whole. A program refuses a log of another format.
const LogFormat = 3

// EventType implements [Data].
func (InstallationClaimed) EventType() string { return "operations.installation_claimed.v1" }

// Validate requires an id.
func (i InstallationClaimed) Validate() error {
	if !targetName.MatchString(i.ID) {
		return fmt.Errorf("installation %.70q is not an id", i.ID)
	}
	return nil
}

// PauseKind is the kind of object that an operator can pause.
type PauseKind string

// The kinds of pauses.
const (
	PauseProjection PauseKind = "projection" // a projection's folding; the name is the projection's
	PausePlatform   PauseKind = "platform"   // a platform's fetching; the name is the platform's
	PauseConnection PauseKind = "connection" // the reading of a connection's accounts; the name is its id in decimal
)

// Pause is a pause that is in effect.
type Pause struct {
	Kind   PauseKind `json:"kind"`   // projection, platform or connection
	Name   string    `json:"name"`   // name of the projection or platform, or id of the connection
	Since  time.Time `json:"since"`  // when it was paused, UTC
	Actor  string    `json:"actor"`  // the operator who paused it
	Reason Reason    `json:"reason"` // why the operator paused it
}

// ReasonCode is the class of an operator's reason. Values are never removed.
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

// ReasonCodes returns all codes in display order.
func ReasonCodes() []ReasonCode {
	return []ReasonCode{
		ReasonIncident, ReasonMaintenance, ReasonUpgrade, ReasonVerification,
		ReasonDataRepair, ReasonCustomerRequest, ReasonTest, ReasonOther,
	}
}

// Reason is an operator's reason: a code from a fixed list, and the ticket with the details.
type Reason struct {
	Code   ReasonCode `json:"code"`             // one of a fixed list of codes
	Ticket string     `json:"ticket,omitempty"` // 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -
}

var ticket = regexp.MustCompile(`^[A-Za-z0-9._#/-]{1,64}$`)

// ParseReason parses "CODE[:TICKET]". Its error has [CodeInvalid]; an error about the code lists
// the codes.
func ParseReason(text string) (Reason, error) {
	code, ticket, colon := strings.Cut(text, ":")
	r := Reason{ReasonCode(code), ticket}
	if colon && ticket == "" {
		return Reason{}, NewError(CodeInvalid,
			"The reason %.80q ends with a colon. Add the ticket after it, or remove the colon.", text)
	}
	if err := r.Validate(); err != nil {
		return Reason{}, err
	}
	return r, nil
}

// String returns the form that [ParseReason] parses.
func (r Reason) String() string {
	if r.Ticket == "" {
		return string(r.Code)
	}
	return string(r.Code) + ":" + r.Ticket
}

// Validate checks the code and the ticket. Its errors are those of [ParseReason].
func (r Reason) Validate() error {
	switch {
	case !slices.Contains(ReasonCodes(), r.Code):
		var codes []string
		for _, code := range ReasonCodes() {
			codes = append(codes, string(code))
		}
		return NewError(CodeInvalid, "The reason %.40q is unknown. Write CODE or CODE:TICKET; the codes are %s.",
			string(r.Code), strings.Join(codes, ", "))
	case r.Ticket == "" && r.Code == ReasonOther:
		return NewError(CodeInvalid, "The reason %q needs a ticket. Write %s:TICKET.", r.Code, r.Code)
	case r.Ticket != "" && !ticket.MatchString(r.Ticket):
		return NewError(CodeInvalid,
			"The ticket %.70q is not 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -.", r.Ticket)
	}
	return nil
}
