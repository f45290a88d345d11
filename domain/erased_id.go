package domain

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErasedID is a line of the list of erasures that `ledgerboard erase --list` prints from the log.
// After an older log is restored, `erase --from` repeats the listed erasures. Data that was written
// or captured before the instant is erased; later data is new and stays.
type ErasedID struct {
	Kind      string    `json:"kind"`                 // directory kind: user, member, connection or social_account
	ID        string    `json:"id"`                   // id of the entity
	Agency    string    `json:"agency"`               // 24 hex digits
	At        time.Time `json:"at"`                   // the instant of the erasure, in UTC
	AccountID string    `json:"account_id,omitempty"` // for a social account: the client that owned it
	Platform  Platform  `json:"p_id,omitempty"`       // for a social account
	Own       bool      `json:"own,omitempty"`        // the social account is the person's own profile
}

// ErasedIDs returns the lines of a recorded erasure: one for each id. agency is the agency of the
// person, and at is the instant of the erasure.
func (p PersonErased) ErasedIDs(agency string, at time.Time) (lines []ErasedID) {
	add := func(kind, id string) {
		lines = append(lines, ErasedID{Kind: kind, ID: id, Agency: agency, At: at.UTC().Truncate(time.Microsecond)})
	}
	if p.User != "" {
		add(KindUser, p.User)
	}
	for _, id := range p.Members {
		add(KindMember, number(id))
	}
	for _, id := range p.Connections {
		add(KindConnection, number(id))
	}
	for _, id := range slices.Concat(p.Profiles, p.Named) {
		add(KindSocialAccount, number(id))
		line := &lines[len(lines)-1]
		line.Own = slices.Contains(p.Profiles, id)
		for _, owner := range p.Accounts {
			if owner.SocialAccount == id {
				line.AccountID, line.Platform = owner.AccountID, owner.Platform
			}
		}
	}
	return lines
}

// With returns the record with a line added. A line with an invalid id is ignored.
func (p PersonErased) With(line ErasedID) PersonErased {
	id, err := strconv.ParseInt(line.ID, 10, 64)
	switch {
	case line.Kind == KindUser:
		p.User = line.ID
	case err != nil:
	case line.Kind == KindMember:
		p.Members = append(p.Members, id)
	case line.Kind == KindConnection:
		p.Connections = append(p.Connections, id)
	case line.Kind == KindSocialAccount:
		if line.Own {
			p.Profiles = append(p.Profiles, id)
		} else {
			p.Named = append(p.Named, id)
		}
		if line.Platform.Valid() {
			p.Accounts = append(p.Accounts, AccountOwner{id, line.AccountID, line.Platform})
		}
	}
	return p
}

// Erasures holds the erasures by kind and id, each with its latest instant.
type Erasures map[string]ErasedID

// NewErasures builds the list from lines.
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

// Of returns the erasure that covers an entity: its own, or that of the person who owns it. A page
// stays with its client unless the list names the page.
func (e Erasures) Of(entity DirectoryEntity) (line ErasedID, erased bool) {
	keys := []string{EntityKey(entity)}
	addKey := func(kind, id string) { keys = append(keys, DirectoryKey(kind, id)) }
	switch data := entity.(type) {
	case DirectorySession:
		addKey(KindUser, data.UserID)
	case DirectoryMember:
		addKey(KindUser, data.UserID)
	case DirectoryConnection:
		addKey(KindMember, number(data.MemberID))
	case DirectoryDefaultAccount:
		addKey(KindMember, number(data.MemberID))
	case DirectorySocialAccount:
		if line, erased = e[keys[0]]; erased && line.Agency != data.ParentAccount {
			return ErasedID{}, false
		}
		if data.Platform.Personal(data.AccountType) {
			addKey(KindMember, number(data.MemberID))
		}
	}
	for _, key := range keys {
		if found, ok := e[key]; ok && found.At.After(line.At) {
			line, erased = found, true
		}
	}
	return line, erased
}

// OfAccount returns the erasure of the readings that an agency has of a social account.
func (e Erasures) OfAccount(agency string, socialAccount int64) (line ErasedID, erased bool) {
	line, erased = e[DirectoryKey(KindSocialAccount, number(socialAccount))]
	return line, erased && line.Agency == agency
}

// OfTexts returns the erasure of the texts that an agency stores for a social account. The erasure
// of a person's own profile applies to all agencies.
func (e Erasures) OfTexts(agency string, socialAccount int64) (line ErasedID, erased bool) {
	line, erased = e[DirectoryKey(KindSocialAccount, number(socialAccount))]
	return line, erased && (line.Own || line.Agency == agency)
}

// ErasureOrder records who ordered an erasure, the legal ground, when it is due, and the operator's
// reason.
type ErasureOrder struct {
	By     string `json:"by"`     // "person", "client", "agency", "platform" or "authority"
	Ground string `json:"ground"` // "not_needed", "consent_withdrawn", "objection", "unlawful" or "legal_obligation"
	Due    string `json:"due"`    // the last day for the erasure, YYYY-MM-DD
	Reason Reason `json:"reason"` // reason of the operator who executes the order
}

// OrderedByPlatform is the orderer of an erasure that a person asked a platform for.
const OrderedByPlatform = "platform"

var (
	// The client or agency owns the data; a platform orders at the person's request; an authority
	// may be a court.
	erasureOrderers = []string{"person", "client", "agency", OrderedByPlatform, "authority"}
	// The grounds of GDPR article 17(1), from (a) to (e).
	erasureGrounds = []string{"not_needed", "consent_withdrawn", "objection", "unlawful", "legal_obligation"}
)

// Validate checks all fields. Its errors have [CodeInvalid] and list the allowed values.
func (e ErasureOrder) Validate() error {
	switch {
	case !slices.Contains(erasureOrderers, e.By):
		return NewError(CodeInvalid, "%.40q cannot order an erasure. Use one of %s.",
			e.By, strings.Join(erasureOrderers, ", "))
	case !slices.Contains(erasureGrounds, e.Ground):
		return NewError(CodeInvalid, "%.40q is not a ground for an erasure. Use one of %s.",
			e.Ground, strings.Join(erasureGrounds, ", "))
	}
	if _, err := time.Parse(time.DateOnly, e.Due); err != nil {
		return NewError(CodeInvalid, "%.40q is not a date. Write the due date as YYYY-MM-DD.", e.Due)
	}
	return e.Reason.Validate()
}

// DeletionRequest is a person's request to Meta to delete the data that one of our apps holds about
// the person.
type DeletionRequest struct {
	Code     string   // with which anyone can check the progress; it does not identify the person
	Platform Platform // where the person signed in
	Person   string   // the platform's id of the person; "" after the request is done
	AskedAt  time.Time
	DoneAt   *time.Time // nil if not done yet
}

// CoversUntil returns the end of the second in which the request was made, because Meta reports
// only whole seconds. Later consents, and their data, are not covered.
func (d DeletionRequest) CoversUntil() time.Time { return d.AskedAt.Add(time.Second) }
