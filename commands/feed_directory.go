package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// sourceFeed is the ce_source of records that a main application sends over HTTP.
const sourceFeed = "/ledgerboard/directory"

// MaxFeedLine is the maximum length of a line in bytes. The record for a line of this length is not
// too large for the log.
const MaxFeedLine = 128 << 10

// DirectoryTables reads the directory from the tables.
type DirectoryTables interface {
	// EntitiesByKey returns the stored entities by directory key. Keys without an entity are
	// absent.
	EntitiesByKey(ctx context.Context, keys []string) (map[string]domain.RecordedEntity, error)
	// Moved returns a channel that is closed when the tables change. Get the channel before reading
	// the tables.
	Moved() <-chan struct{}
	// ContentsOf returns the contents of posts of social accounts, and of all posts of agencies.
	ContentsOf(ctx context.Context, socialAccounts []int64, agencies []string) ([]domain.StoredContent, error)
	// Erasures returns the recorded erasures of people. Lines that were written before an erasure
	// that covers them are refused.
	Erasures(ctx context.Context) (domain.Erasures, error)
	// HasAccount reports whether the account is the agency or one of its clients.
	HasAccount(ctx context.Context, agency, account string) (bool, error)
	// HasEmail reports whether an active user of the agency or of one of its clients has the email
	// address, ignoring case.
	HasEmail(ctx context.Context, agency, email string) (bool, error)
	// Empty reports whether there is no account at all.
	Empty(ctx context.Context) (bool, error)
}

// FeedDirectory accepts directory entities and published posts from a main application. It does not
// append an entity that is not newer than the stored one. It returns after the tables show the
// accepted lines, so that the next request is compared with them.
type FeedDirectory struct {
	// Append appends drafts and returns their results in order; nil means that all in-sync replicas
	// have the record.
	Append   func(ctx context.Context, drafts []domain.Draft) []error
	Tables   DirectoryTables
	Registry *domain.Registry
	// Local is set if accounts and users are managed in ledgerboard (LEDGERBOARD_DIRECTORY=local).
	// Accounts and users from the main application are then refused.
	Local bool
	Now   func() time.Time
}

// FeedOutcome is the outcome of a line.
type FeedOutcome string

// The outcomes of a line.
const (
	FeedAccepted  FeedOutcome = "taken"     // the line was appended to the log
	FeedUnchanged FeedOutcome = "unchanged" // the line has no new information
	FeedRefused   FeedOutcome = "refused"   // the line was not accepted; see its reason
)

// FeedLine is the result of one line.
type FeedLine struct {
	Line    int         `json:"line"` // number of the line, from 1; empty lines are counted
	Outcome FeedOutcome `json:"outcome"`
	Reason  string      `json:"reason,omitempty"` // why the line was refused or changes nothing
}

// FeedResult is the result of a request.
type FeedResult struct {
	Taken     int        `json:"taken"`     // number of lines that were appended to the log
	Unchanged int        `json:"unchanged"` // number of lines without new information
	Refused   int        `json:"refused"`   // number of refused lines
	Lines     []FeedLine `json:"lines"`     // result of each line, in order; empty lines are omitted
}

// fedLine is the state of a line while it is processed.
type fedLine struct {
	number int
	drafts []domain.Draft // the first is the entity or the post
	timed  bool           // the line has its own time
	FeedOutcome
	reason string
}

// errNotAppended (unavailable): it is unknown whether all lines were appended. Repeating the
// request is safe.
var errNotAppended = domain.NewError(domain.CodeUnavailable,
	"The log did not acknowledge every line, so some may be stored, also with atomic=true. Send the same request again: "+
		"the result is the same as if it had been sent once.")

// Feed accepts lines ([EntityLine]) and returns after they are in the log. If atomic is set and a
// line is refused, it refuses all lines (unprocessable, with the refused lines). The log has no
// transactions, so another error, [errNotAppended], may leave some lines stored, also with atomic.
func (f FeedDirectory) Feed(ctx context.Context, c Caller, lines [][]byte, atomic bool) (FeedResult, error) {
	erased, err := f.Tables.Erasures(ctx)
	if err != nil {
		return FeedResult{}, err
	}
	now := f.Now()
	var read []*fedLine
	for i, raw := range lines {
		if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			// The latest state of an entity is stored, so a line without a time must be later than
			// the lines before it.
			at := now.Add(time.Duration(i) * time.Microsecond)
			l := f.read(i+1, raw, at)
			if err := RefuseErased(erased, l.drafts, at); err != nil {
				l.refuse(err)
			}
			read = append(read, l)
		}
	}
	if err := f.compare(ctx, read); err != nil {
		return FeedResult{}, err
	}
	if atomic {
		if err := refusals(read); err != nil {
			return FeedResult{}, err
		}
	}
	drafts, err := f.drafts(ctx, c, read, now)
	if err != nil {
		return FeedResult{}, err
	}
	errs := f.Append(ctx, drafts)
	if err := cmp.Or(errs...); err != nil {
		public := error(errNotAppended)
		if !slices.ContainsFunc(errs, func(err error) bool { return notAppended(err) == nil }) {
			public = notAppended(err)
		}
		return FeedResult{}, fmt.Errorf("%w (%w)", public, err)
	}
	awaitEntities(ctx, f.Tables, drafts...)
	return fedOf(read), f.eraseCovered(ctx, drafts, now)
}

// eraseCovered erases those of the appended drafts that an erasure covers which the tables show only
// now.
func (f FeedDirectory) eraseCovered(ctx context.Context, drafts []domain.Draft, now time.Time) error {
	erased, err := f.Tables.Erasures(ctx)
	if err != nil {
		return err
	}
	var tombstones []domain.Draft
	for _, d := range drafts {
		if RefuseErased(erased, []domain.Draft{d}, now) == nil {
			continue
		}
		switch kind, id, _ := domain.SplitDirectoryKey(d.Key); d.Topic {
		case domain.TopicContents:
			tombstones = append(tombstones, EraseContentDraft(d.Key, now))
		case domain.TopicDirectory:
			tombstones = append(tombstones, EraseDraft(kind, id, now))
		}
	}
	if err := cmp.Or(f.Append(ctx, tombstones)...); err != nil {
		return fmt.Errorf("%w (%w)", errNotAppended, err)
	}
	return nil
}

// awaitEntities waits until the tables show the last draft of each entity, or a later state. The
// drafts are in the log, so it returns no error if the tables take longer.
func awaitEntities(ctx context.Context, tables DirectoryTables, drafts ...domain.Draft) {
	last := map[string]domain.Draft{}
	for _, draft := range drafts {
		if draft.Topic == domain.TopicDirectory {
			last[draft.Key] = draft
		}
	}
	if len(last) == 0 {
		return
	}
	AwaitTables(ctx, tables.Moved, func(ctx context.Context) (bool, error) {
		entities, err := tables.EntitiesByKey(ctx, slices.Collect(maps.Keys(last)))
		for key, draft := range last {
			state, known := entities[key]
			if known != (draft.Data != nil) || known && !shows(state, draft) {
				return false, err
			}
		}
		return true, err
	})
}

// shows reports whether a row holds the state of a draft or a later one. Two states can have the same
// time, so the times alone do not tell.
func shows(row domain.RecordedEntity, draft domain.Draft) bool {
	at := stored(draft.Envelope.Time)
	return row.At.After(at) || row.At.Equal(at) && sameState(row.Entity, draft.Data)
}

// sameState compares two states by their JSON, because rows return times in another location.
func sameState(a, b domain.Data) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(one, other)
}

func (f FeedDirectory) read(number int, raw []byte, now time.Time) *fedLine {
	l := &fedLine{number: number, FeedOutcome: FeedAccepted}
	if len(raw) > MaxFeedLine {
		return l.refuse(fmt.Errorf("is longer than %d bytes", MaxFeedLine))
	}
	drafts, err := EntityLine(raw, f.Registry, now)
	if err != nil {
		return l.refuse(err)
	}
	l.drafts, l.timed = drafts, !drafts[0].Envelope.Time.Equal(stored(now))
	if post, ok := drafts[0].Data.(domain.PostRegistered); ok {
		if post.Origin != domain.OriginMainApp {
			return l.refuse(fmt.Errorf("origin is %q; posts of a main application must have %q",
				post.Origin, domain.OriginMainApp))
		}
		return l
	}
	kind, _, _ := domain.SplitDirectoryKey(drafts[0].Key) // EntityLine created the key
	if f.Local && (kind == domain.KindAccount || kind == domain.KindUser) {
		return l.refuse(errors.New(
			"ledgerboard manages accounts and users (LEDGERBOARD_DIRECTORY=local); remove the line"))
	}
	return l
}

func (f *fedLine) refuse(why error) *fedLine {
	f.FeedOutcome, f.reason, f.drafts = FeedRefused, why.Error(), nil
	return f
}

// compare marks lines as unchanged that equal the known state, or are older than it: the state of an
// earlier line or of the tables. It refuses lines about pages that are connected in ledgerboard.
func (f FeedDirectory) compare(ctx context.Context, lines []*fedLine) error {
	var keys []string
	for _, l := range lines {
		if l.isEntity() {
			keys = append(keys, l.drafts[0].Key)
			keys = append(keys, pageKeys(l.entity())...)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	entities, err := f.Tables.EntitiesByKey(ctx, slices.Compact(keys))
	if err != nil {
		return err
	}
	stateOf := func(key string) domain.DirectoryEntity { return entities[key].Entity }
	for _, l := range lines {
		if !l.isEntity() {
			continue
		}
		draft := &l.drafts[0]
		before, known := entities[draft.Key]
		entity := l.entity()
		if err := connectedHere(*draft, stateOf); err != nil {
			l.refuse(err)
			continue
		}
		if entity != nil {
			entity = keepRefs(entity, before.Entity)
			draft.Data = entity
		}
		switch {
		case !known && entity == nil:
			l.unchanged("")
		case known && !l.news(entity, before):
		case entity == nil:
			delete(entities, draft.Key)
		default:
			entities[draft.Key] = domain.RecordedEntity{At: draft.Envelope.Time, Entity: entity}
		}
	}
	return nil
}

// isEntity reports whether the line is about an entity and has not been refused.
func (f *fedLine) isEntity() bool {
	return len(f.drafts) > 0 && f.drafts[0].Topic == domain.TopicDirectory
}

// entity returns the state in the line; nil for an erasure.
func (f *fedLine) entity() domain.DirectoryEntity {
	entity, _ := f.drafts[0].Data.(domain.DirectoryEntity)
	return entity
}

// unchanged marks the line as not appended. reason says why; "" if the line equals the known state.
func (f *fedLine) unchanged(reason string) {
	f.FeedOutcome, f.drafts, f.reason = FeedUnchanged, nil, reason
}

// news reports whether the line replaces the stored state, and otherwise marks it as unchanged. A
// nil entity erases. Of two different states with one time, the later line counts: origins with times
// in whole seconds often change an entity twice within one. A sender must therefore keep its order.
func (f *fedLine) news(entity domain.DirectoryEntity, before domain.RecordedEntity) bool {
	at, now := stored(before.At), f.drafts[0].Envelope.Time
	switch same := sameState(entity, before.Entity); {
	case same && (!f.timed || at.Equal(stored(now))):
		f.unchanged("")
	case !stored(now).Before(at):
		return true
	default:
		f.unchanged("its updated_at is earlier than that of the stored entity, " + at.Format(time.RFC3339Nano))
	}
	return false
}

func refusals(lines []*fedLine) error {
	refused := 0
	err := &domain.Error{Code: domain.CodeUnprocessable}
	for _, l := range lines {
		if l.FeedOutcome == FeedRefused {
			refused++
			err = err.WithField("line "+strconv.Itoa(l.number), l.reason)
		}
	}
	if refused == 0 {
		return nil
	}
	err.Message = fmt.Sprintf("No line was accepted: %d of %d lines are invalid; see errors. "+
		"Fix these lines, or send the request without atomic=true to accept the others.", refused, len(lines))
	return err
}

// drafts returns the drafts of the lines, and tombstones for the contents of erased accounts.
func (f FeedDirectory) drafts(
	ctx context.Context, c Caller, lines []*fedLine, now time.Time,
) (drafts []domain.Draft, err error) {
	var socials []int64
	var agencies []string
	for _, l := range lines {
		drafts = append(drafts, l.drafts...)
		if !l.isEntity() || l.drafts[0].Data != nil {
			continue
		}
		switch kind, id, _ := domain.SplitDirectoryKey(l.drafts[0].Key); kind {
		case domain.KindAccount:
			agencies = append(agencies, id)
		case domain.KindSocialAccount:
			if n, err := strconv.ParseInt(id, 10, 64); err == nil {
				socials = append(socials, n)
			}
		}
	}
	if len(socials)+len(agencies) > 0 {
		contents, err := f.Tables.ContentsOf(ctx, socials, agencies)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, eraseContents(contents, now)...)
	}
	for i := range drafts {
		drafts[i].Envelope.Source = sourceFeed
		c.sign(&drafts[i].Envelope)
	}
	return drafts, nil
}

func fedOf(lines []*fedLine) FeedResult {
	fed := FeedResult{Lines: make([]FeedLine, 0, len(lines))}
	for _, l := range lines {
		switch l.FeedOutcome {
		case FeedAccepted:
			fed.Taken++
		case FeedUnchanged:
			fed.Unchanged++
		case FeedRefused:
			fed.Refused++
		}
		fed.Lines = append(fed.Lines, FeedLine{Line: l.number, Outcome: l.FeedOutcome, Reason: l.reason})
	}
	return fed
}
