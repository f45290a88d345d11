package commands

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EraseAgain erases what the list of erasures says and a log or a database that was set back still holds. It may be repeated: what is
// erased already, or was written since, stays as it is.
type EraseAgain struct {
	List   domain.Erasures
	Reason domain.Reason
	// Append appends many drafts. After an error some of them may be in the log.
	Append func(ctx context.Context, drafts []domain.Draft) error
	Kept   KeptEraser
	// Directory and Contents hand over every record of the topic, those of a key in their order; the error is of one that cannot be decoded.
	Directory, Contents func(ctx context.Context, each func(domain.Recorded, error)) error
	// Figures are the erasures of figures that the tables know, by agency and social account; what they do not know yet is said again.
	Figures func(ctx context.Context) (map[domain.PostRef]time.Time, error)
	Now     func() time.Time
}

// Erase does it, and tells how many records it appended.
func (e EraseAgain) Erase(ctx context.Context) (appended int, err error) {
	if len(e.List) == 0 {
		return 0, nil
	}
	drafts, err := e.ofDirectory(ctx)
	if err != nil {
		return 0, err
	}
	contents, err := e.ofContents(ctx)
	if err != nil {
		return 0, err
	}
	figures, err := e.ofFigures(ctx)
	if err != nil {
		return 0, err
	}
	for _, of := range [][]domain.Draft{e.records(), figures, contents, drafts} {
		if len(of) == 0 {
			continue
		}
		if err := e.Append(ctx, of); err != nil {
			return appended, fmt.Errorf("erase again (repeating the command is safe): %w", err)
		}
		appended += len(of)
	}
	return appended, nil
}

// listed is the last state of a key of the directory.
type listed struct {
	erased bool
	entity domain.DirectoryEntity // nil: the list does not name it, or it is erased
	until  time.Time              // the instant of its erasure
}

// listedOf is what a record of the directory says; false: it is of no entity.
func (e EraseAgain) listedOf(r domain.Recorded) (now listed, ok bool) {
	entity, isEntity := r.Data.(domain.DirectoryEntity)
	now.erased = !isEntity
	if isEntity {
		if line, erased := e.List.Of(entity); erased && r.Envelope.Time.Before(line.At) {
			now.entity, now.until = entity, line.At
		}
	}
	return now, isEntity || r.Data == nil
}

// ended is a secret as of an instant.
type ended struct {
	at time.Time
	of []string // keys of the connections that named it
}

// connections are those that are erased, and not back.
func (s ended) connections(state map[string]listed) (gone []int64) {
	for _, key := range s.of {
		_, id, _ := domain.SplitDirectoryKey(key)
		if n, bad := strconv.ParseInt(id, 10, 64); bad == nil && (state[key].erased || state[key].entity != nil) {
			gone = append(gone, n)
		}
	}
	return gone
}

// ofDirectory are tombstones of entities that were written before their erasure, with its instant: what is written later stays. What is
// kept of them goes at once.
func (e EraseAgain) ofDirectory(ctx context.Context) (drafts []domain.Draft, err error) {
	state := map[string]listed{}
	secrets := map[string]ended{} // also of states that another one has replaced
	err = e.Directory(ctx, func(r domain.Recorded, err error) {
		now, ok := e.listedOf(r)
		if err != nil || !ok {
			return // what does not decode is parked and in no table
		}
		if data, ok := now.entity.(domain.DirectoryConnection); ok {
			secrets[data.SecretRef] = ended{at: now.until, of: append(secrets[data.SecretRef].of, r.Key)}
		}
		state[r.Key] = now
	})
	if err != nil {
		return nil, fmt.Errorf("look for erased entities: %w", err)
	}
	delete(secrets, "")
	for ref, end := range secrets {
		if _, err := e.Kept.DeleteStale(ctx, end.connections(state), []string{ref}, end.at); err != nil {
			return nil, err
		}
	}
	for key, now := range state {
		if now.entity == nil {
			continue
		}
		kind, id, _ := domain.SplitDirectoryKey(key)
		drafts = append(drafts, EraseDraft(kind, id, now.until))
		switch data := now.entity.(type) {
		case domain.DirectoryUser:
			err = e.Kept.ForgetUser(ctx, data.ID)
		case domain.DirectorySocialAccount:
			err = e.Kept.ForgetReads(ctx, []int64{data.ID}, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

// ofContents are tombstones of what was said before the erasure, with its instant: what is said later stays.
func (e EraseAgain) ofContents(ctx context.Context) (drafts []domain.Draft, err error) {
	state := map[string]*domain.ErasedID{} // nil: erased, or written since
	err = e.Contents(ctx, func(r domain.Recorded, err error) {
		post, _, bad := domain.SplitContentKey(r.Key)
		if err != nil || bad != nil {
			return
		}
		line, erased := e.List.OfTexts(post.ParentAccount, post.SocialAccount)
		if !erased {
			return
		}
		state[r.Key] = nil
		if r.Data != nil && r.Envelope.Time.Before(line.At) {
			state[r.Key] = &line
		}
	})
	if err != nil {
		return nil, fmt.Errorf("look for erased contents: %w", err)
	}
	for key, line := range state {
		if line != nil {
			drafts = append(drafts, EraseContentDraft(key, line.At))
		}
	}
	return drafts, nil
}

// ofFigures are the erasures of figures that the tables do not know.
func (e EraseAgain) ofFigures(ctx context.Context) (drafts []domain.Draft, err error) {
	known, err := e.Figures(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for erasures of figures: %w", err)
	}
	for _, line := range e.List {
		id, bad := strconv.ParseInt(line.ID, 10, 64)
		if line.Kind != domain.KindSocialAccount || bad != nil || !line.Platform.Valid() { // without a platform nothing was ever read
			continue
		}
		if at := known[domain.PostRef{ParentAccount: line.Agency, SocialAccount: id}]; at.Before(line.At) {
			erased := domain.AccountErased{
				ParentAccount: line.Agency, AccountID: line.AccountID, SocialAccount: id, Platform: line.Platform, ErasedAt: line.At,
			}
			drafts = append(drafts, NewDraft(domain.TopicMetrics, erased.Key(), erased, e.Now()))
		}
	}
	return drafts, nil
}

// records say once more who was erased, with the instants of then: one for each user, and one for the other lines of each
// agency and instant.
func (e EraseAgain) records() (drafts []domain.Draft) {
	type erasure struct {
		agency, user string
		at           time.Time
	}
	found := map[erasure]domain.PersonErased{}
	for _, line := range e.List {
		of := erasure{agency: line.Agency, at: line.At}
		if line.Kind == domain.KindUser {
			of.user = line.ID
		}
		record := found[of]
		record.Order.Reason = e.Reason
		found[of] = record.With(line)
	}
	for of, erased := range found {
		record := NewDraft(domain.TopicOperations, cmp.Or(of.agency, domain.OperationsKeyAll), erased, of.at)
		record.Envelope.Audit.Actor = erasureActor
		drafts = append(drafts, record)
	}
	return drafts
}

// RefuseErased refuses what the list of erasures names and was written or captured before the instant, by whichever clock
// ([MaxSkew]), or does not say when. Now is the
// time that drafts have which say none themselves.
func RefuseErased(list domain.Erasures, drafts []domain.Draft, now time.Time) error {
	for _, draft := range drafts {
		line, erased, written := erasureOf(list, draft, now)
		if erased && written.Before(line.At.Add(MaxSkew)) {
			return fmt.Errorf("%s %s was erased on %s, and this row is older or does not say when it was written "+
				"(updated_at); leave it out",
				line.Kind, line.ID, line.At.Format(time.RFC3339))
		}
	}
	return nil
}

// erasureOf is the erasure that is about a draft, and when what it says was written.
func erasureOf(list domain.Erasures, d domain.Draft, now time.Time) (line domain.ErasedID, erased bool, written time.Time) {
	ofAccount := func(agency string, account int64, at time.Time) (domain.ErasedID, bool, time.Time) {
		line, erased := list.OfAccount(agency, account)
		return line, erased, at
	}
	switch data := d.Data.(type) {
	case domain.AccountRead:
		return ofAccount(data.ParentAccount, data.SocialAccount, data.CapturedAt)
	case domain.PostRead:
		return ofAccount(data.ParentAccount, data.SocialAccount, data.CapturedAt)
	case domain.PostRegistered:
		return ofAccount(data.ParentAccount, data.SocialAccount, data.RegisteredAt)
	case domain.PostContent:
		line, erased := list.OfTexts(data.ParentAccount, data.SocialAccount)
		return line, erased, d.Envelope.Time
	case domain.DirectoryEntity:
		written = d.Envelope.Time // the line's updated_at
		if written.Equal(stored(now)) {
			written = writtenAt(data)
		}
		line, erased = list.Of(data)
		return line, erased, written
	default:
		return line, false, written
	}
}

// writtenAt is when the main application says in an entity that it wrote it; zero: it does not say.
func writtenAt(entity domain.DirectoryEntity) time.Time {
	switch data := entity.(type) {
	case domain.DirectoryUser:
		return data.UpdatedAt
	case domain.DirectoryConnection:
		return data.UpdatedAt
	case domain.DirectorySocialAccount:
		return data.UpdatedAt
	case domain.DirectorySession:
		return data.LoginAt
	default:
		return time.Time{}
	}
}
