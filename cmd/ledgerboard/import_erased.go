package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// refuseErased refuses what the list of erasures names and was written or captured before the instant, or does not say when.
func (p *importPass) refuseErased(d drafted) error {
	for _, draft := range slices.Concat([]domain.Draft{d.Draft}, d.contents) {
		line, erased, written := p.erasureOf(draft)
		if erased && written.Before(line.At) {
			return fmt.Errorf("%s %s was erased on %s (LEDGERBOARD_ERASURES_FILE), and this row is of before or does not say when it was written; "+
				"leave it out",
				line.Kind, line.ID, line.At.Format(time.RFC3339))
		}
	}
	return nil
}

// erasureOf is the erasure that is about a draft, and when what it says was written.
func (p *importPass) erasureOf(d domain.Draft) (line domain.ErasedID, erased bool, written time.Time) {
	ofAccount := func(agency string, account int64, at time.Time) (domain.ErasedID, bool, time.Time) {
		line, erased := p.erasures.OfAccount(agency, account)
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
		return ofAccount(data.ParentAccount, data.SocialAccount, d.Envelope.Time)
	case domain.DirectoryEntity:
		line, erased = p.erasures.Of(data)
		return line, erased, writtenAt(data)
	default:
		return line, false, written
	}
}

// writtenAt is when the main application says that it wrote an entity; zero: it does not say.
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
