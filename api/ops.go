package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/stream"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const patternBuildEvents = "/api/ops/generations/{generation}/events"

const prefixOps = "/api/ops/"

type operators struct{ *Server }

var operatorGroup = newGroup(tagOperators, func(d Deps) bool { return d.Operators != nil })

// Operations of operators.
var (
	// GetOpsHealth returns what this process can do and, if there is something that it cannot, why. It
	// answers also while the brokers or the database are unavailable. /readyz returns the states and
	// codes without details, to everyone.
	GetOpsHealth = opsAt(http.MethodGet, "health", "getOpsHealth", does(operators.health))
	// GetOpsProjections lists the read models, with lag per partition, dead letters and generations
	// under construction.
	GetOpsProjections = opsAt(http.MethodGet, "projections", "getOpsProjections", all(OperatorService.Projections))
	// PostOpsRebuild rebuilds a read model from the log while the current tables stay in use. The
	// response contains the new generation; use its id to follow the progress. Readers switch to the
	// new tables when those have caught up. While a generation is being built, another rebuild of the
	// same read model is refused.
	PostOpsRebuild = opsAt(http.MethodPost, "projections/{projection}/rebuild", "postOpsRebuild", acting(projectionAction.name, OperatorService.RequestRebuild))
	// PostOpsPause pauses a read model: until it is resumed, no events are folded and no commands are
	// accepted. If it is already paused, the response is 409 and nothing is recorded.
	PostOpsPause = opsAt(http.MethodPost, "projections/{projection}/pause", "postOpsPause", acting(projectionAction.name, pausing(domain.PauseProjection, OperatorService.Pause)))
	// PostOpsResume resumes a read model. If it is not paused, the response is 409 and nothing is
	// recorded.
	PostOpsResume = opsAt(http.MethodPost, "projections/{projection}/resume", "postOpsResume", acting(projectionAction.name, pausing(domain.PauseProjection, OperatorService.Resume)))
	// GetOpsGenerations lists the generations of tables, newest first: state, progress of the build,
	// size, who requested them. The newest 100 generations of a read model are listed.
	GetOpsGenerations = opsAt(http.MethodGet, "generations", "getOpsGenerations", all(OperatorService.Generations))
	// GetOpsGeneration returns a generation with the progress and rate of its build.
	GetOpsGeneration = opsAt(http.MethodGet, "generations/{generation}", "getOpsGeneration", does(operators.generation))
	// PostOpsCancel cancels the build of a generation and drops its tables. The tables in use do not
	// change.
	PostOpsCancel = opsAt(http.MethodPost, "generations/{generation}/cancel", "postOpsGenerationCancel", acting(generationAction.name, withoutResult(OperatorService.CancelBuild)))
	// GetOpsDeadLetters lists the dead letters: events in the log that could not be folded, with the
	// reason. On dashboards, each stops the stream of its agency.
	GetOpsDeadLetters = opsAt(http.MethodGet, "dead-letters", "getOpsDeadLetters", does(operators.deadLetters))
	// Returns a dead letter, without its record.
	_ = opsAt(http.MethodGet, "dead-letters/{letter}", "getOpsDeadLetter", does(operators.deadLetter))
	// PostOpsDeadLetterShow returns a dead letter with its headers and payload. The access is
	// recorded.
	PostOpsDeadLetterShow = opsAt(http.MethodPost, "dead-letters/{letter}/show", "postOpsDeadLetterShow", acting(letterAction.name, OperatorService.ShowDeadLetter))
	// PostOpsRetry folds the stream that an event has stopped again from its start. The response has
	// the event at which the stream has stopped again, if it has. An event that stops no stream is
	// refused with 409.
	PostOpsRetry = opsAt(http.MethodPost, "dead-letters/{letter}/retry", "postOpsStreamRetry", acting(letterAction.name, OperatorService.RetryStream))
	// PostOpsSkip skips the event that has stopped a stream permanently, and folds the stream again
	// from its start. The skip is a record of the agency's own stream, so that the tables of every
	// version leave the event out. An event that stops no stream, or that does not fit its hash chain,
	// is refused with 409.
	PostOpsSkip = opsAt(http.MethodPost, "dead-letters/{letter}/skip", "postOpsEventSkip", acting(letterAction.name, OperatorService.SkipEvent))
	// GetOpsPauses lists what is paused, since when, by whom and why.
	GetOpsPauses = opsAt(http.MethodGet, "pauses", "getOpsPauses", all(OperatorService.Pauses))
	// PostOpsPlatformPause pauses the reading of a platform, including the renewal of its tokens. If
	// it is already paused, the response is 409 and nothing is recorded.
	PostOpsPlatformPause = opsAt(http.MethodPost, "platforms/{platform}/pause", "postOpsPlatformPause", acting(platformAction.name, pausing(domain.PausePlatform, OperatorService.Pause)))
	// PostOpsPlatformResume resumes the reading of a platform. If it is not paused, the response is
	// 409 and nothing is recorded.
	PostOpsPlatformResume = opsAt(http.MethodPost, "platforms/{platform}/resume", "postOpsPlatformResume", acting(platformAction.name, pausing(domain.PausePlatform, OperatorService.Resume)))
	// GetOpsConnections lists the connected accounts: state, token expiry, permissions, last reading
	// and next reading. The names of personal profiles are omitted, because they are names of people.
	GetOpsConnections = opsAt(http.MethodGet, "connections", "getOpsConnections", all(
		func(s OperatorService, ctx context.Context) ([]directory.ConnectionReading, error) {
			return s.Connections(ctx, directory.ReadingsQuery{})
		}))
	// PostOpsRead makes the accounts of a connection due for reading now. As far as the quota permits,
	// the service reads the accounts' totals and the posts that are due because of their age. If none
	// of the accounts is read, because a sign-in or a subscription is missing or the connection is
	// paused, the response is 409 with the reason.
	PostOpsRead = opsAt(http.MethodPost, "connections/{connection}/read", "postOpsConnectionRead", acting(connectionAction.name, withoutResult(OperatorService.ReadConnection)))
	// PostOpsConnectionPause pauses the reading of a connection's accounts, including the renewal of
	// its token. The pause takes effect within seconds; a reading that has started is completed. If it
	// is already paused, the response is 409 and nothing is recorded.
	PostOpsConnectionPause = opsAt(http.MethodPost, "connections/{connection}/pause", "postOpsConnectionPause", acting(connectionAction.name, pausing(domain.PauseConnection, OperatorService.Pause)))
	// PostOpsConnectionResume resumes the reading of a connection's accounts. If it is not paused, the
	// response is 409 and nothing is recorded.
	PostOpsConnectionResume = opsAt(http.MethodPost, "connections/{connection}/resume", "postOpsConnectionResume", acting(connectionAction.name, pausing(domain.PauseConnection, OperatorService.Resume)))
	// GetOpsActions lists the actions of operators and their outcomes, newest first. Each action is
	// recorded before it runs, and its outcome afterward. An action without an outcome is still
	// running, or its process has terminated.
	GetOpsActions = opsAt(http.MethodGet, "actions", "getOpsActions", does(operators.actions))
	// GetOpsLog lists the topics of the log, with partitions, in-sync replicas, offsets and settings.
	GetOpsLog = opsAt(http.MethodGet, "log", "getOpsLog", all(OperatorService.Topics))
	// Streams the progress of a build, once a second, until it ends. The data of each `generation`
	// event is a Generation object.
	_ = operatorGroup.add(Operation{http.MethodGet, patternBuildEvents, "getOpsGenerationEvents", []Role{RoleOperator}, streaming(operators.streamBuild)})
	// Returns a connection that can be paused or resumed, also one that reads no account.
	_ = opsAt(http.MethodGet, "connections/{connection}", "getOpsConnection", does(operators.connection))
)

// opsAt registers an operation of operators.
func opsAt[I, O any](method, pattern, id string, op typed[I, O]) Op[I, O] {
	return route(operatorGroup, method, prefixOps+pattern, id, []Role{RoleOperator}, op)
}

// The inputs of actions: the object, and the reason.
type (
	projectionAction struct {
		Projection string `param:"projection" example:"post_insights"` // The name of a projection, from GET /api/ops/projections.
		Because
	}
	generationAction struct {
		GenerationID
		Because
	}
	letterAction struct {
		letterID
		Because
	}
	letterID struct {
		Letter DeadLetter `param:"letter" example:"dashboards-3-1204"` // The id of a dead letter: <projection>-<partition>-<offset>.
	}
	platformAction struct {
		Platform PlatformName `param:"platform" example:"facebook"` // The name of a platform.
		Because
	}
	connectionAction struct {
		ConnectionID
		Because
	}
	// Because is the body of an action.
	Because struct {
		Body actionBody `body:"required"`
	}
	// GenerationID is a generation in the path.
	GenerationID struct {
		Generation string `param:"generation" example:"post_insights.g3"` // The id of a generation: <projection>.g<number>.
	}
	// ConnectionID is a connection in the path.
	ConnectionID struct {
		Connection RowID `param:"connection" example:"31"` // The id of a connection.
	}
)

// SetReason sets the reason of an action, in the form of [domain.Reason.String].
func (b *Because) SetReason(reason string) { b.Body.Reason = reason }

func (p projectionAction) name() (string, domain.Reason) { return p.Projection, p.Body.reason }

func (g generationAction) name() (string, domain.Reason) { return g.Generation, g.Body.reason }

func (l letterAction) name() (string, domain.Reason) { return string(l.Letter), l.Body.reason }

func (p platformAction) name() (string, domain.Reason) { return string(p.Platform), p.Body.reason }

func (c connectionAction) name() (string, domain.Reason) {
	return strconv.FormatInt(int64(c.Connection), 10), c.Body.reason
}

// done is the data of an action without a result.
type done struct {
	Done bool `json:"done"` // Always true; failures are errors.
}

type actFunc[R any] func(s OperatorService, ctx context.Context, c commands.Caller, name string, reason domain.Reason) (R, error)

func withoutResult(act func(OperatorService, context.Context, commands.Caller, string, domain.Reason) error) actFunc[done] {
	return func(s OperatorService, ctx context.Context, c commands.Caller, name string, reason domain.Reason) (done, error) {
		err := act(s, ctx, c, name, reason)
		return done{err == nil}, err
	}
}

func pausing(
	kind domain.PauseKind,
	act func(OperatorService, context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error,
) actFunc[done] {
	return withoutResult(func(s OperatorService, ctx context.Context, c commands.Caller, name string, reason domain.Reason) error {
		return act(s, ctx, c, kind, name, reason)
	})
}

func all[E any](list func(OperatorService, context.Context) ([]E, error)) typed[none, []E] {
	return does(func(o operators, ctx context.Context, _ Caller, _ none) ([]E, error) {
		return list(o.deps.Operators, ctx)
	})
}

// actionBody is the body of an operator's action.
type actionBody struct {
	// Reason is CODE or CODE:TICKET. The codes are a fixed list; the code other requires a ticket.
	Reason string `json:"reason" format:"reason" example:"maintenance:OPS-17"`

	reason domain.Reason
}

func (a *actionBody) check(d *decoder) {
	var err error
	if a.reason, err = domain.ParseReason(a.Reason); err != nil {
		d.refuse(err, "reason", "is not one of the reasons")
	}
}

// acting returns the operation of an action on an object, with the reason in the body. Operators act
// for no agency.
func acting[I, R any](name func(I) (string, domain.Reason), act actFunc[R]) typed[I, R] {
	return does(func(o operators, ctx context.Context, c Caller, in I) (R, error) {
		object, reason := name(in)
		return act(o.deps.Operators, ctx, c.in(RoleOperator), object, reason)
	}).refusing(domain.CodeConflict)
}

// OperatorService provides the operations for operators; internal/app implements it. Each
// action is recorded before it runs, and refused if it cannot be recorded; its outcome is recorded
// afterward. For unknown names and ids, the error has code [domain.CodeNotFound] and lists the
// valid names.
type OperatorService interface {
	Projections(ctx context.Context) ([]operator.Projection, error)
	Generations(ctx context.Context) ([]operator.Generation, error)
	Generation(ctx context.Context, id string) (operator.Generation, error)
	DeadLetters(ctx context.Context, f operator.DeadLetterFilter) ([]operator.DeadLetter, error)
	DeadLetter(ctx context.Context, id string) (operator.DeadLetter, error)
	Topics(ctx context.Context) ([]operator.Topic, error)
	Pauses(ctx context.Context) ([]domain.Pause, error)
	// Connections returns the reading state of the connected accounts of all agencies.
	Connections(ctx context.Context, q directory.ReadingsQuery) ([]directory.ConnectionReading, error)
	// Pausable returns the target for pausing or resuming.
	Pausable(ctx context.Context, kind domain.PauseKind, name string) (domain.OperatorTarget, error)
	// ReadConnection makes the accounts of a connection due now. If none of them is read, the error
	// has code [domain.CodeConflict] and gives the reason.
	ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// Actions returns the actions of operators, newest first. For a malformed cursor, the error has
	// code [domain.CodeInvalid].
	Actions(ctx context.Context, limit int, cursor string) ([]operator.RecordedAction, readmodels.TrailMeta, error)

	Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	RequestRebuild(
		ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
	) (operator.Generation, error)
	CancelBuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// ShowDeadLetter returns the record of a dead letter. The access is recorded.
	ShowDeadLetter(
		ctx context.Context, c commands.Caller, id string, reason domain.Reason,
	) (operator.DeadRecord, error)
	// RetryStream folds the stream that a dead letter has stopped again. If it has stopped none, the
	// error has code [domain.CodeConflict].
	RetryStream(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error)
	// SkipEvent skips the dead letter that has stopped a stream permanently. If the event cannot be
	// skipped, the error has code [domain.CodeConflict].
	SkipEvent(ctx context.Context, c commands.Caller, id string, reason domain.Reason) (operator.StreamFolded, error)

	// Sessions returns a page of the sessions of a person, or of everyone if user is "", newest first.
	Sessions(ctx context.Context, user string, page readmodels.Page) ([]PersonSession, readmodels.ListMeta, error)
	EndSession(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// SignInLink creates a link for a user, also for one who has signed in before. Errors: not_found (the
	// user is not one of account, "" for any), conflict (links are disabled here), unprocessable (the user
	// may not sign in).
	SignInLink(
		ctx context.Context, c commands.Caller, user, account string, validFor time.Duration, reason domain.Reason,
	) (SignInLink, error)
	// LinkSignIn links a user to a subject of the identity provider. Error: conflict (there is no
	// provider, or the user or the subject is already linked).
	LinkSignIn(ctx context.Context, c commands.Caller, user, subject string, reason domain.Reason) error
	// UnlinkSignIn removes a user's links to identity providers and ends the user's sessions. Error:
	// not_found (the user is not linked).
	UnlinkSignIn(ctx context.Context, c commands.Caller, user string, reason domain.Reason) error
	// PreviewErasure returns what [OperatorService.Erase] would erase. It waits until the tables show
	// the log.
	PreviewErasure(ctx context.Context, e Erase) (operator.Erasure, error)
	// Erase erases a person from the directory, and social accounts of the agency with their figures.
	// It returns once the tables show the erasure.
	Erase(ctx context.Context, c commands.Caller, e Erase) (operator.Erasure, error)
	// Erasures returns all erasures in the log. If one cannot be decoded, the error has code
	// [domain.CodeConflict].
	Erasures(ctx context.Context) ([]domain.ErasedID, error)
	// ExportPerson writes all data of a person, and returns the number of rows of each section as
	// JSON. A member id other than 0 names a person who may not be a user.
	ExportPerson(
		ctx context.Context, c commands.Caller, user string, member int64, reason domain.Reason, out io.Writer,
	) (sections string, err error)
}

type deadLettersInput struct{ Page }

func (d *deadLettersInput) check(dec *decoder) {
	if d.Cursor != "" && !deadLetterForm.MatchString(string(d.Cursor)) {
		dec.bad.Addf("cursor", "does not belong to this list: "+
			"use the next_cursor of the previous page with the same parameters, or omit the cursor")
	}
}

func (o operators) deadLetters(ctx context.Context, _ Caller, in deadLettersInput) (page List[operator.DeadLetter], err error) {
	filter := operator.DeadLetterFilter{After: string(in.Cursor), Limit: int(in.Limit) + 1} // one more shows that there is another page
	letters, err := o.deps.Operators.DeadLetters(ctx, filter)
	if limit := int(in.Limit); len(letters) > limit {
		letters = letters[:limit]
		page.Meta.NextCursor = letters[limit-1].ID
	}
	page.Data = letters
	return page, err
}

func (o operators) deadLetter(ctx context.Context, _ Caller, in letterID) (operator.DeadLetter, error) {
	return o.deps.Operators.DeadLetter(ctx, string(in.Letter))
}

func (o operators) actions(ctx context.Context, _ Caller, in Page) (page Result[[]operator.RecordedAction, readmodels.TrailMeta], err error) {
	page.Data, page.Meta, err = o.deps.Operators.Actions(ctx, int(in.Limit), string(in.Cursor))
	return page, err
}

// health answers also while the brokers or the database are down.
func (o operators) health(ctx context.Context, _ Caller, _ none) (operator.Health, error) {
	return o.Health(ctx), nil
}

func (o operators) generation(ctx context.Context, _ Caller, in GenerationID) (operator.Generation, error) {
	return o.deps.Operators.Generation(ctx, in.Generation)
}

// connection returns a connection, also one that reads no account or was only paused.
func (o operators) connection(ctx context.Context, _ Caller, in ConnectionID) (domain.OperatorTarget, error) {
	return o.deps.Operators.Pausable(ctx, domain.PauseConnection, strconv.FormatInt(int64(in.Connection), 10))
}

const progressEvery = time.Second

// streamBuild streams the progress of a build as Server-Sent Events until it has ended.
func (o operators) streamBuild(w http.ResponseWriter, r *http.Request, c Caller, in GenerationID) error {
	g, err := o.deps.Operators.Generation(r.Context(), in.Generation)
	if err != nil {
		return err
	}
	stream.SetEventHeader(w.Header())
	out := http.NewResponseController(w)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		raw, err := json.Marshal(g)
		if err != nil {
			return fmt.Errorf("encode progress: %w", err)
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * progressEvery))
		_, err = fmt.Fprintf(w, "event: generation\ndata: %s\n\n", raw)
		if err != nil || out.Flush() != nil || !g.Unfinished() {
			return nil // a disconnected client is not an error
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-o.closing:
			return nil
		case <-ticker.C:
		}
		if o.authorizer.admit(r.Context(), c.Principal) != nil {
			return nil // when the client reconnects, it gets the error
		}
		if g, err = o.deps.Operators.Generation(r.Context(), in.Generation); err != nil {
			return nil // the response has started; the client reconnects
		}
	}
}
