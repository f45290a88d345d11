package domain

import (
	"slices"
	"strings"
	"time"
)

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
	Platform Platform // where the person signed in: [Facebook] or [Instagram]
	Person   string   // the platform's id of the person; "" when it is done
	AskedAt  time.Time
	DoneAt   *time.Time // nil: not done yet
}

// CoversUntil is the instant from which on a consent is none that the request is about, and what it brought stays. Meta says the second of
// a request alone.
func (r DeletionRequest) CoversUntil() time.Time { return r.AskedAt.Add(time.Second) }
