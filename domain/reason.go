package domain

import (
	"regexp"
	"slices"
	"strings"
)

// ReasonCode is why an operator acts. Values are only ever added.
type ReasonCode string

// The codes of reasons.
const (
	ReasonIncident        ReasonCode = "incident"
	ReasonMaintenance     ReasonCode = "maintenance"
	ReasonUpgrade         ReasonCode = "upgrade"
	ReasonVerification    ReasonCode = "verification"
	ReasonDataRepair      ReasonCode = "data_repair"
	ReasonCustomerRequest ReasonCode = "customer_request"
	ReasonTest            ReasonCode = "test"
	ReasonOther           ReasonCode = "other" // needs a ticket
)

// ReasonCodes returns all codes in the order in which people are shown them.
func ReasonCodes() []ReasonCode {
	return []ReasonCode{
		ReasonIncident, ReasonMaintenance, ReasonUpgrade, ReasonVerification, ReasonDataRepair, ReasonCustomerRequest, ReasonTest, ReasonOther,
	}
}

// Reason is why an operator acts: a code of a fixed list, and where more of it is written.
type Reason struct {
	Code   ReasonCode `json:"code"`
	Ticket string     `json:"ticket,omitempty"` // 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -
}

var ticket = regexp.MustCompile(`^[A-Za-z0-9._#/-]{1,64}$`)

// ParseReason reads "CODE[:TICKET]". Its error is invalid; one about the code lists the codes.
func ParseReason(text string) (Reason, error) {
	code, ticket, colon := strings.Cut(text, ":")
	r := Reason{ReasonCode(code), ticket}
	if colon && ticket == "" {
		return Reason{}, NewError(CodeInvalid, "The reason %.80q ends with a colon. Write the ticket behind it, or leave the colon out.", text)
	}
	if err := r.Validate(); err != nil {
		return Reason{}, err
	}
	return r, nil
}

// String is what [ParseReason] reads.
func (r Reason) String() string {
	if r.Ticket == "" {
		return string(r.Code)
	}
	return string(r.Code) + ":" + r.Ticket
}

// Validate checks code and ticket; errors as of [ParseReason].
func (r Reason) Validate() error {
	switch {
	case !slices.Contains(ReasonCodes(), r.Code):
		var codes []string
		for _, code := range ReasonCodes() {
			codes = append(codes, string(code))
		}
		return NewError(CodeInvalid, "The reason %.40q is none. Write CODE or CODE:TICKET; the codes are %s.", string(r.Code), strings.Join(codes, ", "))
	case r.Ticket == "" && r.Code == ReasonOther:
		return NewError(CodeInvalid, "The reason %q needs a ticket: write %s:TICKET.", r.Code, r.Code)
	case r.Ticket != "" && !ticket.MatchString(r.Ticket):
		return NewError(CodeInvalid, "The ticket %.70q is not 1 to 64 characters of A-Z, a-z, 0-9 and . _ # / -.", r.Ticket)
	}
	return nil
}
