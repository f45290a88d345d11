package commands

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// EraseAgain repeats the listed erasures after a log or database was restored from a backup. Data
// that is already erased, or was written after its erasure, is left unchanged.
type EraseAgain struct {
	List   domain.Erasures
	Reason domain.Reason
	// Append appends many drafts. After an error, some of them may be in the log.
	Append func(ctx context.Context, drafts []domain.Draft) error
	Kept   KeptEraser
	// Directory and Contents pass every record of their topic to each, with an error if the record
	// cannot be decoded. The records of one key are in order.
	Directory, Contents func(ctx context.Context, each func(domain.Recorded, error)) error
	// Figures returns the instants of the erasures of figures in the tables, by agency and social
	// account. Missing erasures are appended again.
	Figures func(ctx context.Context) (map[domain.PostRef]time.Time, error)
	Now     func() time.Time
}

// Erase repeats the erasures and returns the number of appended records.
func (e EraseAgain) Erase(ctx context.Context) (appended int, err error) {
	if len(e.List) == 0 {
		return 0, nil
	}
	drafts, pages, err := e.directoryDrafts(ctx)
	if err != nil {
		return 0, err
	}
	contents, err := e.contentDrafts(ctx)
	if err != nil {
		return 0, err
	}
	figures, err := e.figureDrafts(ctx)
	if err != nil {
		return 0, err
	}
	records := e.records(pages)
	done := make([]domain.Draft, len(records))
	for i, record := range records {
		done[i] = DoneDraft(record, e.Now())
	}
	return appendErasure(ctx, e.Append, records, figures, contents, drafts, done)
}

// entityState is the latest state of a directory key.
type entityState struct {
	erased bool
	entity domain.DirectoryEntity // the entity, if it must be erased again
	until  time.Time              // the instant of that erasure

	// page is a page as the erasure of its member left it: without a connection. It is nil for other
	// entities.
	page *domain.DirectorySocialAccount
}

// stateOf returns the state that a directory record describes; ok is false if it does not describe
// an entity.
func (e EraseAgain) stateOf(r domain.Recorded) (state entityState, ok bool) {
	entity, isEntity := r.Data.(domain.DirectoryEntity)
	state.erased = !isEntity
	if isEntity {
		if line, erased := e.List.Of(entity); erased && r.Envelope.Time.Before(line.At) {
			state.entity, state.until = entity, line.At
		}
	}
	if page, ok := r.Data.(domain.DirectorySocialAccount); ok && state.entity == nil && page.Connected {
		line, erased := e.List[domain.DirectoryKey(domain.KindMember, strconv.FormatInt(page.MemberID, 10))]
		if erased && line.Agency == page.ParentAccount && r.Envelope.Time.Before(line.At) {
			page.Connected, page.Ended, page.UpdatedAt = false, domain.StatusErased, line.At
			state.page = &page
		}
	}
	return state, isEntity || r.Data == nil
}

// secretUse holds the keys of the connections that named a secret, and the instant of their
// erasure.
type secretUse struct {
	erasedAt    time.Time
	connections []string
}

// erasedConnections returns the connections that are erased, or must be erased again.
func (s secretUse) erasedConnections(states map[string]entityState) (gone []int64) {
	for _, key := range s.connections {
		_, id, _ := domain.SplitDirectoryKey(key)
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && (states[key].erased || states[key].entity != nil) {
			gone = append(gone, n)
		}
	}
	return gone
}

// directoryDrafts returns tombstones for entities that were written before their erasure, and
// deletes what schema kept stores about them. It also returns the pages that lose their connection,
// and their drafts.
func (e EraseAgain) directoryDrafts(
	ctx context.Context,
) (drafts []domain.Draft, pages []domain.DirectorySocialAccount, err error) {
	states := map[string]entityState{}
	secrets := map[string]secretUse{} // including those of replaced states
	err = e.Directory(ctx, func(r domain.Recorded, err error) {
		state, ok := e.stateOf(r)
		if err != nil || !ok {
			return // a record that does not decode is a dead letter, and in no table
		}
		if data, ok := state.entity.(domain.DirectoryConnection); ok {
			secrets[data.SecretRef] = secretUse{state.until, append(secrets[data.SecretRef].connections, r.Key)}
		}
		states[r.Key] = state
	})
	if err != nil {
		return nil, nil, fmt.Errorf("find erased entities: %w", err)
	}
	delete(secrets, "")
	for ref, use := range secrets {
		if _, err := e.Kept.DeleteStale(ctx, use.erasedConnections(states), []string{ref}, use.erasedAt); err != nil {
			return nil, nil, err
		}
	}
	for key, state := range states {
		if state.page != nil {
			pages, drafts = append(pages, *state.page), append(drafts, EntityDraft(*state.page, state.page.UpdatedAt))
			if err := e.Kept.ForgetReads(ctx, nil, []int64{state.page.ID}); err != nil {
				return nil, nil, err
			}
		}
		if state.entity == nil {
			continue
		}
		kind, id, _ := domain.SplitDirectoryKey(key)
		drafts = append(drafts, EraseDraft(kind, id, state.until))
		switch data := state.entity.(type) {
		case domain.DirectoryUser:
			err = e.Kept.ForgetUser(ctx, data.ID)
		case domain.DirectorySocialAccount:
			err = e.Kept.ForgetReads(ctx, []int64{data.ID}, nil)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return drafts, pages, nil
}

// contentDrafts returns tombstones for contents that were stored before their erasure.
func (e EraseAgain) contentDrafts(ctx context.Context) (drafts []domain.Draft, err error) {
	erasures := map[string]*domain.ErasedID{} // by record key; nil if already erased, or written later
	err = e.Contents(ctx, func(r domain.Recorded, err error) {
		post, _, keyErr := domain.SplitContentKey(r.Key)
		if err != nil || keyErr != nil {
			return
		}
		line, erased := e.List.OfTexts(post.ParentAccount, post.SocialAccount)
		if !erased {
			return
		}
		erasures[r.Key] = nil
		if r.Data != nil && r.Envelope.Time.Before(line.At) {
			erasures[r.Key] = &line
		}
	})
	if err != nil {
		return nil, fmt.Errorf("find erased contents: %w", err)
	}
	for key, line := range erasures {
		if line != nil {
			drafts = append(drafts, EraseContentDraft(key, line.At))
		}
	}
	return drafts, nil
}

func (e EraseAgain) figureDrafts(ctx context.Context) (drafts []domain.Draft, err error) {
	known, err := e.Figures(ctx)
	if err != nil {
		return nil, fmt.Errorf("read erasures of figures: %w", err)
	}
	for _, line := range e.List {
		id, err := strconv.ParseInt(line.ID, 10, 64)
		if line.Kind != domain.KindSocialAccount || err != nil || !line.Platform.Valid() {
			continue // not a social account, or one that was never read
		}
		if at := known[domain.PostRef{ParentAccount: line.Agency, SocialAccount: id}]; at.Before(line.At) {
			erased := domain.AccountErased{
				ParentAccount: line.Agency, AccountID: line.AccountID, SocialAccount: id,
				Platform: line.Platform, ErasedAt: line.At,
			}
			drafts = append(drafts, NewDraft(domain.TopicMetrics, erased.Key(), erased, e.Now()))
		}
	}
	return drafts, nil
}

// records returns the records of the erasures with their original instants: one per user, and one
// for all other lines with the same agency and instant, and for the pages of their members.
func (e EraseAgain) records(pages []domain.DirectorySocialAccount) (drafts []domain.Draft) {
	type erasure struct {
		agency, user string
		at           time.Time
	}
	found := map[erasure]domain.PersonErased{}
	for _, line := range e.List {
		key := erasure{agency: line.Agency, at: line.At}
		if line.Kind == domain.KindUser {
			key.user = line.ID
		}
		record := found[key]
		record.Order.Reason = e.Reason
		found[key] = record.With(line)
	}
	for _, page := range pages {
		key := erasure{agency: page.ParentAccount, at: page.UpdatedAt}
		record := found[key]
		record.Pages = append(record.Pages, page.ID)
		found[key] = record
	}
	for key, erased := range found {
		record := NewDraft(domain.TopicOperations, cmp.Or(key.agency, domain.OperationsKeyAll), erased, key.at)
		record.Envelope.Audit.Actor = erasureActor
		drafts = append(drafts, record)
	}
	return drafts
}

// RefuseErased returns an error if the data of a draft is erased: if an erasure on the list covers
// it, and it was written or captured before the erasure, with a tolerance of [MaxSkew]. now is the
// time of drafts without a time of their own.
func RefuseErased(list domain.Erasures, drafts []domain.Draft, now time.Time) error {
	for _, draft := range drafts {
		line, erased, written := erasureOf(list, draft, now)
		if erased && written.Before(line.At.Add(MaxSkew)) {
			return fmt.Errorf("%s %s was erased on %s, and this row is older or has no updated_at; remove the row",
				line.Kind, line.ID, line.At.Format(time.RFC3339))
		}
	}
	return nil
}

// erasureOf returns the erasure that covers a draft, and when the draft's data was written.
func erasureOf(
	list domain.Erasures, d domain.Draft, now time.Time,
) (line domain.ErasedID, erased bool, written time.Time) {
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
		written = d.Envelope.Time // the updated_at of the line
		if written.Equal(stored(now)) {
			written = writtenAt(data)
		}
		line, erased = list.Of(data)
		return line, erased, written
	default:
		return line, false, written
	}
}

// writtenAt returns when the main application wrote an entity; zero if unknown.
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
