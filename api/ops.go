package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

var (
	paramProjection = Param{
		Name: "projection", Kind: KindText, Text: "The name of a projection, from GET /api/ops/projections.",
		Example: "post_insights",
	}
	paramGeneration = Param{
		Name: "generation", Kind: KindText, Text: "The id of a generation: <projection>.g<number>.",
		Example: "post_insights.g3",
	}
	paramDeadLetter = Param{
		Name: "letter", Kind: KindDeadLetter, Text: "The id of a dead letter: <projection>-<partition>-<offset>.",
		Example: "dashboards-3-1204",
	}
	paramConnectionID = Param{Name: "connection", Kind: KindRowID, Text: "The id of a connection.", Example: 31}
	paramNetwork      = Param{
		Name: "platform", Kind: KindText, Words: domain.PlatformNames(), Text: "The name of a platform.",
		Example: domain.PlatformNames()[0],
	}
)

type operators struct {
	service    OperatorService
	authorizer *authorizer
	closing    <-chan struct{} // closed to end the streams of build progress
}

func (o *operators) routes() []Operation {
	service := o.service
	row := func(method, pattern, id string, op operation) Operation {
		return Operation{method, "/api/ops/" + pattern, id, []Role{RoleOperator}, op}
	}
	projection, generation, platform := textOf(paramProjection), textOf(paramGeneration), textOf(paramNetwork)
	connection := func(p *Params) string { return strconv.FormatInt(p.ID(paramConnectionID), 10) }
	return []Operation{
		row(http.MethodGet, "projections", "getOpsProjections", all(service.Projections)),
		row(
			http.MethodPost, "projections/{projection}/rebuild", "postOpsRebuild",
			acting(projection, service.RequestRebuild),
		),
		row(
			http.MethodPost, "projections/{projection}/prepare", "postOpsPrepare",
			acting(projection, service.PrepareGeneration),
		),
		row(http.MethodPost, "projections/{projection}/pause", "postOpsPause",
			acting(projection, pausing(domain.PauseProjection, service.Pause))),
		row(http.MethodPost, "projections/{projection}/resume", "postOpsResume",
			acting(projection, pausing(domain.PauseProjection, service.Resume))),
		row(http.MethodGet, "generations", "getOpsGenerations", all(service.Generations)),
		row(http.MethodGet, "generations/{generation}", "getOpsGeneration", answering(generation, o.generation)),
		{
			http.MethodGet, patternBuildEvents, "getOpsGenerationEvents",
			[]Role{RoleOperator},
			reading(generation, o.streamBuild),
		},
		row(
			http.MethodPost, "generations/{generation}/cancel", "postOpsGenerationCancel",
			acting(generation, withoutResult(service.CancelBuild)),
		),
		row(http.MethodGet, "dead-letters", "getOpsDeadLetters", listing(parseDeadLetters, o.deadLetters)),
		row(http.MethodPost, "dead-letters/{letter}/show", "postOpsDeadLetterShow",
			acting(deadLetterID, service.ShowDeadLetter)),
		row(http.MethodPost, "dead-letters/{letter}/retry", "postOpsStreamRetry", acting(deadLetterID, service.RetryStream)),
		row(http.MethodPost, "dead-letters/{letter}/skip", "postOpsEventSkip", acting(deadLetterID, service.SkipEvent)),
		row(http.MethodGet, "pauses", "getOpsPauses", all(service.Pauses)),
		row(http.MethodPost, "platforms/{platform}/pause", "postOpsPlatformPause",
			acting(platform, pausing(domain.PausePlatform, service.Pause))),
		row(http.MethodPost, "platforms/{platform}/resume", "postOpsPlatformResume",
			acting(platform, pausing(domain.PausePlatform, service.Resume))),
		row(http.MethodGet, "connections", "getOpsConnections", all(o.connections)),
		row(http.MethodPost, "connections/{connection}/read", "postOpsConnectionRead",
			acting(connection, withoutResult(service.ReadConnection))),
		row(http.MethodPost, "connections/{connection}/pause", "postOpsConnectionPause",
			acting(connection, pausing(domain.PauseConnection, service.Pause))),
		row(http.MethodPost, "connections/{connection}/resume", "postOpsConnectionResume",
			acting(connection, pausing(domain.PauseConnection, service.Resume))),
		row(http.MethodGet, "actions", "getOpsActions", listing((*Params).Page, o.actions)),
		row(http.MethodGet, "log", "getOpsLog", all(service.Topics)),
	}
}

// done is the data of an action without a result.
type done struct {
	Done bool `json:"done"` // Always true; failures are errors.
}

type actFunc[R any] func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (R, error)

func withoutResult(act func(context.Context, commands.Caller, string, domain.Reason) error) actFunc[done] {
	return func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) (done, error) {
		err := act(ctx, c, name, reason)
		return done{err == nil}, err
	}
}

func pausing(
	kind domain.PauseKind, act func(context.Context, commands.Caller, domain.PauseKind, string, domain.Reason) error,
) actFunc[done] {
	return withoutResult(func(ctx context.Context, c commands.Caller, name string, reason domain.Reason) error {
		return act(ctx, c, kind, name, reason)
	})
}

func all[E any](list func(context.Context) ([]E, error)) operation {
	return answering(nothing, func(r *http.Request, _ none) ([]E, error) {
		entries, err := list(r.Context())
		return append([]E{}, entries...), err
	})
}

// actionBody is the body of an operator's action.
type actionBody struct {
	// Reason is CODE or CODE:TICKET. The codes are a fixed list; the code other requires a ticket.
	Reason string `json:"reason"`
}

// acting returns an operation that performs an action on the object in the path, with the reason in
// the body. Operators act for no agency.
func acting[R any](name func(*Params) string, act actFunc[R]) operation {
	return accepting[actionBody](answering(name, func(r *http.Request, name string) (result R, err error) {
		body, bad, err := readBody(r, actionBody{})
		if err = cmp.Or(err, bad.Err()); err != nil {
			return result, err
		}
		reason, err := domain.ParseReason(body.Reason)
		if invalid, ok := errors.AsType[*domain.Error](err); ok {
			return result, invalid.WithField("reason", "is not one of the reasons")
		}
		return act(r.Context(), caller(r, RoleOperator), name, reason)
	}))
}

// OperatorService provides the operations for operators; internal/operations implements it. Each
// action is recorded before it runs, and refused if it cannot be recorded; its outcome is recorded
// afterward. For unknown names and ids, the error has code [domain.CodeNotFound] and lists the
// valid names.
type OperatorService interface {
	Projections(ctx context.Context) ([]operator.Projection, error)
	Generations(ctx context.Context) ([]operator.Generation, error)
	Generation(ctx context.Context, id string) (operator.Generation, error)
	DeadLetters(ctx context.Context, f operator.DeadLetterFilter) ([]operator.DeadLetter, error)
	Topics(ctx context.Context) ([]operator.Topic, error)
	Pauses(ctx context.Context) ([]domain.Pause, error)
	// Connections returns the reading state of the connected accounts of all agencies.
	Connections(ctx context.Context, q directory.ReadingsQuery) ([]directory.ConnectionReading, error)
	// ReadConnection makes the accounts of a connection due now. If none of them is read, the error
	// has code [domain.CodeConflict] and gives the reason.
	ReadConnection(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// Actions returns the actions of operators, newest first. For a malformed cursor, the error has
	// code [domain.CodeInvalid].
	Actions(ctx context.Context, limit int, cursor string) ([]operator.Action, readmodels.TrailMeta, error)

	Pause(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	Resume(ctx context.Context, c commands.Caller, kind domain.PauseKind, name string, reason domain.Reason) error
	RequestRebuild(
		ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
	) (operator.Generation, error)
	CancelBuild(ctx context.Context, c commands.Caller, id string, reason domain.Reason) error
	// PrepareGeneration builds a generation of this program's version next to the ones in use,
	// unless it exists.
	PrepareGeneration(
		ctx context.Context, c commands.Caller, projection string, reason domain.Reason,
	) (operator.Prepared, error)
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
}

func deadLetterID(p *Params) string {
	id, _ := p.value(paramDeadLetter)
	if !deadLetterForm.MatchString(id) {
		p.bad.Addf(paramDeadLetter.Name, "is not the id of a dead letter: use <projection>-<partition>-<offset>, from the list")
	}
	return id
}

func parseDeadLetters(p *Params) operator.DeadLetterFilter {
	filter := operator.DeadLetterFilter{After: p.cursor(paramCursor), Limit: p.limit()}
	if filter.After != "" && !deadLetterForm.MatchString(filter.After) {
		p.bad.Addf(paramCursor.Name, "does not belong to this list: "+
			"use the next_cursor of the previous page with the same parameters, or omit the cursor")
	}
	return filter
}

func (o *operators) deadLetters(
	r *http.Request, filter operator.DeadLetterFilter,
) (letters []operator.DeadLetter, meta readmodels.ListMeta, err error) {
	limit := filter.Limit
	filter.Limit++ // one more shows that there is another page
	if letters, err = o.service.DeadLetters(r.Context(), filter); len(letters) > limit {
		letters = letters[:limit]
		meta.NextCursor = letters[limit-1].ID
	}
	return letters, meta, err
}

func (o *operators) actions(r *http.Request, page readmodels.Page) ([]operator.Action, readmodels.TrailMeta, error) {
	return o.service.Actions(r.Context(), page.Limit, page.Cursor)
}

func (o *operators) connections(ctx context.Context) ([]directory.ConnectionReading, error) {
	return o.service.Connections(ctx, directory.ReadingsQuery{})
}

func (o *operators) generation(r *http.Request, id string) (operator.Generation, error) {
	return o.service.Generation(r.Context(), id)
}

const progressEvery = time.Second

// streamBuild streams the progress of a build as Server-Sent Events until it has ended.
func (o *operators) streamBuild(w http.ResponseWriter, r *http.Request, id string) error {
	g, err := o.generation(r, id)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
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
		if o.authorizer.admit(r.Context(), p) != nil {
			return nil // when the client reconnects, it gets the error
		}
		if g, err = o.generation(r, id); err != nil {
			return nil // the response has started; the client reconnects
		}
	}
}
