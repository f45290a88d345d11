package domain

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErasedID is a line of the list of erasures that `ledgerboard erase --list` prints from the log. After a restore of an older
// log, `erase --from` repeats what it names. What was written or captured before the instant is erased; what comes from then
// on is new.
type ErasedID struct {
	Kind      string    `json:"kind"` // of the directory: user, member, connection or social_account
	ID        string    `json:"id"`
	Agency    string    `json:"agency"`               // 24 hex digits
	At        time.Time `json:"at"`                   // the instant, UTC
	AccountID string    `json:"account_id,omitempty"` // of a social account: the client who had it
	Platform  Platform  `json:"p_id,omitempty"`       // of a social account
	Own       bool      `json:"own,omitempty"`        // a social account that is the person's own profile
}

// ErasedIDs are the lines of a recorded erasure of an agency.
func (e PersonErased) ErasedIDs(agency string, at time.Time) (lines []ErasedID) {
	add := func(kind, id string) {
		lines = append(lines, ErasedID{Kind: kind, ID: id, Agency: agency, At: at.UTC().Truncate(time.Microsecond)})
	}
	if e.User != "" {
		add(KindUser, e.User)
	}
	for _, id := range e.Members {
		add(KindMember, number(id))
	}
	for _, id := range e.Connections {
		add(KindConnection, number(id))
	}
	for _, id := range slices.Concat(e.Profiles, e.Named) {
		add(KindSocialAccount, number(id))
		line := &lines[len(lines)-1]
		line.Own = slices.Contains(e.Profiles, id)
		for _, owner := range e.Accounts {
			if owner.SocialAccount == id {
				line.AccountID, line.Platform = owner.AccountID, owner.Platform
			}
		}
	}
	return lines
}

// With returns the record with a line added; a line that is no such id is left out.
func (e PersonErased) With(line ErasedID) PersonErased {
	id, err := strconv.ParseInt(line.ID, 10, 64)
	switch {
	case line.Kind == KindUser:
		e.User = line.ID
	case err != nil:
	case line.Kind == KindMember:
		e.Members = append(e.Members, id)
	case line.Kind == KindConnection:
		e.Connections = append(e.Connections, id)
	case line.Kind == KindSocialAccount:
		if line.Own {
			e.Profiles = append(e.Profiles, id)
		} else {
			e.Named = append(e.Named, id)
		}
		if line.Platform.Valid() {
			e.Accounts = append(e.Accounts, AccountOwner{id, line.AccountID, line.Platform})
		}
	}
	return e
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
		if data.Platform.Personal(data.AccountType) {
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

// ErasureOrder is who ordered an erasure, on which ground, by when it is due, and where more of it is written.
type ErasureOrder struct {
	By     string `json:"by"`     // one of [ErasureOrderers]
	Ground string `json:"ground"` // one of [ErasureGrounds]
	Due    string `json:"due"`    // the last day, YYYY-MM-DD
	Reason Reason `json:"reason"`
}

// ErasureOrderers are who may order an erasure: the person, the client or the agency whose data it is, a platform that was asked by the
// person, an authority or a court.
func ErasureOrderers() []string {
	return []string{"person", "client", "agency", "platform", "authority"}
}

// ErasureGrounds are the grounds of GDPR article 17 (1), from (a) to (e).
func ErasureGrounds() []string {
	return []string{"not_needed", "consent_withdrawn", "objection", "unlawful", "legal_obligation"}
}

// Validate checks all of it; its errors are invalid and say what may be written.
func (o ErasureOrder) Validate() error {
	switch {
	case !slices.Contains(ErasureOrderers(), o.By):
		return NewError(CodeInvalid, "%.40q is nobody who orders an erasure; write one of %s.", o.By, strings.Join(ErasureOrderers(), ", "))
	case !slices.Contains(ErasureGrounds(), o.Ground):
		return NewError(CodeInvalid, "%.40q is no ground of an erasure; write one of %s.", o.Ground, strings.Join(ErasureGrounds(), ", "))
	}
	if _, err := time.Parse(time.DateOnly, o.Due); err != nil {
		return NewError(CodeInvalid, "%.40q is no day; write when the erasure is due as YYYY-MM-DD.", o.Due)
	}
	return o.Reason.Validate()
}

// DeletionRequest is what a person asked Meta for: that what one of our apps has of them be deleted.
type DeletionRequest struct {
	Code     string   // by which the person looks after it; it names nobody
	Platform Platform // where the person signed in
	Person   string   // the platform's id of the person; "" when it is done
	AskedAt  time.Time
	DoneAt   *time.Time // nil: not done yet
}

// CoversUntil is the instant from which on a consent is none that the request is about, and what it brought stays. Meta says the second of
// a request alone.
func (r DeletionRequest) CoversUntil() time.Time { return r.AskedAt.Add(time.Second) }
