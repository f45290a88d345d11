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
