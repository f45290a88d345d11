package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// sourceFeed is the ce_source of what a main application tells over HTTP.
const sourceFeed = "/ledgerboard/directory"

// MaxFedLine is the longest line, in bytes: whatever it becomes fits into a record.
const MaxFedLine = 128 << 10

// DirectoryTables are what the tables hold of the directory.
type DirectoryTables interface {
	// Told returns the entities of keys of topic `directory`; a key without one is absent.
	Told(ctx context.Context, keys []string) (map[string]domain.ToldEntity, error)
	// Moved returns a channel that is closed when the tables have moved. Take it before looking at them.
	Moved() <-chan struct{}
	// ContentsOf returns what the posts say of social accounts, and of all of agencies.
	ContentsOf(ctx context.Context, socialAccounts []int64, agencies []string) ([]domain.StoredContent, error)
	// Erasures are the recorded erasures of people: what they name and was written before is refused.
	Erasures(ctx context.Context) (domain.Erasures, error)
	// HasAccount tells whether the account is the agency, or one of its clients.
	HasAccount(ctx context.Context, agency, account string) (bool, error)
	// HasEmail tells whether an active user of the agency or of one of its clients has the address, in whatever case.
	HasEmail(ctx context.Context, agency, email string) (bool, error)
}

// FeedDirectory takes what a main application tells of its directory and of the posts that it published. An entity that is not
// newer than the stored one is not appended. It answers once the tables show what was taken, so that the next request compares
// with it. If two requests send one entity at the same moment, the last record in the log counts.
type FeedDirectory struct {
	// Append tells what became of each draft; nil: all in-sync replicas have it.
	Append   func(ctx context.Context, drafts []domain.Draft) []error
	Told     DirectoryTables
	Registry *domain.Registry
	// Local says that accounts and users are made here, LEDGERBOARD_DIRECTORY=local: the main application's are refused.
	Local bool
	Now   func() time.Time
}

// FedOutcome is what became of a line.
type FedOutcome string

// The outcomes of a line.
const (
	FedTaken     FedOutcome = "taken"     // it is in the log
	FedUnchanged FedOutcome = "unchanged" // it is known already, or something later is
	FedRefused   FedOutcome = "refused"   // see its reason
)

// FedLine is what became of one line.
type FedLine struct {
	Line    int        `json:"line"` // from 1 on, empty lines counted
	Outcome FedOutcome `json:"outcome"`
	Reason  string     `json:"reason,omitempty"` // why it is refused, or changes nothing
}

// Fed is what became of a request.
type Fed struct {
	Taken     int       `json:"taken"`     // lines that are in the log
	Unchanged int       `json:"unchanged"` // lines that tell nothing new
	Refused   int       `json:"refused"`   // lines that cannot be taken
	Lines     []FedLine `json:"lines"`     // in their order; empty lines are left out
}

// fedLine is a line on its way.
type fedLine struct {
	number int
	drafts []domain.Draft // the first is the entity or the post
	timed  bool           // it says itself when it was so
	FedOutcome
	reason string
}

// errNotAppended (unavailable): the outcome of some lines is open; to repeat the request is safe.
var errNotAppended = domain.NewError(domain.CodeUnavailable,
	"The log did not acknowledge every line. Send the same request again: what was taken already changes nothing.")

// Feed takes lines ([EntityLine]) and returns once they are in the log. Atomic refuses all if one is refused (unprocessable, with
// the lines). Other errors: [errNotAppended].
func (f FeedDirectory) Feed(ctx context.Context, c Caller, lines [][]byte, atomic bool) (Fed, error) {
	erased, err := f.Told.Erasures(ctx)
	if err != nil {
		return Fed{}, err
	}
	now := f.Now()
	var read []*fedLine
	for i, raw := range lines {
		if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			// Of an entity the latest state counts: a line that says no time stands behind those before it.
			at := now.Add(time.Duration(i) * time.Microsecond)
			l := f.read(i+1, raw, at)
			if err := RefuseErased(erased, l.drafts, at); err != nil {
				l.refuse(err)
			}
			read = append(read, l)
		}
	}
	if err := f.compare(ctx, read); err != nil {
		return Fed{}, err
	}
	if atomic {
		if err := refusals(read); err != nil {
			return Fed{}, err
		}
	}
	drafts, err := f.drafts(ctx, c, read, now)
	if err != nil {
		return Fed{}, err
	}
	for _, err := range f.Append(ctx, drafts) {
		if err != nil {
			return Fed{}, fmt.Errorf("%w (%w)", errNotAppended, err)
		}
	}
	awaitEntities(ctx, f.Told, drafts...)
	return fedOf(read), nil
}

// awaitEntities waits until the tables show the last of the drafts of each entity, or a later state, so that the next request finds it.
// What is in the log is taken, also where they take longer.
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
	Shown(ctx, tables.Moved, func(ctx context.Context) (bool, error) {
		told, err := tables.Told(ctx, slices.Collect(maps.Keys(last)))
		for key, draft := range last {
			if state, known := told[key]; known != (draft.Data != nil) || known && state.At.Before(stored(draft.Envelope.Time)) {
				return false, err
			}
		}
		return true, err
	})
}

// read checks a line by itself.
func (f FeedDirectory) read(number int, raw []byte, now time.Time) *fedLine {
	l := &fedLine{number: number, FedOutcome: FedTaken}
	if len(raw) > MaxFedLine {
		return l.refuse(fmt.Errorf("is longer than %d bytes", MaxFedLine))
	}
	drafts, err := EntityLine(raw, f.Registry, now)
	if err != nil {
		return l.refuse(err)
	}
	l.drafts, l.timed = drafts, !drafts[0].Envelope.Time.Equal(stored(now))
	if post, ok := drafts[0].Data.(domain.PostRegistered); ok {
		if post.Origin != domain.OriginMainApp {
			return l.refuse(fmt.Errorf("origin is %q; a post that a main application published has %q", post.Origin, domain.OriginMainApp))
		}
		if l.drafts[0], err = (Import{Now: now}).registered(post); err != nil {
			return l.refuse(err)
		}
		return l
	}
	kind, _, _ := domain.SplitDirectoryKey(drafts[0].Key) // EntityLine has made it
	if f.Local && (kind == domain.KindAccount || kind == domain.KindUser) {
		return l.refuse(errors.New("accounts and users are made here (LEDGERBOARD_DIRECTORY=local), not by a main application; leave the line out"))
	}
	return l
}

func (l *fedLine) refuse(why error) *fedLine {
	l.FedOutcome, l.reason, l.drafts = FedRefused, why.Error(), nil
	return l
}

// compare leaves out what is not later than what is known, be it from the tables or from an earlier line.
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
	told, err := f.Told.Told(ctx, slices.Compact(keys))
	if err != nil {
		return err
	}
	for _, l := range lines {
		if !l.isEntity() {
			continue
		}
		draft := &l.drafts[0]
		before, known := told[draft.Key]
		entity := l.entity()
		if err := connectedHere(*draft, func(key string) domain.DirectoryEntity { return told[key].Entity }); err != nil {
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
			delete(told, draft.Key)
		default:
			told[draft.Key] = domain.ToldEntity{At: draft.Envelope.Time, Entity: entity}
		}
	}
	return nil
}

// isEntity tells whether the line may yet be taken, and is of an entity: its state, or its erasure.
func (l *fedLine) isEntity() bool {
	return len(l.drafts) > 0 && l.drafts[0].Topic == domain.TopicDirectory
}

// entity is the state that the line tells; nil for an erasure.
func (l *fedLine) entity() domain.DirectoryEntity {
	entity, _ := l.drafts[0].Data.(domain.DirectoryEntity)
	return entity
}

// unchanged notes that nothing is appended, and why; "": the line says what is known.
func (l *fedLine) unchanged(reason string) {
	l.FedOutcome, l.drafts, l.reason = FedUnchanged, nil, reason
}

// news reports whether a line is appended over what is stored, and otherwise notes why not; nil: it erases the entity.
func (l *fedLine) news(entity domain.DirectoryEntity, before domain.ToldEntity) bool {
	at, now := stored(before.At), l.drafts[0].Envelope.Time
	switch same := reflect.DeepEqual(entity, before.Entity); {
	case same && (!l.timed || at.Equal(stored(now))):
		l.unchanged("")
	case (domain.CompactedRecord{At: now, Erased: entity == nil}).Replaces(domain.CompactedRecord{At: at}):
		return true
	default:
		l.unchanged("its updated_at is not later than that of the stored entity, " + at.Format(time.RFC3339Nano))
	}
	return false
}

// refusals is one error that names every refused line; nil: there is none.
func refusals(lines []*fedLine) error {
	refused := 0
	err := &domain.Error{Code: domain.CodeUnprocessable}
	for _, l := range lines {
		if l.FedOutcome == FedRefused {
			refused++
			err = err.WithField("line "+strconv.Itoa(l.number), l.reason)
		}
	}
	if refused == 0 {
		return nil
	}
	err.Message = fmt.Sprintf(
		"Nothing was taken: %d of %d lines cannot be, see errors. Mend them, or send the others without atomic=true.", refused, len(lines))
	return err
}

// drafts are what is appended: the lines, what their posts say, and the end of what posts of erased accounts say.
func (f FeedDirectory) drafts(ctx context.Context, c Caller, lines []*fedLine, now time.Time) (drafts []domain.Draft, err error) {
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
		contents, err := f.Told.ContentsOf(ctx, socials, agencies)
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

func fedOf(lines []*fedLine) Fed {
	fed := Fed{Lines: make([]FedLine, 0, len(lines))}
	for _, l := range lines {
		switch l.FedOutcome {
		case FedTaken:
			fed.Taken++
		case FedUnchanged:
			fed.Unchanged++
		case FedRefused:
			fed.Refused++
		}
		fed.Lines = append(fed.Lines, FedLine{Line: l.number, Outcome: l.FedOutcome, Reason: l.reason})
	}
	return fed
}
