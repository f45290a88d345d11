package domain

import (
	"slices"
	"time"
)

// ErasedID is a line of the list of erasures, which stands outside log and database: after a restore of an older state it says what is to
// be erased again. What was written or captured before the instant is erased; what comes from then on is new.
type ErasedID struct {
	Kind      string    `json:"kind"` // of the directory: user, member, connection or social_account
	ID        string    `json:"id"`
	Agency    string    `json:"agency"`               // 24 hex digits
	At        time.Time `json:"at"`                   // the instant, UTC
	AccountID string    `json:"account_id,omitempty"` // of a social account: the client who had it
	Platform  Platform  `json:"p_id,omitempty"`       // of a social account
	Own       bool      `json:"own,omitempty"`        // a social account that is the person's own profile
}

// ErasedIDs are the lines of a person's erasure.
func (p Person) ErasedIDs(at time.Time) (lines []ErasedID) {
	add := func(kind, id string) {
		lines = append(lines, ErasedID{Kind: kind, ID: id, Agency: p.ParentAccount, At: at.UTC().Truncate(time.Microsecond)})
	}
	if p.User != "" {
		add(KindUser, p.User)
	}
	for _, id := range p.Members {
		add(KindMember, number(id))
	}
	for _, c := range p.Connections {
		add(KindConnection, number(c.ID))
	}
	for _, id := range p.Going() {
		add(KindSocialAccount, number(id))
		lines[len(lines)-1].Own = slices.Contains(p.Profiles, id)
		for _, had := range p.Had {
			if had.SocialAccount == id {
				lines[len(lines)-1].AccountID, lines[len(lines)-1].Platform = had.AccountID, had.Platform
			}
		}
	}
	return lines
}

// Erasures is the list, by kind and id; of each the latest instant counts.
type Erasures map[string]ErasedID

// NewErasures makes it of lines.
func NewErasures(lines []ErasedID) Erasures {
	list := Erasures{}
	for _, line := range lines {
		key := DirectoryKey(line.Kind, line.ID)
		if line.At.After(list[key].At) {
			list[key] = line
		}
	}
	return list
}

// Of is the erasure that covers an entity, whenever it was written: its own, or that of the person whose it is. A page stays with its
// client unless it is named itself.
func (e Erasures) Of(entity DirectoryEntity) (line ErasedID, erased bool) {
	keys := []string{EntityKey(entity)}
	of := func(kind, id string) { keys = append(keys, DirectoryKey(kind, id)) }
	switch data := entity.(type) {
	case DirectorySession:
		of(KindUser, data.UserID)
	case DirectoryMember:
		of(KindUser, data.UserID)
	case DirectoryConnection:
		of(KindMember, number(data.MemberID))
	case DirectoryDefaultAccount:
		of(KindMember, number(data.MemberID))
	case DirectorySocialAccount:
		if line, erased = e[keys[0]]; erased && line.Agency != data.ParentAccount {
			return ErasedID{}, false
		}
		if data.Platform == LinkedIn && data.AccountType == LinkedInProfile {
			of(KindMember, number(data.MemberID))
		}
	}
	for _, key := range keys {
		if found, is := e[key]; is && found.At.After(line.At) {
			line, erased = found, true
		}
	}
	return line, erased
}

// OfAccount is the erasure of what an agency read of a social account.
func (e Erasures) OfAccount(agency string, socialAccount int64) (line ErasedID, erased bool) {
	line, erased = e[DirectoryKey(KindSocialAccount, number(socialAccount))]
	return line, erased && line.Agency == agency
}

// OfTexts is the erasure of the texts that an agency has of a social account: its own, or, of a profile that is the person's own, whichever
// agency's.
func (e Erasures) OfTexts(agency string, socialAccount int64) (line ErasedID, erased bool) {
	line, erased = e[DirectoryKey(KindSocialAccount, number(socialAccount))]
	return line, erased && (line.Own || line.Agency == agency)
}
