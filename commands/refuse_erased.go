package commands

import (
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

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
